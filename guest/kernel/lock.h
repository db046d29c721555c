/* A spin lock. Who takes one that an interrupt handler also takes has interrupts off. */
#ifndef GUEST_LOCK_H
#define GUEST_LOCK_H

#include "kernel/cpu.h"

struct lock {
  volatile uint32_t taken;
};

static inline uint32_t exchange(volatile uint32_t *memory, uint32_t value) {
  __asm__ volatile("xchg %0, %1" : "+r"(value), "+m"(*memory) : : "memory");
  return value;
}

static inline uint32_t fetch_add(volatile uint32_t *memory, uint32_t value) {
  __asm__ volatile("lock xadd %0, %1" : "+r"(value), "+m"(*memory) : : "memory");
  return value;
}

static inline void lock_take(struct lock *lock) {
  while (exchange(&lock->taken, 1)) {
    while (lock->taken) pause();
  }
}

static inline void lock_release(struct lock *lock) {
  __asm__ volatile("" : : : "memory"); /* stores stay in order on x86: only the compiler must not move them */
  lock->taken = 0;
}

#endif
