/* HLT, PAUSE, RSM, and waiting for a store: MONITOR, MWAIT, UMONITOR, UMWAIT, TPAUSE.
 *
 * The monitored line is watched as decoded code is: stores to it come to wait_note_store(). SDM 2B, the instructions of
 * these names. What ends a wait is decided in cpu/events/boundary.c.
 */
#include "cpu/events/events.h"
#include "cpu/exec/operand.h"
#include "cpu/exec/system.h"
#include "cpu/exec/wait.h"
#include "cpu/mmu/mmu.h"
#include "cpu/timing/timing.h"

/* --- the monitored line
 * ----------------------------------------------------------------------------------------------- */

void wait_watch(struct vcpu *v) {
  if (v->monitor_armed && !v->monitor_written) physical_watch_code_bytes(v->mmu->memory, v->monitor_address, WAIT_LINE);
}

void wait_note_store(struct vcpu *v, uint64_t address, size_t size) {
  if (!v->monitor_armed) return;
  if (address < v->monitor_address + WAIT_LINE && v->monitor_address < address + size) {
    v->monitor_written = true;
    vcpu_signal(v);
  }
  wait_watch(v); /* a page that was written to is no longer watched at all */
}

void wait_end(struct vcpu *v) {
  v->s.activity = VMXSIM_ACTIVE;
  v->monitor_armed = v->monitor_written = v->wait_ignores_if = v->wait_has_limit = false;
  v->wake_cycle = UINT64_MAX;
  vcpu_attend(v, ATTENTION_BOUNDARY);
}

/* A load of one byte, and the line it is in. */
static bool arm(struct vcpu *v, unsigned segment, uint64_t offset) {
  uint64_t byte, physical;
  if (!mem_read(v, segment, offset, 1, &byte)) return false;
  v->monitor_written = false;
  v->monitor_armed = mem_translate_quietly(v, system_linear(v, segment, offset), &physical);
  if (!v->monitor_armed) return true;
  v->monitor_address = physical & ~(uint64_t)(WAIT_LINE - 1);
  wait_watch(v);
  return true;
}

static void start_waiting(struct vcpu *v, const struct ir_op *op) {
  v->s.activity = VMXSIM_MWAIT;
  vcpu_attend(v, ATTENTION_BOUNDARY);
  system_end(v, op);
}

/* --- MONITOR, MWAIT
 * ---------------------------------------------------------------------------------------------------- */

/* #UD above CPL 0, and while IA32_MISC_ENABLE hides them. */
bool system_monitor_usable(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  if (v->cpl == 0 && (v->s.misc_enable & MISC_ENABLE_MONITOR)) return true;
  vcpu_raise(v, VECTOR_UD);
  return false;
}

/* Extensions: ECX, in 64-bit mode RCX. */
static uint64_t extensions_of(const struct vcpu *v) {
  return system_gpr(v, VMXSIM_RCX, vcpu_in_64_bit_mode(v) ? 8 : 4);
}

static void system_monitor(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!system_monitor_usable(v, op)) return;
  if (extensions_of(v)) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  if (!arm(v, op->memory.segment, mem_effective_address(v, op))) return;
  system_end(v, op);
}

/* In VMX non-root operation an interrupt window that is being waited for is not slept through: SDM 3C, "Changes to
 * Instruction Behavior in VMX Non-Root Operation". */
static bool awaits_interrupt_window(const struct vcpu *v, uint64_t extensions) {
  return (extensions & 1) && !(v->s.rflags & RFLAGS_IF) && vmxsim_vmx_on(&v->vmx, primary, interrupt_window_exiting);
}

/* ECX[0]: interrupts end the wait even if they are masked. */
static void system_mwait(struct vcpu *v, const struct ir_op *op) {
  const uint64_t extensions = extensions_of(v);
  v->current = op;
  if (!system_monitor_usable(v, op)) return;
  if (extensions & ~UINT64_C(1)) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  if (!v->monitor_armed || v->monitor_written || awaits_interrupt_window(v, extensions)) {
    v->monitor_armed = false;
    return system_end(v, op);
  }
  v->wait_ignores_if = extensions & 1;
  v->wait_has_limit = false;
  v->wake_cycle = UINT64_MAX;
  start_waiting(v, op);
}

/* --- UMONITOR, UMWAIT, TPAUSE
 * ------------------------------------------------------------------------------------------- */

static void system_umonitor(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!arm(v, op->memory.segment, mem_effective_address(v, op))) return;
  system_end(v, op);
}

/* Time is up at EDX:EAX, or earlier where IA32_UMWAIT_CONTROL has a limit (bits 31:2, in TSC units). */
static void wait_until(struct vcpu *v, const struct ir_op *op) {
  const uint64_t now = vmxsim_vmx_guest_tsc(&v->vmx, timing_tsc(v));
  const uint64_t deadline = system_gpr(v, VMXSIM_RDX, 4) << 32 | system_gpr(v, VMXSIM_RAX, 4);
  const uint64_t limit = v->s.umwait_control & BITS(31, 2);
  uint64_t span = deadline > now ? vmxsim_vmx_physical_delay(&v->vmx, deadline - now) : 0;
  v->wait_has_limit = limit && limit < span;
  if (v->wait_has_limit) span = limit;
  flags_write_arithmetic(v, 0);
  if (!span) return system_end(v, op);
  v->wait_ignores_if = true;
  v->wake_cycle = timing_now(v) + span;
  start_waiting(v, op);
}

static bool wait_allowed(struct vcpu *v, const struct ir_op *op) {
  if ((v->s.cr4 & CR4_TSD) && v->cpl > 0) return vcpu_raise_with_code(v, VECTOR_GP, 0), false;
  if (system_gpr(v, op->operand[0].reg, 4) & ~UINT64_C(1)) return vcpu_raise_with_code(v, VECTOR_GP, 0), false;
  return true;
}

static void system_umwait(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!wait_allowed(v, op)) return;
  if (v->monitor_armed && !v->monitor_written) return wait_until(v, op);
  v->monitor_armed = false;
  flags_write_arithmetic(v, 0);
  system_end(v, op);
}

static void system_tpause(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!wait_allowed(v, op)) return;
  v->monitor_armed = false;
  wait_until(v, op);
}

/* --- the rest
 * ----------------------------------------------------------------------------------------------------------- */

static void system_hlt(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!system_privileged(v)) return;
  v->s.activity = VMXSIM_HLT;
  vcpu_attend(v, ATTENTION_BOUNDARY);
  system_end(v, op);
}

static void system_pause(struct vcpu *v, const struct ir_op *op) {
  exec_next(v, op);
}

static void system_rsm(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!v->s.in_smm) return vcpu_raise(v, VECTOR_UD);
  smm_resume(v);
}

ir_execute *system_bind_wait(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_HLT: return system_hlt;
  case IR_PAUSE: return system_pause;
  case IR_RSM: return system_rsm;
  case IR_MONITOR: return system_monitor;
  case IR_MWAIT: return system_mwait;
  case IR_UMONITOR: return system_umonitor;
  case IR_UMWAIT: return system_umwait;
  case IR_TPAUSE: return system_tpause;
  default: return NULL;
  }
}
