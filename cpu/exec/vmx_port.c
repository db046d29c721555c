/* What the VMX engine asks of the processor: memory, MSRs, the time-stamp counter, taking over a state, delivering an
 * event. */
#include "cpu/exec/vmx.h"

#include "cpu/events/events.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/mmu.h"
#include "cpu/observe.h"
#include "cpu/timing/timing.h"

static void read_memory(void *context, uint64_t address, void *bytes, size_t size) {
  const struct vcpu *v = context;
  physical_read(v->mmu->memory, address, bytes, size);
}

static void write_memory(void *context, uint64_t address, const void *bytes, size_t size) {
  const struct vcpu *v = context;
  physical_write(v->mmu->memory, address, bytes, size);
}

static bool read_msr(void *context, uint32_t msr, uint64_t *value) {
  return system_access_msr(context, msr, false, value);
}

static bool write_msr(void *context, uint32_t msr, uint64_t value) {
  return system_access_msr(context, msr, true, &value);
}

static uint64_t tsc(void *context) {
  return timing_tsc(context);
}

/* What the boundary remembers of the instruction before belongs to the state that was left. */
static void forget_instruction(struct vcpu *v) {
  v->exception.pending = false;
  v->shadow_is_new = v->in_repetition = v->branch_taken = false;
  v->trap_dr6 = 0;
  v->tpr_below_threshold = v->nmis_unblocked = false;
  v->monitor_armed = v->wait_ignores_if = v->wait_has_limit = false;
  v->wake_cycle = UINT64_MAX;
  events_rearm(v);
}

static void state_replaced(void *context, bool flush) {
  struct vcpu *const v = context;
  vcpu_attend(v, ATTENTION_BOUNDARY | ATTENTION_MODE | ATTENTION_CODE);
  forget_instruction(v);
  if (!vcpu_update_mode(v)) mmu_mode_changed(v);
  if (flush) mmu_flush_translations(v, true);
  mem_breakpoints_changed(v);
  v->state_replaced = true;
}

static void deliver(void *context, const struct vmxsim_vmx_event *event) {
  events_inject(context, event);
}

static void invalidate(void *context) {
  mmu_flush_all(context, true);
}

static bool a20_masked(void *context) {
  const struct vcpu *v = context;
  return v->a20_off;
}

/* --- the event stream --------------------------------------------------------------------------------------------- */

static enum vmxsim_event_kind kind_of(const struct vmxsim_vmx_trace *what) {
  switch (what->kind) {
  case VMXSIM_VMX_TRACE_ENTRY:
    return what->outcome->kind == VMXSIM_ENTRY_SUCCEEDS ? VMXSIM_EVENT_vm_entry : VMXSIM_EVENT_vm_entry_failure;
  case VMXSIM_VMX_TRACE_INJECTION: return VMXSIM_EVENT_vm_injection;
  case VMXSIM_VMX_TRACE_EXIT: return VMXSIM_EVENT_vm_exit;
  case VMXSIM_VMX_TRACE_ABORT: return VMXSIM_EVENT_vmx_abort;
  default: return VMXSIM_EVENT_vmx_instruction;
  }
}

static void trace(void *context, const struct vmxsim_vmx *vmx, const struct vmxsim_vmx_trace *what) {
  struct vcpu *const v = context;
  const enum vmxsim_event_kind kind = kind_of(what);
  if (!observes(v, kind)) return;
  struct vmxsim_event event = observe_begin(v, kind);
  event.u.vmx.vmx = vmx;
  event.u.vmx.trace = what;
  observe_tell(v, &event);
}

static const struct vmxsim_vmx_port port = {
    .size = sizeof port,
    .read_memory = read_memory,
    .write_memory = write_memory,
    .read_msr = read_msr,
    .write_msr = write_msr,
    .tsc = tsc,
    .state_replaced = state_replaced,
    .deliver = deliver,
    .invalidate = invalidate,
    .a20_masked = a20_masked,
    .trace = trace,
};

void exec_vmx_init(struct vcpu *v) {
  vmxsim_vmx_init(&v->vmx, &v->s, v->capabilities, &port, v);
}

void exec_vm_exit(struct vcpu *v, const struct vmxsim_vmx_exit *exit) {
  flags_read(v);
  vmxsim_vmx_exit(&v->vmx, exit);
  vcpu_charge_transition(v, TRANSITION_VM_EXIT);
}

void exec_vm_exit_for(struct vcpu *v, const struct ir_op *op, struct vmxsim_vmx_exit exit) {
  v->current = op;
  v->s.rip = system_rip(v, op);
  exit.instruction_length = op->length;
  exit.saved_rf = VMXSIM_RF_0;
  exec_vm_exit(v, &exit);
}
