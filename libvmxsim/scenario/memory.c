/* What is in memory before the first step: paging structures, descriptor tables, code. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvmxsim/scenario/runner.h"

enum { ENTRY_PRESENT = 1, ENTRY_WRITE = 2, ENTRY_USER = 4, ENTRY_ACCESSED = 0x20, ENTRY_DIRTY = 0x40 };
#define ENTRY_NX (UINT64_C(1) << 63)

/* A linear address space. */
struct space {
  enum scenario_mode mode;
  uint64_t root;
  bool user; /* its pages are, unless said otherwise */
  bool five; /* 5-level paging */
};

bool runner_failed(struct runner *runner, const char *format, ...) {
  va_list list;
  va_start(list, format);
  if (runner->error && !runner->error->text[0]) {
    vsnprintf(runner->error->text, sizeof runner->error->text, format, list);
    runner->error->line = runner->scenario->line;
    runner->error->column = 1;
  }
  va_end(list);
  return false;
}

static void put(struct runner *runner, uint64_t address, const void *bytes, size_t size) {
  if (vmxsim_machine_write(runner->machine, address, bytes, size)) {
    runner_failed(runner, "expected memory at 0x%llx (`ram`), found none", (unsigned long long)address);
  }
}

static uint64_t get(struct runner *runner, uint64_t address, unsigned size) {
  uint8_t bytes[8] = {0};
  uint64_t value = 0;
  vmxsim_machine_read(runner->machine, address, bytes, size);
  for (unsigned i = 0; i < size; i++) value |= (uint64_t)bytes[i] << (8 * i);
  return value;
}

static void put_value(struct runner *runner, uint64_t address, uint64_t value, unsigned size) {
  uint8_t bytes[8];
  for (unsigned i = 0; i < size; i++) bytes[i] = (uint8_t)(value >> (8 * i));
  put(runner, address, bytes, size);
}

/* --- pages of 4 KBytes --- */

static unsigned levels_of(const struct space *space) {
  if (space->mode == MODE_64) return space->five ? 5 : 4;
  return space->mode == MODE_PAE ? 3 : 2;
}

/* The table below an entry, made if it is not there. PDPTEs have no R/W and U/S. */
static uint64_t table_below(struct runner *runner, const struct space *space, uint64_t entry_at, unsigned level) {
  const unsigned size = space->mode == MODE_32 ? 4 : 8;
  const uint64_t entry = get(runner, entry_at, size);
  if (entry & ENTRY_PRESENT) return entry & 0xffffffffff000;
  if (runner->next_table == TABLES_END) {
    runner_failed(runner, "expected at most 256 paging structures");
    return TABLES_END - 0x1000;
  }
  const uint64_t table = runner->next_table;
  const uint64_t flags = space->mode == MODE_PAE && level == 3 ? 0 : ENTRY_WRITE | ENTRY_USER | ENTRY_ACCESSED;
  runner->next_table += 0x1000;
  put_value(runner, entry_at, table | ENTRY_PRESENT | flags, size);
  return table;
}

static void map_page(struct runner *runner, const struct space *space, uint64_t linear, uint64_t physical,
                     unsigned flags) {
  const unsigned size = space->mode == MODE_32 ? 4 : 8, bits = space->mode == MODE_32 ? 10 : 9;
  uint64_t table = space->root & 0xffffffffffff0, entry = physical;
  if (space->mode != MODE_PAE) table &= ~UINT64_C(0xfff);
  if (space->mode != MODE_64) linear &= UINT32_MAX;
  for (unsigned level = levels_of(space);; level--) {
    const uint64_t index = (linear >> (12 + bits * (level - 1))) & ((1u << bits) - 1);
    if (level == 1) {
      table += index * size;
      break;
    }
    table = table_below(runner, space, table + index * size, level);
  }
  entry |= ENTRY_ACCESSED | ENTRY_DIRTY;
  if (!(flags & PAGE_ABSENT)) entry |= ENTRY_PRESENT;
  if (!(flags & PAGE_READ_ONLY)) entry |= ENTRY_WRITE;
  if (flags & PAGE_USER) entry |= ENTRY_USER;
  if (flags & PAGE_NO_EXECUTE && space->mode != MODE_32) entry |= ENTRY_NX;
  put_value(runner, table, entry, size);
}

