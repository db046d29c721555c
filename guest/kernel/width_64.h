/* The 64-bit build: IA-32e mode with 4-level paging. Included by kernel/width.h. */
#ifndef GUEST_WIDTH_64_H
#define GUEST_WIDTH_64_H

#include "kernel/cpu.h"

#define MODE_NAME "IA-32e mode, 4-level paging"
#define PAGING_LEVELS 4
#define CODE_DESCRIPTOR UINT64_C(0x00af9b000000ffff)

/* What interrupts_64.S pushes, and the processor before it. */
struct interrupt_frame {
  word r15, r14, r13, r12, r11, r10, r9, r8, di, si, bp, bx, dx, cx, ax;
  word vector, error_code;
  word ip, cs, flags, sp, ss;
};

/* SDM 3A, "64-Bit Mode IDT". */
struct gate {
  uint32_t low, middle, high, reserved;
};

static inline struct gate interrupt_gate(word handler, uint16_t selector) {
  return (struct gate){(uint32_t)selector << 16 | (uint32_t)(handler & 0xffff),
                       (uint32_t)(handler & 0xffff0000) | 0x8e00, (uint32_t)(handler >> 32), 0};
}

/* A descriptor's base has 32 bits: the MSR gives GS all of them. */
static inline void set_own_base(word base) {
  write_msr(IA32_GS_BASE, base);
}

/* SDM 3A, "Task Management in 64-bit Mode". */
struct task_state {
  uint32_t reserved, stacks[25];
};

#endif
