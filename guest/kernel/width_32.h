/* The 32-bit build: protected mode with PAE paging. Included by kernel/width.h. */
#ifndef GUEST_WIDTH_32_H
#define GUEST_WIDTH_32_H

#include "kernel/types.h"

#define MODE_NAME "protected mode, PAE paging"
#define PAGING_LEVELS 3
#define CODE_DESCRIPTOR UINT64_C(0x00cf9b000000ffff)

/* What interrupts_32.S pushes, and the processor before it. */
struct interrupt_frame {
  word di, si, bp, unused, bx, dx, cx, ax;
  word vector, error_code;
  word ip, cs, flags;
};

/* SDM 3A, "IDT Descriptors". */
struct gate {
  uint32_t low, high;
};

static inline struct gate interrupt_gate(word handler, uint16_t selector) {
  return (struct gate){(uint32_t)selector << 16 | (handler & 0xffff), (handler & 0xffff0000) | 0x8e00};
}

/* GS has its base from its descriptor. */
static inline void set_own_base(word base) {
  (void)base;
}

/* SDM 3A, "Task-State Segment (TSS)". */
struct task_state {
  uint32_t link, sp0, ss0, unused[23];
};

#endif
