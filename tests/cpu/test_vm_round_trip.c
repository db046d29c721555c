/* What a VM exit and the VM entry back take in the timing model `latency`, as software measures it: within 10% of what
 * was published of the processor (cpu/timing/transitions.def). */
#include "tests/cpu/vmx_guest.h"

enum { HOST_CODE = 0x110000, DIRECTORY = GUEST_TABLES + 0x3000, ROUNDS = 100 };

/* The guest calls, the host resumes it, without end. */
static void prepare(const struct vmxsim_profile *profile) {
  const struct vmxsim_machine_options options = {
      .size = sizeof options, .processor = &profile->capabilities, .timing = VMXSIM_TIMING_LATENCY};
  assert_int_equal(vmxsim_machine_create(&options, &guest_machine), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_map(guest_machine, 0, GUEST_RAM, VMXSIM_RAM, NULL), VMXSIM_OK);
  v = &((struct machine *)guest_machine)->vcpu[0]->cpu;
  guest_enter(GUEST_64, 0, NULL);
  guest_put(GUEST_TABLES + 0x1000, 8, DIRECTORY | 7); /* pages of 2 MiB: old processors have none of 1 GiB */
  guest_put(DIRECTORY, 8, 0x87);
  guest_put(GUEST_CODE, 4, 0x00c1010f); /* VMCALL */
  guest_put(HOST_CODE, 4, 0x00c3010f);  /* VMRESUME */
  v->vmx.vmcs = vmxsim_template_find("long-mode", 9)->vmcs;
  v->vmx.vmcs.launched = true;
  GUEST_FIELD(guest_cr3) = GUEST_FIELD(host_cr3) = GUEST_TABLES;
  GUEST_FIELD(guest_rip) = GUEST_CODE;
  GUEST_FIELD(host_rip) = HOST_CODE;
  establish();
}

/* Cycles of a round, after the first one. */
static uint64_t round_trip(void) {
  struct vmxsim_run_result result;
  vmxsim_vcpu *const vcpu = vmxsim_machine_vcpu(guest_machine, 0);
  for (unsigned i = 0; i < 2; i++) vmxsim_vcpu_step(vcpu, &result);
  const uint64_t begin = vmxsim_vcpu_cycles(vcpu);
  for (unsigned i = 0; i < 2 * ROUNDS; i++) vmxsim_vcpu_step(vcpu, &result);
  assert_true(v->vmx.in_non_root && v->s.rip == GUEST_CODE && GUEST_FIELD(exit_reason) == VMXSIM_EXIT_vmcall);
  return (vmxsim_vcpu_cycles(vcpu) - begin) / ROUNDS;
}

static void as_published(void **state) {
  static const struct {
    const char *profile;
    unsigned cycles;
  } published[] = {
#define TRANSITION(name, cycles, source)
#define LATENCY(opcode, cycles, source)
#define LATENCY_WRITE(opcode, cycles, source)
#define PAGE_WALK(cycles, source)
#define VM_ROUND_TRIP(profile, cycles, source) {profile, cycles},
#include "cpu/timing/transitions.def"
  };
  (void)state;
  for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
    const struct vmxsim_profile *const profile =
        vmxsim_profile_find(published[i].profile, strlen(published[i].profile));
    assert_non_null(profile);
    if (!vmxsim_has_feature(&profile->capabilities, VMXSIM_FEATURE_intel64)) continue;
    prepare(profile);
    const unsigned measured = (unsigned)round_trip(), wanted = published[i].cycles;
    print_message("%-20s published %4u, measured %4u\n", profile->name, wanted, measured);
    if (measured * 10 > wanted * 11 || measured * 10 < wanted * 9) fail_msg("%s", profile->name);
    vmxsim_machine_destroy(guest_machine);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(as_published)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
