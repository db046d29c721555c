/* Far transfers: what JMP, CALL, RET, IRET, SYSCALL and event delivery share. Private to cpu/exec and cpu/events. */
#ifndef VMXSIM_CPU_EXEC_FAR_H
#define VMXSIM_CPU_EXEC_FAR_H

#include "cpu/exec/exec.h"
#include "cpu/exec/segments.h"

/* Code to go to: a selector whose RPL is the CPL to be, its descriptor, and RIP. */
struct far_target {
  uint16_t selector;
  struct descriptor descriptor;
  uint64_t rip;
};

/* Whether the code segment is 64-bit code for the mode we are in. */
bool far_target_is_64_bit(const struct vcpu *vcpu, const struct far_target *target);
/* RIP within the limit, or canonical for 64-bit code; else #GP(error). */
bool far_check_rip(struct vcpu *vcpu, const struct far_target *target, uint32_t error);
/* Loads CS and RIP: what can fault has been done before. */
void far_commit_target(struct vcpu *vcpu, const struct far_target *target);
/* A flat segment as SYSCALL, SYSENTER and their returns load them. */
void far_load_flat(struct vcpu *vcpu, unsigned segment, uint16_t selector, uint32_t access_rights);

/* The stack of an inner level from the current TSS: RSP, SS (descriptor in *descriptor; none in IA-32e mode).
 * `external` is the EXT bit of error codes. */
bool far_inner_stack(struct vcpu *vcpu, unsigned cpl, uint32_t external, struct far_stack *stack,
                     struct descriptor *descriptor);
/* Marks the descriptor of an inner stack accessed; nothing to do in IA-32e mode, where SS is null. */
bool far_inner_stack_accessed(struct vcpu *vcpu, struct far_stack *stack, struct descriptor *descriptor);

/* Far transfers through system descriptors other than code segments: far_gate.c. */
enum far_kind { FAR_JMP, FAR_CALL };
void far_through_system_descriptor(struct vcpu *vcpu, const struct ir_op *op, enum far_kind kind, uint16_t selector,
                                   const struct descriptor *descriptor);
/* The rest of CALL to a code segment at the same level: pushes CS and RIP by `size`, then goes. */
void far_call_same_level(struct vcpu *vcpu, const struct ir_op *op, struct far_target *target, unsigned size);
/* The rest of JMP likewise. */
void far_jump(struct vcpu *vcpu, const struct ir_op *op, struct far_target *target);

/* Returns (RET, IRET): far_return.c. */
struct far_return {
  struct far_target target;
  unsigned cpl; /* that of the target */
  bool outer;
  bool has_stack; /* SS:RSP are popped: outer, or IRET in 64-bit mode */
  uint16_t ss;
  uint64_t rsp;
  bool null_ss;
  struct descriptor ss_descriptor;
  unsigned extra; /* RET imm16: released from both stacks */
};
/* The checks on CS. */
bool far_return_check_code(struct vcpu *vcpu, struct far_return *r);
/* The checks on SS, where has_stack. */
bool far_return_check_stack(struct vcpu *vcpu, struct far_return *r);
/* Shadow stack, then commits CS:RIP, SS:RSP and CPL; `popped` bytes go off a stack that stays. False: exception
 * pending. */
bool far_return_commit(struct vcpu *vcpu, struct far_return *r, unsigned popped, bool is_iret);

/* A software interrupt in virtual-8086 mode that the bitmap of the TSS redirects to the program's own handler: done if
 * *redirected. False: exception pending. far_interrupt.c. */
bool far_redirect(struct vcpu *vcpu, unsigned vector, uint64_t return_rip, bool *redirected);

/* The groups' tables. */
ir_execute *far_bind_interrupt(const struct ir_op *op); /* far_interrupt.c: INT, INT1, INT3, INTO */
void far_iret(struct vcpu *vcpu, const struct ir_op *op);
void far_syscall(struct vcpu *vcpu, const struct ir_op *op);
void far_sysret(struct vcpu *vcpu, const struct ir_op *op);
void far_sysenter(struct vcpu *vcpu, const struct ir_op *op);
void far_sysexit(struct vcpu *vcpu, const struct ir_op *op);
void far_ret(struct vcpu *vcpu, const struct ir_op *op);

#endif
