/* The kernels of the speed benchmark. Each does `rounds` of its work and returns a checksum, the same on every
 * processor and in both builds. What prepares memory is not measured.
 */
#ifndef GUEST_KERNELS_H
#define GUEST_KERNELS_H

#include "boot/layout.h"
#include "kernel/types.h"

uint64_t xorshift_run(uint32_t rounds);
uint64_t sieve_run(uint32_t rounds);
uint64_t fib_run(uint32_t rounds);
uint64_t sha256_run(uint32_t rounds);
void random_prepare(void);
uint64_t random_run(uint32_t rounds);
void strings_prepare(void);
uint64_t strings_run(uint32_t rounds);
void matrix_prepare(void);
uint64_t matrix_run(uint32_t rounds);

/* With VMX only. */
enum { VMX_OPERATIONS = 1000 }; /* a round */
void vmcall_prepare(void);
uint64_t vmcall_run(uint32_t rounds);
void cpuid_prepare(void);
uint64_t cpuid_run(uint32_t rounds);
void vmlaunch_control_prepare(void);
uint64_t vmlaunch_control_run(uint32_t rounds);
void vmlaunch_guest_prepare(void);
uint64_t vmlaunch_guest_run(uint32_t rounds);
uint64_t vmread_run(uint32_t rounds);

/* Mixes a value into a checksum. */
static inline uint64_t mix(uint64_t checksum, uint64_t value) {
  const uint64_t product = (checksum ^ value) * UINT64_C(0x9e3779b97f4a7c15);
  return product ^ product >> 32;
}

#endif
