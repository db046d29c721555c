/* The x87 unit's status, control and tag words, and its initial state. */
#include "cpu/exec/x87.h"

uint16_t x87_status_word(const struct vcpu *v) {
  return (uint16_t)((v->fpu.status & ~X87_TOP) | v->fpu.top << 11);
}

static void update_summary(struct vcpu *v) {
  const bool pending = v->fpu.status & ~v->fpu.control & X87_EXCEPTIONS;
  if (!pending) v->ignne = false;
  x87_set_conditions(v, X87_ES | X87_B, pending ? X87_ES | X87_B : 0);
}

void x87_set_status_word(struct vcpu *v, uint16_t status) {
  v->fpu.top = (status >> 11) & 7;
  v->fpu.status = (uint16_t)(status & ~X87_TOP);
  update_summary(v);
}

void x87_set_control_word(struct vcpu *v, uint16_t control) {
  v->fpu.control = (uint16_t)((control & X87_CONTROL_DEFINED) | X87_CONTROL_FIXED);
  update_summary(v);
}

static unsigned tag_of(const struct x87_register *r) {
  enum { VALID, ZERO, SPECIAL };
  switch (float80_classify(*r)) {
  case FLOAT80_FINITE: return VALID;
  case FLOAT80_ZERO: return ZERO;
  default: return SPECIAL;
  }
}

uint16_t x87_tag_word(const struct vcpu *v) {
  unsigned word = 0;
  for (unsigned i = 0; i < 8; i++) {
    const unsigned tag = (v->fpu.tags >> i) & 1 ? tag_of(&v->fpu.st[i]) : 3;
    word |= tag << (2 * i);
  }
  return (uint16_t)word;
}

void x87_set_tag_word(struct vcpu *v, uint16_t word) {
  unsigned tags = 0;
  for (unsigned i = 0; i < 8; i++) tags |= (unsigned)((word >> (2 * i) & 3) != 3) << i;
  v->fpu.tags = (uint8_t)tags;
}

void x87_initialize(struct vcpu *v) {
  struct fpu *f = &v->fpu;
  v->ignne = false;
  f->control = X87_CONTROL_INITIAL;
  f->status = 0;
  f->top = 0;
  f->tags = 0;
  f->opcode = 0;
  f->instruction = f->data = 0;
  f->instruction_selector = f->data_selector = 0;
}
