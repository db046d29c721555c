/* A vCPU for tests of cpu/exec alone: exceptions are noted, nothing is in its fast cache. To be included by one file of
 * a test program. */
#ifndef VMXSIM_TESTS_CPU_FAKE_VCPU_H
#define VMXSIM_TESTS_CPU_FAKE_VCPU_H

#include <stdlib.h>
#include <string.h>

#include "cpu/exec/exec.h"
#include "cpu/mmu/mmu_fast.h"

void vcpu_raise(struct vcpu *v, unsigned vector) {
  v->exception.pending = true;
  v->exception.vector = (uint8_t)vector;
}

void vcpu_raise_with_code(struct vcpu *v, unsigned vector, uint32_t error_code) {
  vcpu_raise(v, vector);
  v->exception.has_error_code = true;
  v->exception.error_code = error_code;
}

bool mmu_is_canonical(const struct vcpu *v, uint64_t linear) {
  (void)v;
  return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
}

/* In 64-bit mode at CPL 0; freed by fake_destroy(). */
static struct vcpu *fake_create(void) {
  struct vcpu *v = aligned_alloc(64, (sizeof *v + 63) / 64 * 64);
  struct mmu *mmu = calloc(1, sizeof *mmu);
  if (!v || !mmu) abort();
  memset(v, 0, sizeof *v);
  for (unsigned i = 0; i < FAST_KINDS; i++) mmu->banks[0].table[i].generation = 1;
  mmu->bank = &mmu->banks[0];
  v->mmu = mmu;
  v->mode = DECODE_CODE_64 | DECODE_PROTECTED;
  v->s.rflags = 2;
  v->next_event = UINT64_MAX;
  return v;
}

static void fake_destroy(struct vcpu *v) {
  free(v->mmu);
  free(v);
}

/* The op behind the last one of a block. */
static void fake_end_of_block(struct vcpu *v, const struct ir_op *op) {
  v->s.rip = vcpu_rip(v, op);
}

#endif
