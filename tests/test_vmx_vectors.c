/* Every vector of testvectors/checks through VMLAUNCH or VMRESUME of the VMX engine: the outcome is that of the checks
 * alone (`vmxsim check`), and one of those that the vector allows. */
#define _POSIX_C_SOURCE 200809L
#include "tests/fake_vmx_cpu.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static struct fake_cpu cpu;
static const struct vmxsim_case *subject;

static struct { size_t run, entered, failed, not_known; } counts;

static void read_memory(void *context, uint64_t address, void *bytes, size_t size) {
  (void)context;
  assert_true(vmxsim_case_read_memory((void *)(uintptr_t)subject, address, bytes, size));
}

static bool any_msr(void *context, uint32_t index, uint64_t value) {
  (void)context, (void)index, (void)value;
  return true;
}

static bool trace_msr(void *context, uint32_t index, uint64_t *value) {
  (void)context;
  *value = index == MSR_IA32_RTIT_CTL ? subject->state.item[VMXSIM_PROCESSOR_rtit_trace_enabled] : 0;
  return true;
}

/* The engine knows everything; a vector of which not everything is known is no entry. */
static bool everything_is_known(const struct vmxsim_vmcs *vmcs) {
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    if (!vmxsim_vmcs_is_known(vmcs, (vmxsim_field)i)) return false;
  }
  return subject->processor && subject->memory_complete &&
         subject->state.known == ~UINT64_C(0) >> (64 - VMXSIM_PROCESSOR_ITEM_COUNT);
}

#define ITEM(name) (subject->state.item[VMXSIM_PROCESSOR_##name])

static void set_state(void) {
  struct vmxsim_state *state = &cpu.state;
  state->cr0 = ITEM(cr0_pe) ? state->cr0 | CR0_PE : state->cr0 & ~CR0_PE;
  state->rflags |= ITEM(rflags_vm) ? RFLAGS_VM : 0;
  state->efer = ITEM(efer_lma) ? EFER_LMA | EFER_LME : 0;
  if (!ITEM(cs_l)) state->segment[VMXSIM_CS].access_rights &= ~(uint32_t)AR_L;
  state->segment[VMXSIM_SS].access_rights |= (uint32_t)ITEM(cpl) << 5;
  state->blocking_by_mov_ss = ITEM(blocking_by_mov_ss);
  state->in_smm = ITEM(in_smm);
  state->apic_base = (ITEM(apic_enabled) ? APIC_BASE_EN : 0) | (ITEM(apic_x2apic) ? APIC_BASE_EXTD : 0);
}

/* The items that are not in vmxsim_state; the others the engine has to find for itself. */
static void set_other_state(void) {
  static const enum vmxsim_processor_item items[] = {
      VMXSIM_PROCESSOR_dual_monitor,
      VMXSIM_PROCESSOR_executive_vmcs_launched,
      VMXSIM_PROCESSOR_executive_controls_valid,
      VMXSIM_PROCESSOR_executive_unrestricted_guest,
      VMXSIM_PROCESSOR_executive_enable_ept,
      VMXSIM_PROCESSOR_executive_virtual_nmis,
      VMXSIM_PROCESSOR_executive_vmcs_shadowing,
      VMXSIM_PROCESSOR_in_seam,
  };
  for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
    cpu.vmx.processor.item[items[i]] = subject->state.item[items[i]];
  }
}

static void set_engine(const struct vmxsim_vmcs *vmcs) {
  cpu.capabilities = *subject->processor;
  vmxsim_vmx_init(&cpu.vmx, &cpu.state, &cpu.capabilities, cpu.vmx.port, &cpu);
  cpu.vmx.verdict_audit = true;
  set_other_state();
  cpu.vmx.vmcs = *vmcs;
  cpu.vmx.vmcs.launched = ITEM(launch_state);
  cpu.vmx.vmcs.shadow = ITEM(shadow_vmcs);
  cpu.vmx.current = ITEM(current_vmcs_valid) ? ITEM(current_vmcs_pointer) : VMXSIM_NO_VMCS;
  cpu.vmx.vmxon_pointer = ITEM(vmxon_pointer);
  cpu.vmx.in_vmx_operation = ITEM(in_vmx_operation);
  cpu.vmx.in_non_root = ITEM(in_vmx_non_root);
  if (cpu.vmx.in_non_root) cpu.vmx.controls[VMXSIM_WORD_vm_exit] = vmcs->value[VMXSIM_FIELD_vm_exit_controls];
}

static struct vmxsim_outcome outcome_of_exit(bool in_non_root) {
  const uint64_t reason = cpu.vmx.vmcs.value[VMXSIM_FIELD_exit_reason];
  const uint32_t qualification = (uint32_t)cpu.vmx.vmcs.value[VMXSIM_FIELD_exit_qualification];
  if (in_non_root) return (struct vmxsim_outcome){.kind = VMXSIM_ENTRY_VM_EXIT};
  assert_true(reason >> 31);
  return (struct vmxsim_outcome){.kind = (reason & 0xffff) == 33 ? VMXSIM_ENTRY_EXIT_33 : VMXSIM_ENTRY_EXIT_34,
                                 .number = qualification};
}

