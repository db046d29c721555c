/* Instructions that C has no words for. */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

#include "kernel/registers.h"

static inline void out_8(uint16_t port, uint8_t value) {
  __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in_8(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static inline uint64_t read_tsc(void) {
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return (uint64_t)high << 32 | low;
}

static inline word read_cr0(void) {
  word value;
  __asm__ volatile("mov %%cr0, %0" : "=r"(value));
  return value;
}

static inline void write_cr0(word value) {
  __asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

static inline word read_cr2(void) {
  word value;
  __asm__ volatile("mov %%cr2, %0" : "=r"(value));
  return value;
}

static inline word read_cr3(void) {
  word value;
  __asm__ volatile("mov %%cr3, %0" : "=r"(value));
  return value;
}

static inline void write_cr3(word value) {
  __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static inline word read_cr4(void) {
  word value;
  __asm__ volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}

static inline void write_cr4(word value) {
  __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

static inline uint64_t read_msr(uint32_t msr) {
  uint32_t low, high;
  __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return (uint64_t)high << 32 | low;
}

static inline void write_msr(uint32_t msr, uint64_t value) {
  __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

struct cpuid {
  uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf) {
  struct cpuid r;
  __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
  return r;
}

static inline void interrupts_off(void) {
  __asm__ volatile("cli" : : : "memory");
}

/* Turns interrupts off and says whether they were on. */
static inline bool interrupts_disable(void) {
  word flags;
  __asm__ volatile("pushf\n\tpop %0\n\tcli" : "=r"(flags) : : "memory");
  return flags & RFLAGS_IF;
}

static inline void interrupts_on(void) {
  __asm__ volatile("sti" : : : "memory");
}

/* No interrupt is taken between the two: STI holds it off for one instruction. */
static inline void interrupts_on_and_halt(void) {
  __asm__ volatile("sti\n\thlt" : : : "memory");
}

/* Memory at an address that the compiler has no object for. */
static inline void *at_address(word address) {
  __asm__("" : "+r"(address));
  return (void *)address;
}

static inline void pause(void) {
  __asm__ volatile("pause" : : : "memory");
}

#endif
