/* Vectors that the kernel uses. */
#ifndef GUEST_INTERRUPTS_H
#define GUEST_INTERRUPTS_H

enum { VECTOR_EXCEPTIONS_END = 32, VECTOR_CALL = 0x40, VECTOR_TIMER = 0x41, VECTOR_SPURIOUS = 0xff };

#endif
