/* Ports as instructions see them, and what the machine has to provide for that. */
#ifndef VMXSIM_CPU_EXEC_IO_H
#define VMXSIM_CPU_EXEC_IO_H

#include "cpu/exec/exec.h"

/* From the machine: one access of 1, 2 or 4 bytes. False: an exception is pending, or the access was not made for
 * another reason, and the instruction is to be taken up again. */
bool io_read(struct vcpu *vcpu, uint16_t port, unsigned size, uint32_t *value);
bool io_write(struct vcpu *vcpu, uint16_t port, unsigned size, uint32_t value);

/* From the machine: the next number of its seeded generator, for RDRAND and RDSEED. */
uint64_t machine_random(struct machine *machine);

/* Whether the current privilege may access these ports (IOPL, I/O permission bitmap); false with #GP(0) or the fault
 * of reading the TSS pending. */
bool io_permitted(struct vcpu *vcpu, uint16_t port, unsigned size);
/* Notes I/O breakpoints on these ports: a debug trap after the instruction. */
void io_breakpoints(struct vcpu *vcpu, uint16_t port, unsigned size);

ir_execute *bind_io(const struct ir_op *op); /* IN, OUT */

#endif
