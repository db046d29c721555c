/* How vCPU 0 starts an image: real mode, protected mode, 64-bit mode. Everything else of it is as after reset. */
#include "libvmxsim/platform/platform.h"

enum {
  CODE_32 = 0xc09b,
  DATA_32 = 0xc093,
  CODE_64 = 0xa09b,
  REAL_MODE = 0x93, /* of CS, too: it can be written */
  SELECTOR_CODE = 8,
  SELECTOR_DATA = 16
};

/* Below the EBDA: what a direct start in protected or 64-bit mode needs. */
#define BOOT_GDT ((uint64_t)0x9e000)
#define BOOT_STACK ((uint64_t)0x9e000)
#define BOOT_TABLES ((uint64_t)0x98000) /* six pages: PML4, PDPT, four directories */

static vmxsim_vcpu *first(const vmxsim_pc *pc) {
  return vmxsim_machine_vcpu(pc->machine, 0);
}

static void set_data_segments(struct vmxsim_state *s, struct vmxsim_segment segment) {
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++) {
    if (i != VMXSIM_CS) s->segment[i] = segment;
  }
}

static void set_common(struct vmxsim_state *s) {
  s->rflags = 2;
  s->activity = VMXSIM_ACTIVE;
}

void start_real_mode(vmxsim_pc *pc, uint16_t segment, uint16_t offset, uint16_t stack) {
  struct vmxsim_state s;
  vmxsim_vcpu_get_state(first(pc), &s);
  set_common(&s);
  set_data_segments(&s, (struct vmxsim_segment){0, 0xffff, REAL_MODE, 0});
  s.segment[VMXSIM_CS] = (struct vmxsim_segment){segment, 0xffff, REAL_MODE, (uint64_t)segment << 4};
  s.idtr = (struct vmxsim_table_register){0, 0x3ff};
  s.rip = offset;
  s.gpr[VMXSIM_RSP] = stack;
  vmxsim_vcpu_set_state(first(pc), &s);
}

/* A GDT that matches the hidden parts: null, code, data. */
static void write_gdt(vmxsim_pc *pc, bool is_64) {
  uint8_t gdt[24] = {0};
  put_64(gdt + SELECTOR_CODE, is_64 ? UINT64_C(0x00af9b000000ffff) : UINT64_C(0x00cf9b000000ffff));
  put_64(gdt + SELECTOR_DATA, UINT64_C(0x00cf93000000ffff));
  vmxsim_machine_write(pc->machine, BOOT_GDT, gdt, sizeof gdt);
}

static void set_flat(struct vmxsim_state *s, uint32_t code_rights) {
  set_common(s);
  set_data_segments(s, (struct vmxsim_segment){SELECTOR_DATA, UINT32_MAX, DATA_32, 0});
  s->segment[VMXSIM_CS] = (struct vmxsim_segment){SELECTOR_CODE, UINT32_MAX, code_rights, 0};
  s->gdtr = (struct vmxsim_table_register){BOOT_GDT, 23};
  s->cr0 = 0x11; /* PE, ET */
}

void start_protected_mode(vmxsim_pc *pc, uint32_t entry, struct vmxsim_state *s) {
  write_gdt(pc, false);
  set_flat(s, CODE_32);
  s->rip = entry;
  vmxsim_vcpu_set_state(first(pc), s);
}

/* The first 4 GiB, by 2-MiB pages. */
static void write_page_tables(vmxsim_pc *pc) {
  enum { PRESENT_WRITABLE = 3, PAGE_2M = 0x83 };
  uint8_t table[PAGE_SIZE] = {0};
  put_64(table, (BOOT_TABLES + 0x1000) | PRESENT_WRITABLE);
  vmxsim_machine_write(pc->machine, BOOT_TABLES, table, sizeof table);
  for (unsigned i = 0; i < 4; i++) put_64(table + 8 * i, (BOOT_TABLES + 0x2000 + 0x1000 * i) | PRESENT_WRITABLE);
  vmxsim_machine_write(pc->machine, BOOT_TABLES + 0x1000, table, sizeof table);
  for (unsigned directory = 0; directory < 4; directory++) {
    for (unsigned i = 0; i < 512; i++) put_64(table + 8 * i, (uint64_t)(directory * 512 + i) << 21 | PAGE_2M);
    vmxsim_machine_write(pc->machine, BOOT_TABLES + 0x2000 + 0x1000 * directory, table, sizeof table);
  }
}

void start_64_bit_mode(vmxsim_pc *pc, uint64_t entry, uint64_t argument) {
  struct vmxsim_state s;
  vmxsim_vcpu_get_state(first(pc), &s);
  write_gdt(pc, true);
  write_page_tables(pc);
  set_flat(&s, CODE_64);
  s.cr0 = 0x80000011; /* PG, ET, PE */
  s.cr3 = BOOT_TABLES;
  s.cr4 = 0x20;   /* PAE */
  s.efer = 0x500; /* LMA, LME */
  s.rip = entry;
  s.gpr[VMXSIM_RSP] = BOOT_STACK;
  s.gpr[VMXSIM_RDI] = argument;
  vmxsim_vcpu_set_state(first(pc), &s);
}
