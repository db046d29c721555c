/* Debug registers: DR6, instruction breakpoints, and what the delivery of #DB ends. Data breakpoints are found by
 * cpu/mmu, I/O breakpoints by the instructions; both come here as DR6 bits in trap_dr6.
 *
 * SDM 3B, "Debug Registers", "Debug Exceptions".
 */
#include "cpu/events/events.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

void debug_note(struct vcpu *v, uint64_t bits) {
  /* B0-B3 tell of this exception only, if it has to do with breakpoints; nothing else is ever cleared. */
  if (bits & DR6_BREAKPOINTS) v->s.dr6 &= ~DR6_BREAKPOINTS;
  v->s.dr6 |= bits & (DR6_BREAKPOINTS | DR6_BD | DR6_BS | DR6_BT);
}

void debug_delivered(struct vcpu *v) {
  v->s.dr7 &= ~DR7_GD;
  v->s.debugctl &= ~(DEBUGCTL_BTF | DEBUGCTL_LBR);
}

void debug_collect_breakpoints(struct vcpu *v) {
  const uint64_t breakpoints = v->trap_dr6 & DR6_BREAKPOINTS;
  v->trap_dr6 &= DR6_BT;
  if (!(v->s.pending_debug & PENDING_VALID)) v->s.pending_debug = 0;
  if (breakpoints) v->s.pending_debug |= breakpoints | PENDING_DEBUG_ENABLED_BREAKPOINT;
}

/* Enabled by L or G, for instructions (R/W and LEN 0), and at that address. */
static bool hits(const struct vcpu *v, unsigned i, uint64_t linear) {
  const uint64_t dr7 = v->s.dr7;
  const bool enabled = (dr7 >> (2 * i)) & 3;
  const bool for_code = ((dr7 >> (16 + 4 * i)) & 15) == 0;
  return enabled && for_code && v->s.dr[i] == linear;
}

bool events_code_breakpoint(struct vcpu *v) {
  uint64_t bits = 0;
  if ((v->s.rflags & RFLAGS_RF) || v->s.blocking_by_mov_ss) return false;
  const uint64_t linear = vcpu_code_linear(v, v->s.rip);
  for (unsigned i = 0; i < 4; i++)
    if (hits(v, i, linear)) bits |= BIT(i);
  if (!bits) return false;
  vcpu_raise(v, VECTOR_DB);
  v->exception.address = bits;
  return true;
}