static void map(struct runner *runner, const struct space *space, const struct scenario_mapping *mapping) {
  for (uint64_t at = 0; at < mapping->size; at += 0x1000) {
    map_page(runner, space, mapping->linear + at, mapping->physical + at, mapping->flags);
  }
}

static void map_identity(struct runner *runner, const struct space *space) {
  const uint64_t ram = runner->scenario->ram, size = ram < IDENTITY_MAX ? ram : IDENTITY_MAX;
  const unsigned flags = space->user ? PAGE_USER : 0;
  map(runner, space, &(struct scenario_mapping){0, 0, size, flags});
  map(runner, space, &(struct scenario_mapping){0xfee00000, 0xfee00000, 0x1000, flags}); /* the local APIC */
}

static void map_asked(struct runner *runner, const struct space *space, const struct scenario_code *code) {
  for (size_t i = 0; i < code->mapping_count; i++) map(runner, space, &code->mappings[i]);
}

/* --- descriptor tables --- */

/* What templates load, and segments for code of every size and privilege level. */
static void write_gdt(struct runner *runner, uint64_t gdt, bool is_64, uint64_t tss) {
  const uint64_t tss_low = UINT64_C(0x00008b0000000067) | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
  const uint64_t descriptors[] = {
      0,
      is_64 ? UINT64_C(0x00af9b000000ffff) : UINT64_C(0x00cf9b000000ffff), /* 08: code, CPL 0 */
      UINT64_C(0x00cf93000000ffff),                                        /* 10: data */
      tss_low,                                                             /* 18: TSS */
      is_64 ? tss >> 32 : 0,
      is_64 ? UINT64_C(0x00affb000000ffff) : UINT64_C(0x00cffb000000ffff), /* 28: code, CPL 3 */
      UINT64_C(0x00cff3000000ffff),                                        /* 30: data, CPL 3 */
      UINT64_C(0x00cf9b000000ffff),                                        /* 38: 32-bit code, CPL 0 */
      UINT64_C(0x00cffb000000ffff),                                        /* 40: 32-bit code, CPL 3 */
      UINT64_C(0x00009b000000ffff),                                        /* 48: 16-bit code, CPL 0 */
      UINT64_C(0x000093000000ffff),                                        /* 50: 16-bit data */
  };
  for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
    put_value(runner, gdt + 8 * i, descriptors[i], 8);
  }
}

static void write_descriptors(struct runner *runner, uint64_t gdt, const struct scenario_code *code) {
  for (size_t i = 0; i < code->descriptor_count; i++) {
    put_value(runner, gdt + code->descriptors[i].selector, code->descriptors[i].value, 8);
  }
}

/* Stacks for privilege level 0 and IST1, two pages apart from where the code's own begins. */
static void write_tss(struct runner *runner, uint64_t tss, bool is_64, uint64_t stack) {
  if (is_64) {
    put_value(runner, tss + 4, stack + 0x2000, 8);
    put_value(runner, tss + 0x24, stack + 0x3000, 8);
  } else {
    put_value(runner, tss + 4, stack + 0x2000, 4);
    put_value(runner, tss + 8, 0x10, 4);
  }
}

static void write_gate(struct runner *runner, uint64_t idt, enum scenario_mode mode, const struct scenario_gate *gate) {
  const uint64_t selector = gate->selector ? gate->selector : 8, type = gate->type ? gate->type : 14;
  const uint64_t offset = gate->offset;
  if (mode == MODE_16) {
    put_value(runner, idt + 4u * gate->vector, (offset & 0xffff) | (uint64_t)gate->selector << 16, 4);
    return;
  }
  const uint64_t low = (offset & 0xffff) | selector << 16 | (uint64_t)gate->ist << 32 |
                       (0x80 | (uint64_t)gate->dpl << 5 | type) << 40 | (offset >> 16 & 0xffff) << 48;
  if (mode != MODE_64) {
    put_value(runner, idt + 8u * gate->vector, low, 8);
    return;
  }
  put_value(runner, idt + 16u * gate->vector, low, 8);
  put_value(runner, idt + 16u * gate->vector + 8, offset >> 32, 8);
}

