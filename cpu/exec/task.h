/* Task switches in parts: the contents of task-state segments of 16 and 32 bits, and shadow stacks. Private to task*.c.
 */
#ifndef VMXSIM_CPU_EXEC_TASK_H
#define VMXSIM_CPU_EXEC_TASK_H

#include "cpu/exec/segments.h"

/* What both kinds of TSS hold, selectors in the order of segment numbers. */
struct task_state {
  uint32_t cr3, eip, eflags, gpr[8], ssp;
  uint16_t selector[VMXSIM_SEGMENTS], ldt, link;
  bool trap;
};

/* What the new task needs of the old one's shadow stack. */
struct task_shadow {
  bool nested;       /* CS, LIP and SSP of the old task go onto the new shadow stack */
  bool returned;     /* by IRET: they were taken from the old shadow stack, to be compared */
  uint64_t cs, lip;  /* which */
  uint64_t previous; /* by IRET: the new SSP */
  uint64_t token;    /* by IRET: where the old shadow stack's token has to be */
};

struct task_switching {
  enum task_switch reason;
  uint16_t selector;
  uint64_t next_rip;
  uint32_t external;
  bool resume;
  struct descriptor tss;
  bool wide;
  struct task_state to;
  struct task_shadow shadow;
};

enum { TASK_LIMIT_16 = 0x2b, TASK_LIMIT_32 = 0x67, TASK_LIMIT_SSP = 0x6b };

/* Always false. */
bool task_raise(struct vcpu *vcpu, unsigned vector, uint16_t selector, const struct task_switching *switching);

/* SSP is read if shadow stacks or indirect-branch tracking are on in CR4. */
bool task_read(struct vcpu *vcpu, uint64_t base, bool wide, struct task_state *state);
/* Only what a task switch saves: not CR3, LDT, link, SSP. */
bool task_write(struct vcpu *vcpu, uint64_t base, bool wide, const struct task_state *state);

/* Shadow stacks, in the order of the switch; those that give bool: false with an exception pending.
 * Which TSS may be switched to and from. */
bool task_shadow_check(struct vcpu *vcpu, const struct task_switching *switching);
/* What the old shadow stack holds, before anything is written. */
bool task_shadow_read(struct vcpu *vcpu, struct task_switching *switching);
/* Leaves it, when nothing of the old task can fault any more. */
void task_shadow_leave(struct vcpu *vcpu, const struct task_switching *switching);
/* In the new task, its segments loaded. */
bool task_shadow_enter(struct vcpu *vcpu, const struct task_switching *switching);

#endif
