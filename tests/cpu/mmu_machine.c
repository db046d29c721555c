/* See mmu_machine.h. */
#include "tests/cpu/mmu_machine.h"

/* --- what cpu/mmu wants of the rest of the processor --- */

void vcpu_raise(struct vcpu *v, unsigned vector) {
  v->exception = (struct exception){.pending = true, .vector = (uint8_t)vector};
}

void vcpu_raise_with_code(struct vcpu *v, unsigned vector, uint32_t error_code) {
  v->exception =
      (struct exception){.pending = true, .vector = (uint8_t)vector, .has_error_code = true, .error_code = error_code};
}

struct apic {
  uint64_t value, offset;
};
static struct apic the_apic;

uint64_t apic_mmio_read(struct apic *apic, uint64_t offset, unsigned size) {
  apic->offset = offset;
  return size == 8 ? apic->value : apic->value & ((UINT64_C(1) << (8 * size)) - 1);
}

void apic_mmio_write(struct apic *apic, uint64_t offset, unsigned size, uint64_t value) {
  (void)size;
  apic->offset = offset;
  apic->value = value;
}

/* --- memory --- */

static uint64_t device_read(void *context, uint64_t offset, unsigned size) {
  struct test_machine *m = context;
  m->device_offset = offset;
  m->device_size = size;
  m->device_reads++;
  return m->device_value;
}

static void device_write(void *context, uint64_t offset, unsigned size, uint64_t value) {
  struct test_machine *m = context;
  m->device_offset = offset;
  m->device_size = size;
  m->device_writes++;
  m->device_value = value;
}

void machine_create(struct test_machine *m) {
  memset(m, 0, sizeof *m);
  m->ram = calloc(1, RAM_SIZE);
  m->high = calloc(1, HIGH_SIZE);
  m->rom = calloc(1, 0x10000);
  m->memory = physical_create(NULL);
  physical_map(m->memory, 0, RAM_SIZE, PHYSICAL_RAM, m->ram);
  physical_map(m->memory, HIGH_RAM, HIGH_SIZE, PHYSICAL_RAM, m->high);
  physical_map(m->memory, ROM, 0x10000, PHYSICAL_ROM, m->rom);
  physical_map_mmio(m->memory, DEVICE, 0x2000, device_read, device_write, m);
  m->capabilities.phys_bits = 40;
  m->capabilities.linear_bits = 57;
  m->v.capabilities = &m->capabilities;
  m->v.apic = &the_apic;
  m->v.s.apic_base = APIC_PAGE | APIC_BASE_EN;
  m->v.mmu = mmu_create(&m->v, m->memory);
}

void machine_destroy(struct test_machine *m) {
  mmu_destroy(m->v.mmu);
  physical_destroy(m->memory);
  free(m->ram);
  free(m->high);
  free(m->rom);
}

static void flat_segments(struct test_machine *m) {
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++)
    m->v.s.segment[i] = (struct vmxsim_segment){.limit = UINT32_MAX, .access_rights = 0xc093};
  m->v.s.segment[VMXSIM_CS].access_rights = 0xc09b;
}

static uint64_t new_table(struct test_machine *m) {
  uint64_t table = m->next_table;
  m->next_table += PAGE_SIZE;
  memset(m->ram + table, 0, PAGE_SIZE);
  return table;
}

static void set_registers(struct test_machine *m, enum paging_mode mode) {
  struct vmxsim_state *s = &m->v.s;
  s->cr0 = CR0_PE | CR0_WP | (mode == PAGING_OFF ? 0 : CR0_PG);
  s->cr4 = mode == PAGING_32 ? CR4_PSE : CR4_PAE;
  s->efer = EFER_NXE;
  s->rflags = 2;
  s->pkru = 0;
  s->pkrs = 0;
  m->v.mode = DECODE_PROTECTED | DECODE_CODE_32 | DECODE_STACK_32;
  if (mode < PAGING_4_LEVEL) return;
  s->efer |= EFER_LMA | EFER_LME;
  m->v.mode = DECODE_PROTECTED | DECODE_CODE_64;
  if (mode == PAGING_5_LEVEL) s->cr4 |= CR4_LA57;
}

void machine_mode(struct test_machine *m, enum paging_mode mode) {
  m->next_table = TABLES;
  set_registers(m, mode);
  flat_segments(m);
  m->v.s.cr3 = new_table(m);
  for (unsigned i = 0; i < 4; i++) m->v.s.pdpte[i] = mode == PAGING_PAE ? new_table(m) | PDPTE_P : 0;
  m->v.cpl = 0;
  m->v.exception.pending = false;
  mmu_flush_all(&m->v, true);
}

void machine_cpl(struct test_machine *m, unsigned cpl) {
  m->v.cpl = (uint8_t)cpl;
  mmu_mode_changed(&m->v);
}

/* --- page tables --- */

static unsigned entry_size(const struct test_machine *m) {
  return m->v.mmu->context.mode == PAGING_32 ? 4 : 8;
}

static unsigned shift_of(const struct test_machine *m, unsigned level) {
  return 12 + (level - 1) * (entry_size(m) == 4 ? 10 : 9);
}

static uint64_t load(const struct test_machine *m, const uint8_t *entry) {
  uint64_t value = 0;
  memcpy(&value, entry, entry_size(m));
  return value;
}

/* Tables that are missing on the way are made. */
uint8_t *machine_entry(struct test_machine *m, uint64_t linear, unsigned level) {
  const bool pae = m->v.mmu->context.mode == PAGING_PAE;
  uint64_t table = pae ? m->v.s.pdpte[linear >> 30 & 3] : m->v.s.cr3;
  for (unsigned at = m->v.mmu->context.levels;; at--) {
    uint64_t index = linear >> shift_of(m, at) & (PAGE_SIZE / entry_size(m) - 1);
    uint8_t *entry = m->ram + (table & BITS(39, 12)) + index * entry_size(m);
    if (at == level) return entry;
    if (load(m, entry) == 0) {
      uint64_t made = new_table(m) | ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER;
      memcpy(entry, &made, entry_size(m));
    }
    table = load(m, entry);
  }
}

uint64_t machine_entry_value(struct test_machine *m, uint64_t linear, unsigned level) {
  return load(m, machine_entry(m, linear, level));
}

void machine_entry_set(struct test_machine *m, uint64_t linear, unsigned level, uint64_t value) {
  memcpy(machine_entry(m, linear, level), &value, entry_size(m));
}

void machine_map(struct test_machine *m, uint64_t linear, uint64_t physical, unsigned shift, uint64_t entry) {
  unsigned level = 1;
  while (shift_of(m, level) < shift) level++;
  if (level > 1) entry |= ENTRY_PAGE_SIZE;
  if (shift == 22) physical = (physical & 0xffc00000) | (physical >> 32 & 0xff) << 13;
  machine_entry_set(m, linear, level, physical | entry);
}
