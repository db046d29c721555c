/* Who listens to a machine: the event stream, and the embedder's answers to CPUID, RDMSR and WRMSR. */
#include "libvmxsim/machine/machine_internal.h"

static struct vmxsim_vcpu *handle_of(struct vcpu *v) {
  return v->machine->vcpu[v->index];
}

/* --- events ------------------------------------------------------------------------------------------------------- */

/* A callback that asks for something that makes an event hears nothing of that. */
static void tell(struct vcpu *v, const struct vmxsim_event *event) {
  struct machine *const machine = v->machine;
  if (machine->is_telling) return;
  machine->is_telling = true;
  machine->on_event(machine->event_context, event);
  machine->is_telling = false;
}

/* Only what the guest does counts. */
static void device_accessed(void *context, uint64_t address, unsigned size, bool write, uint64_t value) {
  struct machine *const machine = context;
  if (!machine->is_running) return;
  observe_access(&machine->vcpu[machine->running]->cpu, write ? VMXSIM_EVENT_mmio_write : VMXSIM_EVENT_mmio_read,
                 address, size, value);
}

/* --- CPUID and MSRs ----------------------------------------------------------------------------------------------- */

static void ask_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t registers[4]) {
  v->machine->on_cpuid(v->machine->cpuid_context, handle_of(v), leaf, subleaf, registers);
}

static bool ask_msr(struct vcpu *v, bool refused, uint32_t msr, bool write, uint64_t *value, bool *fault) {
  struct machine *const machine = v->machine;
  if (refused != (machine->msr_scope == VMXSIM_MSR_REFUSED)) return false;
  const enum vmxsim_msr_answer answer = machine->on_msr(machine->msr_context, handle_of(v), msr, write, value);
  *fault = answer == VMXSIM_MSR_FAULT;
  return answer != VMXSIM_MSR_MODEL;
}

/* --- who there is ------------------------------------------------------------------------------------------------- */

static void changed(struct machine *machine, uint64_t event_mask) {
  const uint64_t devices = VMXSIM_EVENT_BIT(VMXSIM_EVENT_mmio_read) | VMXSIM_EVENT_BIT(VMXSIM_EVENT_mmio_write);
  machine->listener = (struct vcpu_listener){
      .event = tell, .cpuid = machine->on_cpuid ? ask_cpuid : NULL, .msr = machine->on_msr ? ask_msr : NULL};
  for (unsigned i = 0; i < machine->vcpus; i++) {
    machine->vcpu[i]->cpu.listener = &machine->listener;
    machine->vcpu[i]->cpu.event_mask = event_mask;
    vcpu_attend(&machine->vcpu[i]->cpu, ATTENTION_BOUNDARY); /* instructions may have to be looked at from now on */
  }
  physical_on_device(machine->memory, event_mask & devices ? device_accessed : NULL, machine);
}

vmxsim_status vmxsim_machine_on_event(vmxsim_machine *handle, uint64_t mask, vmxsim_on_event *callback, void *context) {
  struct machine *const machine = &handle->machine;
  if (mask & ~VMXSIM_EVENT_ALL) return machine_fail(machine, VMXSIM_ERROR_ARGUMENT, "a kind of event that is none");
  machine->on_event = callback;
  machine->event_context = context;
  changed(machine, callback ? mask : 0);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_machine_on_cpuid(vmxsim_machine *handle, vmxsim_cpuid *callback, void *context) {
  handle->machine.on_cpuid = callback;
  handle->machine.cpuid_context = context;
  changed(&handle->machine, handle->machine.vcpu[0]->cpu.event_mask);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_machine_on_msr(vmxsim_machine *handle, enum vmxsim_msr_scope scope, vmxsim_msr *callback,
                                    void *context) {
  struct machine *const machine = &handle->machine;
  if ((unsigned)scope > VMXSIM_MSR_ALL) return machine_fail(machine, VMXSIM_ERROR_ARGUMENT, "a scope that is none");
  machine->msr_scope = scope;
  machine->on_msr = callback;
  machine->msr_context = context;
  for (unsigned i = 0; i < machine->vcpus; i++) vmxsim_vmx_capabilities_changed(&machine->vcpu[i]->cpu.vmx);
  changed(machine, machine->vcpu[0]->cpu.event_mask);
  return VMXSIM_OK;
}
