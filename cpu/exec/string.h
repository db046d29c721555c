/* String instructions: what the elements (string.c) and their repetition (string_repeat.c) share. */
#ifndef VMXSIM_CPU_EXEC_STRING_H
#define VMXSIM_CPU_EXEC_STRING_H

#include "cpu/exec/operand.h"

/* Executes one element; false: an exception is pending and nothing has changed. */
typedef bool string_step(struct vcpu *v, const struct ir_op *op);
/* Executes up to `most` elements at once in memory of the host, and returns how many it did: 0 where the slow way has
 * to be gone. CMPS and SCAS stop after the element that ends the repetition. */
typedef uint64_t string_span(struct vcpu *v, const struct ir_op *op, uint64_t most);

/* Runs the op to its end, or, if it has REP, to a boundary at which something is due. `span` may be NULL. `compares`:
 * CMPS and SCAS, which ZF ends. */
void string_run(struct vcpu *v, const struct ir_op *op, string_step *step, string_span *span, bool compares);

/* How many elements may be executed from here on before a boundary has to be looked at; at least 1. To be asked after
 * the translations that cost cycles. */
uint64_t string_room(const struct vcpu *v, const struct ir_op *op);

/* Bytes of an element. */
static inline unsigned string_size(const struct ir_op *op) {
  bool first = op->operand[0].kind == IR_MEMORY || op->operand[1].kind != IR_MEMORY;
  return op->operand[first ? 0 : 1].size;
}

/* rSI or rDI, truncated to the address size; and moving it by a number of elements as DF says. */
static inline uint64_t string_index(const struct vcpu *v, const struct ir_op *op, unsigned reg) {
  return truncate_to(v->s.gpr[reg], op->address_size);
}
void string_advance(struct vcpu *v, const struct ir_op *op, unsigned reg, uint64_t elements);

/* Elements, at most `most`, from an index upwards that lie in one piece of host memory; *host is that, NULL if there
 * are none or DF is set. */
uint64_t string_host(struct vcpu *v, const struct ir_op *op, unsigned segment, unsigned reg, bool write, uint64_t most,
                     uint8_t **host);

#endif
