/* The embedder's view of a vCPU: who it is, and what can be signalled to it. Its registers are registers.c's. */
#include "cpu/apic/apic.h"
#include "cpu/events/events.h"
#include "libvmxsim/machine/machine_internal.h"

vmxsim_vcpu *vmxsim_machine_vcpu(vmxsim_machine *handle, unsigned index) {
  return index < handle->machine.vcpus ? handle->machine.vcpu[index] : NULL;
}

unsigned vmxsim_vcpu_index(const vmxsim_vcpu *vcpu) {
  return vcpu->cpu.index;
}

uint64_t vmxsim_vcpu_cycles(const vmxsim_vcpu *vcpu) {
  return vcpu->cpu.cycles;
}

uint64_t vmxsim_vcpu_instructions(const vmxsim_vcpu *vcpu) {
  return vcpu->instructions;
}

vmxsim_status vmxsim_vcpu_inject_interrupt(vmxsim_vcpu *vcpu, uint8_t vector) {
  if (vector < 16) return machine_fail(vcpu->cpu.machine, VMXSIM_ERROR_ARGUMENT, "vectors 0 to 15 are exceptions");
  const struct apic_message message = {.vector = vector, .delivery = APIC_FIXED, .source = vcpu->cpu.index};
  apic_receive(vcpu->cpu.apic, &message, vcpu->cpu.cycles);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_inject_nmi(vmxsim_vcpu *vcpu) {
  events_signal_nmi(&vcpu->cpu);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_inject_smi(vmxsim_vcpu *vcpu) {
  events_signal_smi(&vcpu->cpu);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_inject_init(vmxsim_vcpu *vcpu) {
  events_signal_init(&vcpu->cpu);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_inject_machine_check(vmxsim_vcpu *vcpu) {
  events_signal_machine_check(&vcpu->cpu);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_inject_startup(vmxsim_vcpu *vcpu, uint8_t vector) {
  events_signal_sipi(&vcpu->cpu, vector);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_raise_line(vmxsim_vcpu *vcpu, bool level) {
  vcpu->cpu.interrupt_line = level;
  if (level) vcpu_signal(&vcpu->cpu);
  return VMXSIM_OK;
}

void vmxsim_machine_set_acknowledge(vmxsim_machine *handle, vmxsim_interrupt_acknowledge *acknowledge, void *context) {
  for (unsigned i = 0; i < handle->machine.vcpus; i++) {
    handle->machine.vcpu[i]->cpu.interrupt_acknowledge = acknowledge;
    handle->machine.vcpu[i]->cpu.interrupt_acknowledge_context = context;
  }
}