static struct vmxsim_outcome enter(void) {
  const bool in_non_root = cpu.vmx.in_non_root;
  const uint64_t error = cpu.vmx.vmcs.value[VMXSIM_FIELD_vm_instruction_error];
  cpu.vmx.vmcs.value[VMXSIM_FIELD_vm_instruction_error] = 0;
  switch (fake_execute(&cpu, ITEM(vmresume) ? VMXSIM_VMRESUME : VMXSIM_VMLAUNCH, 0, 0)) {
  case VMXSIM_VMX_ENTERED: return (struct vmxsim_outcome){.kind = VMXSIM_ENTRY_SUCCEEDS};
  case VMXSIM_VMX_FAULT:
    return (struct vmxsim_outcome){.kind = cpu.fault.vector == VECTOR_UD ? VMXSIM_ENTRY_UD : VMXSIM_ENTRY_GP};
  case VMXSIM_VMX_EXITED: return outcome_of_exit(in_non_root);
  case VMXSIM_VMX_PENDING: fail_msg("VMLAUNCH has no operand"); break;
  case VMXSIM_VMX_DONE: break;
  }
  const uint32_t number = (uint32_t)cpu.vmx.vmcs.value[VMXSIM_FIELD_vm_instruction_error];
  cpu.vmx.vmcs.value[VMXSIM_FIELD_vm_instruction_error] = error;
  return (cpu.state.rflags & RFLAGS_ARITHMETIC) == RFLAGS_ZF
             ? (struct vmxsim_outcome){.kind = VMXSIM_ENTRY_FAIL_VALID, .number = number}
             : (struct vmxsim_outcome){.kind = VMXSIM_ENTRY_FAIL_INVALID};
}

static void compare(const struct vmxsim_outcome *expected, const struct vmxsim_outcome *found) {
  const bool numbered = expected->kind != VMXSIM_ENTRY_VM_EXIT;
  if (expected->kind != found->kind || (numbered && expected->number != found->number)) {
    fail_msg("%s: outcome %d(%u), the checks say %d(%u)", subject->name, (int)found->kind, (unsigned)found->number,
             (int)expected->kind, (unsigned)expected->number);
  }
  if (!vmxsim_outcome_allowed(subject, found)) fail_msg("%s: outcome not allowed", subject->name);
  if (cpu.vmx.verdict_differs) fail_msg("%s: incremental and full verdict differ", subject->name);
}

static void run_case(void) {
  struct vmxsim_vmcs vmcs;
  struct vmxsim_vector_result result;
  vmxsim_case_vmcs(subject, &vmcs);
  if (!everything_is_known(&vmcs)) {
    counts.not_known++;
    return;
  }
  vmxsim_vector_run(subject, &result);
  fake_reset(&cpu, "skylake-server");
  struct vmxsim_vmx_port port = fake_port;
  port.read_memory = read_memory;
  port.read_msr = trace_msr;
  port.write_msr = any_msr;
  cpu.vmx.port = &port;
  set_state();
  set_engine(&vmcs);
  struct vmxsim_outcome outcome = enter();
  compare(&result.outcome, &outcome);
  counts.run++;
  if (outcome.kind == VMXSIM_ENTRY_SUCCEEDS) counts.entered++;
  if (outcome.kind != VMXSIM_ENTRY_FAIL_VALID) return;
  /* Once more, with nothing changed: the incremental verdict. */
  counts.failed++;
  outcome = enter();
  compare(&result.outcome, &outcome);
}

static void run_file(const char *path) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  fseek(file, 0, SEEK_END);
  const size_t size = (size_t)ftell(file);
  rewind(file);
  char *text = malloc(size + 1);
  assert_non_null(text);
  assert_int_equal(fread(text, 1, size, file), size);
  fclose(file);
  vmxsim_document *document;
  struct vmxsim_diagnostic diagnostic;
  if (vmxsim_document_read(path, text, size, VMXSIM_FORMAT_YAML, NULL, &document, &diagnostic) != VMXSIM_OK) {
    fail_msg("%s:%u: %s", path, diagnostic.line, diagnostic.text);
  }
  for (size_t i = 0; i < vmxsim_document_count(document); i++) {
    subject = vmxsim_document_case(document, i);
    run_case();
  }
  vmxsim_document_free(document);
  free(text);
}

static void every_vector(void **state) {
  (void)state;
  const char *folder = SOURCE_DIR "/testvectors/checks";
  DIR *directory = opendir(folder);
  assert_non_null(directory);
  for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
    char path[1024];
    if (!strstr(entry->d_name, ".yaml")) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    run_file(path);
  }
  closedir(directory);
  print_message("%zu vectors run, %zu of them enter, %zu fail with an error number; %zu are not entries\n", counts.run,
                counts.entered, counts.failed, counts.not_known);
  assert_true(counts.run > 3000 && counts.entered > 500 && counts.failed > 500);
  assert_true(counts.not_known < counts.run / 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_vector)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
