/* REP: repetition of string instructions, which can stop between any two elements and go on later.
 *
 * Each element costs op->cycles, however the elements are divided into runs: the run loop counts op->cycles once when
 * the op returns, the rest is charged here. So a trace is the same whether or not something had the op stop
 * midway.
 */
#include "cpu/exec/flags.h"
#include "cpu/exec/string.h"

static bool repeats(const struct ir_op *op) {
  return op->prefixes & (IR_REP | IR_REPNE);
}

/* The clock when this element begins. */
static uint64_t now(const struct vcpu *v, const struct ir_op *op) {
  return v->cycles + op->cycle;
}

uint64_t string_room(const struct vcpu *v, const struct ir_op *op) {
  uint64_t cost = op->cycles ? op->cycles : 1, clock = now(v, op);
  if (v->attention || (v->s.rflags & FLAG_TF) || clock >= v->next_event) return 1;
  uint64_t left = v->next_event - clock;
  return left / cost + (left % cost != 0);
}

void string_advance(struct vcpu *v, const struct ir_op *op, unsigned reg, uint64_t elements) {
  uint64_t by = elements * string_size(op);
  if (v->s.rflags & FLAG_DF) by = 0 - by;
  gpr_write_number(v, reg, op->address_size, v->s.gpr[reg] + by);
}

uint64_t string_host(struct vcpu *v, const struct ir_op *op, unsigned segment, unsigned reg, bool write, uint64_t most,
                     uint8_t **host) {
  uint64_t index = string_index(v, op, reg);
  size_t bytes = 0;
  *host = NULL;
  if (v->s.rflags & FLAG_DF) return 0;
  uint8_t *found = mem_host_span(v, segment, index, write, &bytes);
  uint64_t to_wrap = truncate_to(0 - index, op->address_size); /* 0: the whole address space */
  if (!found) return 0;
  if (to_wrap && bytes > to_wrap) bytes = (size_t)to_wrap;
  uint64_t elements = bytes / string_size(op);
  if (elements) *host = found;
  return elements < most ? elements : most;
}

/* Whether ZF ends the repetition: REPE goes on while it is set, REPNE while it is clear. */
static bool ends_by_zero_flag(const struct vcpu *v, const struct ir_op *op) {
  return flags_lazy_zero(v) != !(op->prefixes & IR_REPNE);
}

/* Something wants a look before the next element. */
static bool must_stop(const struct vcpu *v, const struct ir_op *op) {
  return v->attention || (v->s.rflags & FLAG_TF) || now(v, op) >= v->next_event;
}

/* With a count of zero nothing happens, but that 32-bit addressing clears the upper halves of the registers that fast
 * strings would have written, as Intel processors do. */
static void nothing_to_repeat(struct vcpu *v, const struct ir_op *op) {
  if (op->address_size != 4 || !vcpu_in_64_bit_mode(v)) return;
  v->s.gpr[VMXSIM_RCX] = 0;
  if (op->opcode == IR_MOVS) v->s.gpr[VMXSIM_RSI] = (uint32_t)v->s.gpr[VMXSIM_RSI];
  if (op->opcode == IR_MOVS || op->opcode == IR_STOS) v->s.gpr[VMXSIM_RDI] = (uint32_t)v->s.gpr[VMXSIM_RDI];
}

enum outcome { OUTCOME_DONE, OUTCOME_FAULT, OUTCOME_STOPPED };

static enum outcome repeat(struct vcpu *v, const struct ir_op *op, string_step *step, string_span *span, bool compares,
                           uint64_t *spent) {
  uint64_t count = truncate_to(v->s.gpr[VMXSIM_RCX], op->address_size);
  for (;;) {
    uint64_t done = span ? span(v, op, count) : 0;
    if (!done) {
      if (!step(v, op)) return OUTCOME_FAULT;
      done = 1;
    }
    v->cycles += done * op->cycles;
    *spent += done * op->cycles;
    count -= done;
    gpr_write_number(v, VMXSIM_RCX, op->address_size, count);
    if (!count || (compares && ends_by_zero_flag(v, op))) return OUTCOME_DONE;
    if (must_stop(v, op)) return OUTCOME_STOPPED;
  }
}

void string_run(struct vcpu *v, const struct ir_op *op, string_step *step, string_span *span, bool compares) {
  if (!repeats(op)) {
    bool done = step(v, op);
    return exec_end(v, op, done);
  }
  if (truncate_to(v->s.gpr[VMXSIM_RCX], op->address_size) == 0) {
    nothing_to_repeat(v, op);
    return vcpu_next(v, op);
  }
  uint64_t spent = 0;
  enum outcome outcome = repeat(v, op, step, span, compares, &spent);
  if (outcome == OUTCOME_FAULT) return exec_fault(v, op);
  v->cycles -= op->cycles; /* the run loop's share */
  if (outcome == OUTCOME_STOPPED) return exec_jump(v, exec_wrap_rip(v, vcpu_rip(v, op)));
  v->cycles -= spent - op->cycles; /* charged: what follows in the block may be too late now */
  vcpu_charge(v, spent - op->cycles);
  return exec_next(v, op);
}