static void write_gates(struct runner *runner, uint64_t idt, const struct scenario_code *code) {
  for (size_t i = 0; i < code->gate_count; i++) write_gate(runner, idt, code->mode, &code->gates[i]);
}

/* --- code --- */

/* A linear address of a side that has an identity map, or of the host. */
static uint64_t physical_of(const struct runner *runner, uint64_t linear) {
  const uint64_t base = host_is_32(runner) ? 0xc0000000 : UINT64_C(0xffff800000000000);
  if (linear - base < HOST_MEMORY_SIZE) return HOST_MEMORY + (linear - base);
  return linear;
}

/* Where the code's own pages put it: the last piece that covers an address counts. */
static uint64_t placed(const struct runner *runner, const struct scenario_code *code, uint64_t linear) {
  for (size_t i = code->mapping_count; i-- > 0;) {
    const struct scenario_mapping *mapping = &code->mappings[i];
    if (linear - mapping->linear < mapping->size) return mapping->physical + (linear - mapping->linear);
  }
  return physical_of(runner, linear);
}

/* Page by page: neighbours may be apart in physical memory. */
static void put_linear(struct runner *runner, const struct scenario_code *code, uint64_t linear, const uint8_t *bytes,
                       size_t size) {
  while (size) {
    const size_t room = 0x1000 - (size_t)(linear & 0xfff), count = size < room ? size : room;
    put(runner, placed(runner, code, linear), bytes, count);
    linear += count;
    bytes += count;
    size -= count;
  }
}

static bool load_file(struct runner *runner, const struct scenario_code *code) {
  char *bytes = NULL;
  size_t size = 0;
  const struct vmxsim_scenario_listener *listener = runner->listener;
  if (!listener->read_file || !listener->read_file(listener->context, code->file, &bytes, &size)) {
    return runner_failed(runner, "expected a file that can be read, found '%.100s'", code->file);
  }
  put_linear(runner, code, code->at + code->base, (const uint8_t *)bytes, size);
  free(bytes);
  return true;
}

static bool load_code(struct runner *runner, const struct scenario_code *code) {
  for (size_t i = 0; i < code->assembly.piece_count; i++) {
    const struct vmxsim_code *piece = &code->assembly.pieces[i];
    put_linear(runner, code, piece->address + code->base, piece->bytes, piece->size);
  }
  return !code->file || load_file(runner, code);
}

/* --- the two sides --- */

static bool prepare_guest(struct runner *runner, const struct scenario_vmcs *vmcs) {
  struct vmxsim_vmcs fields;
  vmxsim_case_vmcs(&vmcs->subject, &fields);
  const uint64_t cr0 = vmxsim_vmcs_get(&fields, VMXSIM_FIELD_guest_cr0);
  const uint64_t cr4 = vmxsim_vmcs_get(&fields, VMXSIM_FIELD_guest_cr4);
  const bool is_64 = vmxsim_vmcs_get(&fields, VMXSIM_FIELD_vm_entry_controls) & 1 << 9; /* IA-32e mode guest */
  const bool v86 = vmxsim_vmcs_get(&fields, VMXSIM_FIELD_guest_rflags) & 1 << 17;
  const unsigned dpl = (unsigned)vmxsim_vmcs_get(&fields, VMXSIM_FIELD_guest_ss_access_rights) >> 5 & 3;
  const uint64_t base = vmxsim_vmcs_get(&fields, VMXSIM_FIELD_guest_gdtr_base);
  const uint64_t idt = vmxsim_vmcs_get(&fields, VMXSIM_FIELD_guest_idtr_base);
  const uint64_t tss = vmxsim_vmcs_get(&fields, VMXSIM_FIELD_guest_tr_base);
  struct scenario_code code = vmcs->guest;
  struct space space = {is_64          ? MODE_64
                        : cr4 & 1 << 5 ? MODE_PAE
                                       : MODE_32,
                        vmxsim_vmcs_get(&fields, VMXSIM_FIELD_guest_cr3), dpl == 3 || v86, is_64 && (cr4 & 1 << 12)};
  /* What is in the VMCS may be wrong on purpose: only what lies in the guest's memory is filled. */
  struct scenario_mapping around = {0x10000, 0x110000, 0x30000, PAGE_USER};
  const bool paging = (cr0 >> 31 & 1) && (space.root & ~UINT64_C(0xfff)) < HOST_MEMORY;
  if (paging) map_identity(runner, &space);
  if (v86) { /* its segments lie where the template's page directory does */
    if (paging) map(runner, &space, &around);
    if (!code.mapping_count) {
      code.mappings = &around;
      code.mapping_count = 1;
    }
  }
  if (paging) map_asked(runner, &space, &vmcs->guest);
  code.mode = is_64 ? MODE_64 : (cr0 & 1) ? MODE_32 : MODE_16;
  if (base && base < HOST_MEMORY) {
    write_gdt(runner, base, is_64, tss);
    write_descriptors(runner, base, &code);
  }
  if (tss && tss < HOST_MEMORY) write_tss(runner, tss, is_64, STACK);
  if (idt < HOST_MEMORY) write_gates(runner, idt, &code);
  return load_code(runner, &code);
}

