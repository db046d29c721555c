/* The embedder's view of a vCPU: registers, translation, interrupts. */
#include "cpu/apic/apic.h"
#include "cpu/events/events.h"
#include "cpu/exec/flags.h"
#include "libvmxsim/machine/machine_internal.h"

vmxsim_vcpu *vmxsim_machine_vcpu(vmxsim_machine *handle, unsigned index) {
  return index < handle->machine.vcpus ? handle->machine.vcpu[index] : NULL;
}

void vmxsim_vcpu_get_state(vmxsim_vcpu *vcpu, struct vmxsim_state *state) {
  flags_read(&vcpu->cpu);
  *state = vcpu->cpu.s;
}

vmxsim_status vmxsim_vcpu_set_state(vmxsim_vcpu *vcpu, const struct vmxsim_state *state) {
  struct vcpu *v = &vcpu->cpu;
  if ((unsigned)state->activity > VMXSIM_MWAIT) return VMXSIM_ERROR_ARGUMENT;
  v->s = *state;
  flags_write(v, state->rflags | 2);
  mmu_flush_all(v, true);
  vcpu_update_mode(v);
  mem_breakpoints_changed(v);
  events_rearm(v);
  return VMXSIM_OK;
}

uint64_t vmxsim_vcpu_cycles(const vmxsim_vcpu *vcpu) {
  return vcpu->cpu.cycles;
}

vmxsim_status vmxsim_vcpu_translate(vmxsim_vcpu *vcpu, uint64_t linear, uint64_t *physical) {
  return mem_translate_quietly(&vcpu->cpu, linear, physical) ? VMXSIM_OK : VMXSIM_ERROR_GUEST_MEMORY;
}

vmxsim_status vmxsim_vcpu_inject_interrupt(vmxsim_vcpu *vcpu, uint8_t vector) {
  const struct apic_message message = {
      .destination = vcpu->cpu.index, .vector = vector, .delivery = APIC_FIXED, .source = vcpu->cpu.index};
  if (vector < 16) return VMXSIM_ERROR_ARGUMENT;
  apic_bus_send(vcpu->cpu.machine, &message);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_inject_nmi(vmxsim_vcpu *vcpu) {
  events_signal_nmi(&vcpu->cpu);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_raise_line(vmxsim_vcpu *vcpu, bool level) {
  vcpu->cpu.interrupt_line = level;
  if (level) vcpu_signal(&vcpu->cpu);
  return VMXSIM_OK;
}
