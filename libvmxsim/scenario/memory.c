/* What is in memory before the first step: code, and for each side what its processor needs to execute it. */
#include <stdlib.h>

#include "libvmxsim/scenario/memory.h"
#include "vmcs/architecture.h"

void memory_put(struct runner *runner, uint64_t address, const void *bytes, size_t size) {
  if (vmxsim_machine_write(runner->machine, address, bytes, size)) {
    runner_failed(runner, "expected memory at 0x%llx (`ram`), found none", (unsigned long long)address);
  }
}

void memory_put_value(struct runner *runner, uint64_t address, uint64_t value, unsigned size) {
  uint8_t bytes[8];
  for (unsigned i = 0; i < size; i++) bytes[i] = (uint8_t)(value >> (8 * i));
  memory_put(runner, address, bytes, size);
}

/* --- code --- */

static uint64_t host_base(const struct runner *runner) {
  return host_is_32(runner) ? 0xc0000000 : UINT64_C(0xffff800000000000);
}

/* A linear address of a side that has an identity map, or of the host. */
static uint64_t physical_of(const struct runner *runner, uint64_t linear) {
  const uint64_t offset = linear - host_base(runner);
  return offset < HOST_MEMORY_SIZE ? HOST_MEMORY + offset : linear;
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
    memory_put(runner, placed(runner, code, linear), bytes, count);
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

static void map_asked(struct runner *runner, const struct space *space, const struct scenario_code *code) {
  for (size_t i = 0; i < code->mapping_count; i++) memory_map(runner, space, &code->mappings[i]);
}

static struct space space_of_guest(const struct vmxsim_vmcs *fields) {
  const bool is_64 =
      vmxsim_vmcs_get(fields, VMXSIM_FIELD_vm_entry_controls) & BIT(VMXSIM_BIT_vm_entry_ia_32e_mode_guest);
  const uint64_t cr4 = vmxsim_vmcs_get(fields, VMXSIM_FIELD_guest_cr4);
  return (struct space){
      .mode = is_64           ? MODE_64
              : cr4 & CR4_PAE ? MODE_PAE
                              : MODE_32,
      .root = vmxsim_vmcs_get(fields, VMXSIM_FIELD_guest_cr3),
      .user = AR_DPL_OF(vmxsim_vmcs_get(fields, VMXSIM_FIELD_guest_ss_access_rights)) == 3 ||
              (vmxsim_vmcs_get(fields, VMXSIM_FIELD_guest_rflags) & RFLAGS_VM),
      .five = is_64 && (cr4 & CR4_LA57),
  };
}

/* What is in the VMCS may be wrong on purpose: only what lies in the guest's memory is filled. */
static void write_tables_of_guest(struct runner *runner, const struct vmxsim_vmcs *fields,
                                  const struct scenario_code *code) {
  const bool is_64 = code->mode == MODE_64;
  const uint64_t gdt = vmxsim_vmcs_get(fields, VMXSIM_FIELD_guest_gdtr_base);
  const uint64_t idt = vmxsim_vmcs_get(fields, VMXSIM_FIELD_guest_idtr_base);
  const uint64_t tss = vmxsim_vmcs_get(fields, VMXSIM_FIELD_guest_tr_base);
  if (gdt && gdt < HOST_MEMORY) {
    tables_write_gdt(runner, gdt, is_64, tss);
    tables_write_descriptors(runner, gdt, code);
  }
  if (tss && tss < HOST_MEMORY) tables_write_tss(runner, tss, is_64, STACK);
  if (idt < HOST_MEMORY) tables_write_gates(runner, idt, code);
}

static bool prepare_guest(struct runner *runner, const struct scenario_vmcs *vmcs) {
  struct vmxsim_vmcs fields;
  vmxsim_case_vmcs(&vmcs->subject, &fields);
  const struct space space = space_of_guest(&fields);
  const uint64_t cr0 = vmxsim_vmcs_get(&fields, VMXSIM_FIELD_guest_cr0);
  const bool paging = (cr0 & CR0_PG) && (space.root & ~PAGE_OFFSET) < HOST_MEMORY;
  struct scenario_code code = vmcs->guest;
  struct scenario_mapping around = {0x10000, 0x110000, 0x30000, PAGE_USER};
  if (paging) memory_map_identity(runner, &space);
  if (vmxsim_vmcs_get(&fields, VMXSIM_FIELD_guest_rflags) & RFLAGS_VM) {
    /* Its segments lie where the template's page directory does. */
    if (paging) memory_map(runner, &space, &around);
    if (!code.mapping_count) {
      code.mappings = &around;
      code.mapping_count = 1;
    }
  }
  if (paging) map_asked(runner, &space, &vmcs->guest);
  code.mode = space.mode == MODE_64 ? MODE_64 : cr0 & CR0_PE ? MODE_32 : MODE_16;
  write_tables_of_guest(runner, &fields, &code);
  return load_code(runner, &code);
}

static void prepare_handlers(struct runner *runner, uint64_t idt, enum scenario_mode mode) {
  for (unsigned vector = 0; vector < 256; vector++) {
    const struct scenario_gate gate = {.vector = (uint8_t)vector, .offset = runner->handlers + 16 * vector};
    tables_write_gate(runner, idt, mode, &gate);
  }
}

static bool prepare_host(struct runner *runner) {
  const struct scenario_code *code = &runner->scenario->host;
  const struct vmxsim_vmcs *fields = &runner->host_fields;
  const bool is_64 = code->mode == MODE_64;
  if (code->mode == MODE_16) {
    prepare_handlers(runner, 0, MODE_16);
    tables_write_gates(runner, 0, code);
    return load_code(runner, code);
  }
  const struct space space = {code->mode, vmxsim_vmcs_get(fields, VMXSIM_FIELD_host_cr3), false, false};
  const uint64_t base = host_base(runner);
  const uint64_t tss = vmxsim_vmcs_get(fields, VMXSIM_FIELD_host_tr_base);
  const uint64_t gdt = physical_of(runner, vmxsim_vmcs_get(fields, VMXSIM_FIELD_host_gdtr_base));
  const uint64_t idt = physical_of(runner, vmxsim_vmcs_get(fields, VMXSIM_FIELD_host_idtr_base));
  memory_map_identity(runner, &space);
  memory_map(runner, &space, &(struct scenario_mapping){base, HOST_MEMORY, HOST_MEMORY_SIZE, 0});
  map_asked(runner, &space, code);
  tables_write_gdt(runner, gdt, is_64, tss);
  tables_write_descriptors(runner, gdt, code);
  tables_write_tss(runner, physical_of(runner, tss), is_64, base + STACK);
  prepare_handlers(runner, idt, code->mode == MODE_PAE ? MODE_32 : code->mode);
  tables_write_gates(runner, idt, code);
  return load_code(runner, code);
}

static void write_asked(struct runner *runner) {
  const struct vmxsim_case *subject = &runner->scenario->subject;
  for (size_t i = 0; i < subject->memory_count; i++) {
    if (subject->memory[i].bytes)
      memory_put(runner, subject->memory[i].address, subject->memory[i].bytes, subject->memory[i].size);
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
