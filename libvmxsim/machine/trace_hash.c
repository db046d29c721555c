/* The hash of a trace. Blocks stay blocks: their instructions are fed when they have run, with the cycle at which each
 * ended. What costs more than its op says has left a note (struct extra_log).
 */
#include "libvmxsim/machine/trace_hash.h"

#include "cpu/mmu/mmu.h"

#include "vmxsim/determinism.h"

static void mix(struct trace_hash *hash, uint64_t word) {
  hash->value = (hash->value ^ word) * UINT64_C(0x9e3779b97f4a7c15);
  hash->value ^= hash->value >> 32;
}

static void feed(const struct vmxsim_vcpu *vcpu, uint64_t cycle, uint64_t rip, bool is_event) {
  struct trace_hash *hash = &vcpu->cpu.machine->hash;
  mix(hash, (uint64_t)vcpu->cpu.index << 1 | is_event);
  mix(hash, cycle);
  mix(hash, rip);
}

/* vcpu.cycles at the end of an op, which does not have those of the block's ops yet. */
static uint64_t clock_at(const struct extra_log *log, const struct ir_op *op, uint64_t began) {
  uint64_t clock = began;
  for (unsigned i = 0; i < log->count && log->entry[i].op <= op; i++) clock = log->entry[i].clock;
  return clock;
}

void trace_ops(struct vmxsim_vcpu *vcpu, const struct ir_op *first, const struct ir_op *last, uint64_t began,
               bool completed) {
  const struct vcpu *v = &vcpu->cpu;
  if (!completed || v->in_repetition) last--;
  for (const struct ir_op *op = first; op <= last && op->length; op++) {
    const uint64_t end = clock_at(&v->extra_log, op, began) + op->cycle - first->cycle + op->cycles;
    feed(vcpu, end, v->block_rip + op->offset, false);
  }
  vcpu->cpu.extra_log.count = 0;
}

void trace_event(struct vmxsim_vcpu *vcpu) {
  feed(vcpu, vcpu->cpu.cycles, vcpu->cpu.s.rip, true);
}

void trace_switch(struct machine *machine, bool on) {
  for (unsigned i = 0; i < machine->vcpus; i++) {
    machine->vcpu[i]->cpu.extra_log.on = on;
    machine->vcpu[i]->cpu.extra_log.count = 0;
  }
}

/* In the middle of a block the hash would depend on where that was cut. */
vmxsim_status vmxsim_machine_hash_trace(vmxsim_machine *handle, bool on) {
  const vmxsim_status status = machine_check_idle(&handle->machine);
  if (status) return status;
  trace_switch(&handle->machine, on);
  handle->machine.hash = (struct trace_hash){on, 0};
  return VMXSIM_OK;
}

uint64_t vmxsim_machine_trace_hash(const vmxsim_machine *handle) {
  return handle->machine.hash.value;
}

void vmxsim_machine_drop_caches(vmxsim_machine *handle) {
  for (unsigned i = 0; i < handle->machine.vcpus; i++) {
    struct vmxsim_vcpu *vcpu = handle->machine.vcpu[i];
    block_cache_drop_all(vcpu->blocks);
    vcpu_code_changed(&vcpu->cpu);
    mmu_drop_fast(vcpu->cpu.mmu);
  }
}
