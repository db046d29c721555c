/* Loading segment registers: descriptors, checks, and what every far transfer shares. */
#ifndef VMXSIM_CPU_EXEC_SEGMENTS_H
#define VMXSIM_CPU_EXEC_SEGMENTS_H

#include "cpu/vcpu.h"

/* MOV, POP, LDS ... to a data segment or SS, in every mode. False: exception pending, nothing changed. */
bool segment_load(struct vcpu *vcpu, unsigned segment, uint16_t selector);
/* Fills the hidden part from a descriptor. */
void segment_from_descriptor(struct vmxsim_segment *segment, uint16_t selector, const uint32_t words[2]);
/* Real-address and virtual-8086 mode: base = selector * 16. */
void segment_load_real(struct vcpu *vcpu, unsigned segment, uint16_t selector);

enum task_switch { TASK_CALL, TASK_JMP, TASK_IRET, TASK_GATE };
/* Switches to the task whose TSS selector this is; error code pushed on the new stack if has_error_code. False:
 * exception pending in the old task. Faults in the new task are delivered there, and the answer is true: s.rip is then
 * where execution goes on. */
bool task_switch(struct vcpu *vcpu, enum task_switch reason, uint16_t selector, uint64_t next_rip, bool has_error_code,
                 uint32_t error_code);
/* The same for an event: `external` is the EXT bit of error codes, `resume` whether the saved EFLAGS have RF set. */
bool task_switch_event(struct vcpu *vcpu, uint16_t selector, uint64_t return_rip, bool has_error_code,
                       uint32_t error_code, uint32_t external, bool resume);

/* --- descriptors -------------------------------------------------------------------------------------------------- */

struct descriptor {
  uint32_t words[4];
  uint64_t linear; /* where it lies */
};

enum descriptor_type {
  DESCRIPTOR_TSS_16 = 1,
  DESCRIPTOR_LDT = 2,
  DESCRIPTOR_TSS_16_BUSY = 3,
  DESCRIPTOR_CALL_GATE_16 = 4,
  DESCRIPTOR_TASK_GATE = 5,
  DESCRIPTOR_INTERRUPT_GATE_16 = 6,
  DESCRIPTOR_TRAP_GATE_16 = 7,
  DESCRIPTOR_TSS = 9,
  DESCRIPTOR_TSS_BUSY = 11,
  DESCRIPTOR_CALL_GATE = 12,
  DESCRIPTOR_INTERRUPT_GATE = 14,
  DESCRIPTOR_TRAP_GATE = 15,
};

enum descriptor_result { DESCRIPTOR_FOUND, DESCRIPTOR_BEYOND, DESCRIPTOR_FAULT };
/* DESCRIPTOR_BEYOND: not within its table, nothing is pending. DESCRIPTOR_FAULT: reading it faulted. */
enum descriptor_result descriptor_fetch(struct vcpu *vcpu, uint16_t selector, struct descriptor *descriptor);
/* descriptor_fetch(), with vector(error_code) for DESCRIPTOR_BEYOND. */
bool descriptor_get(struct vcpu *vcpu, uint16_t selector, struct descriptor *descriptor, unsigned vector,
                    uint32_t error_code);
/* Sets the accessed bit, in memory too, if it is not set. False: #PF pending. */
bool descriptor_set_accessed(struct vcpu *vcpu, struct descriptor *descriptor);
bool descriptor_set_busy(struct vcpu *vcpu, struct descriptor *descriptor, bool busy);

static inline unsigned descriptor_type(const struct descriptor *d) {
  return (d->words[1] >> 8) & 15;
}
static inline unsigned descriptor_dpl(const struct descriptor *d) {
  return (d->words[1] >> 13) & 3;
}
static inline bool descriptor_present(const struct descriptor *d) {
  return (d->words[1] >> 15) & 1;
}
static inline bool descriptor_is_system(const struct descriptor *d) {
  return !((d->words[1] >> 12) & 1);
}
static inline bool descriptor_is_code(const struct descriptor *d) {
  return !descriptor_is_system(d) && (descriptor_type(d) & 8);
}
static inline bool descriptor_is_conforming(const struct descriptor *d) {
  return descriptor_is_code(d) && (descriptor_type(d) & 4);
}
static inline bool descriptor_is_writable_data(const struct descriptor *d) {
  return !descriptor_is_system(d) && (descriptor_type(d) & 10) == 2;
}
/* 64-bit code: L = 1. With D = 1 as well it is no valid code segment in IA-32e mode. */
static inline bool descriptor_long(const struct descriptor *d) {
  return (d->words[1] >> 21) & 1;
}
static inline bool descriptor_default_big(const struct descriptor *d) {
  return (d->words[1] >> 22) & 1;
}
uint64_t descriptor_base(const struct descriptor *descriptor); /* of a 16-byte one, 64 bits */
uint32_t descriptor_limit(const struct descriptor *descriptor);

static inline bool selector_is_null(uint16_t selector) {
  return !(selector & 0xfffc);
}
static inline uint32_t selector_error(uint16_t selector) {
  return selector & 0xfffcU;
}

/* --- what far transfers do to segment registers ------------------------------------------------------------------- */

/* A null selector in ES, DS, FS, GS, or in SS in 64-bit mode, at that privilege. */
void segment_load_null(struct vcpu *vcpu, unsigned segment, uint16_t selector, unsigned cpl);
/* The checks on a stack segment for that privilege, as inner calls, returns and task switches have them: `vector` with
 * the selector for everything but "not present", which is #SS. `external` is the EXT bit of error codes. */
bool segment_check_stack(struct vcpu *vcpu, uint16_t selector, unsigned cpl, unsigned vector, uint32_t external,
                         struct descriptor *descriptor);
/* After a return to an outer level: data segments that it may not use become null. */
void segment_drop_inner(struct vcpu *vcpu);

/* A stack under construction: that of the interrupted code or a new one, not yet in SS:RSP. */
struct far_stack {
  struct vmxsim_segment ss;
  uint64_t sp;
  uint64_t mask;  /* of the stack-address size */
  bool is_64_bit; /* no limit, canonical addresses */
  bool inner;     /* belongs to a more privileged level than the present one */
  uint32_t error; /* of #SS */
};
struct far_stack far_stack_current(const struct vcpu *vcpu);
/* Whether that many bytes fit below SP; false: #SS(error) pending. */
bool far_stack_room(struct vcpu *vcpu, const struct far_stack *stack, unsigned bytes);
bool far_stack_push(struct vcpu *vcpu, struct far_stack *stack, unsigned size, uint64_t value);
/* Reads at SP + offset of the present stack. */
bool far_stack_peek(struct vcpu *vcpu, unsigned offset, unsigned size, uint64_t *value);
/* Takes `bytes` off (adds them to SP of the present stack-address size). */
void far_stack_release(struct vcpu *vcpu, uint64_t bytes);
/* Puts the value into RSP, ESP or SP as the stack segment in SS says. */
void far_stack_set_pointer(struct vcpu *vcpu, uint64_t sp);

#endif
