/* The subjects that exec_bind_integer() and exec_bind_transfer() are made of: each NULL if the opcode is not its own.
 */
#ifndef VMXSIM_CPU_EXEC_INTEGER_H
#define VMXSIM_CPU_EXEC_INTEGER_H

#include "cpu/exec/exec.h"
#include "cpu/vcpu.h"

ir_execute *bind_alu(const struct ir_op *op);      /* ADD ... CMP, TEST, INC, DEC, NEG, NOT */
ir_execute *bind_shift(const struct ir_op *op);    /* ROL ... SAR, SHLD, SHRD */
ir_execute *bind_muldiv(const struct ir_op *op);   /* MUL, IMUL, DIV, IDIV */
ir_execute *bind_bits(const struct ir_op *op);     /* BT ..., BSF, BSR, LZCNT, TZCNT, POPCNT, CRC32, BSWAP */
ir_execute *bind_bcd(const struct ir_op *op);      /* DAA, DAS, AAA, AAS, AAM, AAD */
ir_execute *bind_bmi(const struct ir_op *op);      /* BMI1, BMI2, ADX */
ir_execute *bind_exchange(const struct ir_op *op); /* XADD, CMPXCHG and its double forms */
ir_execute *bind_flags(const struct ir_op *op);    /* CLC ... STD, LAHF, SAHF, SALC, SETcc */

ir_execute *bind_stack(const struct ir_op *op);  /* PUSH ... POPF, ENTER, LEAVE */
ir_execute *bind_branch(const struct ir_op *op); /* near branches, CALL, RET, LOOP, BOUND, ENDBR */

/* For bind_block.c; NULL if there is none. A handler that leaves the flags alone; one for a MOV that does the op behind
 * it, too, whose handler is such a one; and one for a branch whose flags the op before it has set in the way given. */
ir_execute *bind_flagless(const struct ir_op *op);
ir_execute *bind_moved(const struct ir_op *mov);
ir_execute *bind_branch_behind(const struct ir_op *op, enum lazy_kind flags);

#endif