static void prepare_handlers(struct runner *runner, uint64_t idt, enum scenario_mode mode) {
  for (unsigned vector = 0; vector < 256; vector++) {
    const struct scenario_gate gate = {.vector = (uint8_t)vector, .offset = runner->handlers + 16 * vector};
    write_gate(runner, idt, mode, &gate);
  }
}

static bool prepare_host(struct runner *runner) {
  const struct scenario_code *code = &runner->scenario->host;
  const struct vmxsim_vmcs *fields = &runner->host_fields;
  const bool is_64 = code->mode == MODE_64;
  if (code->mode == MODE_16) {
    prepare_handlers(runner, 0, MODE_16);
    write_gates(runner, 0, code);
    return load_code(runner, code);
  }
  const struct space space = {code->mode, vmxsim_vmcs_get(fields, VMXSIM_FIELD_host_cr3), false, false};
  const uint64_t base = is_64 ? UINT64_C(0xffff800000000000) : 0xc0000000;
  const uint64_t tss = vmxsim_vmcs_get(fields, VMXSIM_FIELD_host_tr_base);
  const uint64_t gdt = physical_of(runner, vmxsim_vmcs_get(fields, VMXSIM_FIELD_host_gdtr_base));
  const uint64_t idt = physical_of(runner, vmxsim_vmcs_get(fields, VMXSIM_FIELD_host_idtr_base));
  map_identity(runner, &space);
  map(runner, &space, &(struct scenario_mapping){base, HOST_MEMORY, HOST_MEMORY_SIZE, 0});
  map_asked(runner, &space, code);
  write_gdt(runner, gdt, is_64, tss);
  write_descriptors(runner, gdt, code);
  write_tss(runner, physical_of(runner, tss), is_64, base + STACK);
  prepare_handlers(runner, idt, code->mode == MODE_PAE ? MODE_32 : code->mode);
  write_gates(runner, idt, code);
  return load_code(runner, code);
}

static void write_asked(struct runner *runner) {
  const struct vmxsim_case *subject = &runner->scenario->subject;
  for (size_t i = 0; i < subject->memory_count; i++) {
    if (subject->memory[i].bytes)
      put(runner, subject->memory[i].address, subject->memory[i].bytes, subject->memory[i].size);
  }
}

bool memory_prepare(struct runner *runner) {
  const struct vmxsim_scenario *scenario = runner->scenario;
  runner->next_table = TABLES;
  if (vmxsim_machine_map(runner->machine, 0, scenario->ram, VMXSIM_RAM, NULL)) {
    return runner_failed(runner, "expected memory for the machine, found too little");
  }
  if (!prepare_host(runner)) return false;
  for (size_t n = 0; n < scenario->vmcs_count; n++) {
    if (!prepare_guest(runner, &scenario->vmcss[n])) return false;
  }
  write_asked(runner);
  return !runner->error->text[0];
}
