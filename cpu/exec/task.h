/* Task-state segments of 16 and 32 bits: reading and writing their contents. Private to task.c and task_state.c. */
#ifndef VMXSIM_CPU_EXEC_TASK_H
#define VMXSIM_CPU_EXEC_TASK_H

#include "cpu/vcpu.h"

/* What both kinds of TSS hold, selectors in the order of segment numbers. */
struct task_state {
  uint32_t cr3, eip, eflags, gpr[8];
  uint16_t selector[VMXSIM_SEGMENTS], ldt, link;
  bool trap;
};

enum { TASK_LIMIT_16 = 0x2b, TASK_LIMIT_32 = 0x67, TASK_LIMIT_SSP = 0x6b, TASK_SSP = 0x68 };

bool task_read(struct vcpu *vcpu, uint64_t base, bool wide, struct task_state *state);
/* Only what a task switch saves: not CR3, LDT, link. */
bool task_write(struct vcpu *vcpu, uint64_t base, bool wide, const struct task_state *state);

#endif
