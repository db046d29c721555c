/* Executing ops: every instruction group is a file of handlers, and a table that binds opcodes to them.
 *
 * A handler: void group_name(struct vcpu *v, const struct ir_op *op). It reads operands, computes, and commits nothing
 * before its last possible fault. It ends with "return vcpu_next(v, op);", or sets v->s.rip and returns (branches and
 * whatever ends a block), or returns with an exception pending.
 */
#ifndef VMXSIM_CPU_EXEC_EXEC_H
#define VMXSIM_CPU_EXEC_EXEC_H

#include "cpu/vcpu.h"

/* Chooses the handler of an op by its opcode and the shape of its operands; handlers for the common shapes (registers,
 * 32 and 64 bits, immediates) are specialised. Never NULL: what a group does not execute raises #UD. In VMX non-root
 * operation what may cause a VM exit has a handler that looks at that first (vmx_intercepts.h). */
ir_execute *exec_bind(decode_mode mode, const struct ir_op *op);
/* Better handlers for the ops of a block, each bound already, that always run one after another. */
void exec_bind_block(struct ir_op *ops, unsigned count);

/* Each group's part of it: NULL if the opcode is not the group's. */
ir_execute *exec_bind_integer(const struct ir_op *op);  /* arithmetic, logic, shifts, bits, BCD, CMOV, SETcc, BMI ... */
ir_execute *exec_bind_transfer(const struct ir_op *op); /* MOV, PUSH, POP, LEA, XCHG, near branches, CALL, RET, ENTER */
ir_execute *exec_bind_string(const struct ir_op *op);   /* MOVS ... SCAS, INS, OUTS, IN, OUT */
ir_execute *exec_bind_system(const struct ir_op *op);   /* CR, DR, MSR, descriptor tables, INVLPG, CPUID, HLT ... */
ir_execute *exec_bind_far(const struct ir_op *op);      /* far transfers, INT, IRET, SYSCALL, SYSENTER, segment loads */
ir_execute *exec_bind_x87(const struct ir_op *op);      /* x87 and MMX */
ir_execute *exec_bind_sse(const struct ir_op *op);      /* SSE to AVX2, FMA, F16C: floating point */
ir_execute *exec_bind_simd(const struct ir_op *op);     /* SSE2 to AVX2: integer, moves, AES, SHA; FXSAVE, XSAVE */
ir_execute *exec_bind_cet(const struct ir_op *op);      /* shadow stacks: INCSSP, RDSSP, RSTORSSP, WRSS, SETSSBSY ... */

/* Operands: cpu/exec/operand.h. Flags: cpu/exec/flags.h. */

#endif
