/* The arithmetic flags as a whole: from the last operation to RFLAGS and back. The pieces are inline in flags.h. */
#include "cpu/exec/flags.h"

uint64_t flags_read(struct vcpu *v) {
  if (v->lazy.kind == LAZY_NONE) return v->s.rflags;
  uint64_t flags = (uint64_t)flags_lazy_carry(v) | (uint64_t)flags_lazy_parity(v) << 2 |
                   (uint64_t)flags_lazy_adjust(v) << 4 | (uint64_t)flags_lazy_zero(v) << 6 |
                   (uint64_t)flags_lazy_sign(v) << 7 | (uint64_t)flags_lazy_overflow(v) << 11;
  flags_write_arithmetic(v, flags);
  return v->s.rflags;
}

void flags_write_arithmetic(struct vcpu *v, uint64_t flags) {
  v->s.rflags = (v->s.rflags & ~FLAGS_ARITHMETIC) | (flags & FLAGS_ARITHMETIC);
  v->lazy.kind = LAZY_NONE;
}

void flags_write(struct vcpu *v, uint64_t rflags) {
  v->s.rflags = rflags;
  v->lazy.kind = LAZY_NONE;
}

bool flags_carry(struct vcpu *v) {
  return flags_lazy_carry(v);
}

bool flags_condition(struct vcpu *v, unsigned condition) {
  switch (condition) {
  case 0: return flags_lazy_condition(v, 0);
  case 1: return flags_lazy_condition(v, 1);
  case 2: return flags_lazy_condition(v, 2);
  case 3: return flags_lazy_condition(v, 3);
  case 4: return flags_lazy_condition(v, 4);
  case 5: return flags_lazy_condition(v, 5);
  case 6: return flags_lazy_condition(v, 6);
  case 7: return flags_lazy_condition(v, 7);
  case 8: return flags_lazy_condition(v, 8);
  case 9: return flags_lazy_condition(v, 9);
  case 10: return flags_lazy_condition(v, 10);
  case 11: return flags_lazy_condition(v, 11);
  case 12: return flags_lazy_condition(v, 12);
  case 13: return flags_lazy_condition(v, 13);
  case 14: return flags_lazy_condition(v, 14);
  default: return flags_lazy_condition(v, 15);
  }
}
