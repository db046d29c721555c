/* The arithmetic flags: set lazily, read when somebody asks. */
#ifndef VMXSIM_CPU_EXEC_FLAGS_H
#define VMXSIM_CPU_EXEC_FLAGS_H

#include "cpu/registers.h"
#include "cpu/vcpu.h"

/* Bits of RFLAGS as int, for tables and for what is computed with them. */
enum {
  FLAG_CF = RFLAGS_CF,
  FLAG_PF = RFLAGS_PF,
  FLAG_AF = RFLAGS_AF,
  FLAG_ZF = RFLAGS_ZF,
  FLAG_SF = RFLAGS_SF,
  FLAG_TF = RFLAGS_TF,
  FLAG_IF = RFLAGS_IF,
  FLAG_DF = RFLAGS_DF,
  FLAG_OF = RFLAGS_OF,
  FLAG_NT = RFLAGS_NT,
  FLAG_RF = RFLAGS_RF,
  FLAG_VM = RFLAGS_VM,
  FLAG_AC = RFLAGS_AC,
  FLAG_VIF = RFLAGS_VIF,
  FLAG_VIP = RFLAGS_VIP,
  FLAG_ID = RFLAGS_ID,
};
#define FLAGS_ARITHMETIC RFLAGS_ARITHMETIC
#define FLAG_IOPL RFLAGS_IOPL

/* Notes an operation; its values are zero-extended. The volatile store keeps compilers from gathering two values in a
 * vector register to store them at once, which takes longer than two stores. */
static inline void flags_set(struct vcpu *v, enum lazy_kind kind, unsigned size, uint64_t result, uint64_t a,
                             uint64_t b) {
  v->lazy.result = result;
  *(volatile uint64_t *)&v->lazy.a = a;
  v->lazy.b = b;
  v->lazy.kind = (uint8_t)kind;
  v->lazy.size = (uint8_t)size;
}

/* RFLAGS complete, in s.rflags too from then on. */
uint64_t flags_read(struct vcpu *vcpu);
/* Writes the arithmetic flags (or all flags) directly. */
void flags_write_arithmetic(struct vcpu *vcpu, uint64_t flags);
void flags_write(struct vcpu *vcpu, uint64_t rflags);
bool flags_carry(struct vcpu *vcpu);
/* The condition of Jcc, 0-15. */
bool flags_condition(struct vcpu *vcpu, unsigned condition);

/* --- for cpu/exec: pieces of the above, inline ------------------------------------------------------------------- */

/* What is in RFLAGS while the kind is LAZY_RESULT. */
#define FLAGS_BESIDE_RESULT ((uint64_t)(FLAG_CF | FLAG_OF | FLAG_AF))

static inline uint64_t flags_sign_mask(unsigned size) {
  return (uint64_t)1 << (size * 8 - 1);
}

/* Notes a result whose CF, OF and AF are known already. */
static inline void flags_set_result(struct vcpu *v, unsigned size, uint64_t result, uint64_t beside) {
  v->s.rflags = (v->s.rflags & ~FLAGS_BESIDE_RESULT) | beside;
  v->lazy.result = result;
  v->lazy.kind = LAZY_RESULT;
  v->lazy.size = (uint8_t)size;
}

/* Notes the result of AND, OR, XOR, TEST. */
static inline void flags_set_logic(struct vcpu *v, unsigned size, uint64_t result) {
  v->lazy.result = result;
  v->lazy.kind = LAZY_LOGIC;
  v->lazy.size = (uint8_t)size;
}

/* All of them are 0: the result is neither 0 nor negative, and has one bit. */
static inline void flags_set_none(struct vcpu *v) {
  flags_set_logic(v, 8, 1);
}

/* The last bit that a shift moved out. */
static inline bool flags_shifted_out(const struct lazy_flags *l) {
  unsigned bits = l->size * 8u;
  if (l->kind == LAZY_SHL) return l->b <= bits && ((l->a >> (bits - l->b)) & 1);
  if (l->kind == LAZY_SAR) return ((int64_t)(l->a << (64 - bits)) >> (64 - bits) >> (l->b - 1)) & 1;
  return (l->a >> (l->b - 1)) & 1;
}

static inline bool flags_lazy_carry(const struct vcpu *v) {
  const struct lazy_flags *l = &v->lazy;
  switch (l->kind) {
  case LAZY_ADD: return l->result < l->a;
  case LAZY_ADC: return l->result <= l->a;
  case LAZY_SUB: return l->a < l->b;
  case LAZY_SBB: return l->a <= l->b;
  case LAZY_LOGIC: return false;
  case LAZY_SHL:
  case LAZY_SHR:
  case LAZY_SAR: return flags_shifted_out(l);
  default: return v->s.rflags & FLAG_CF;
  }
}

static inline bool flags_lazy_overflow(const struct vcpu *v) {
  const struct lazy_flags *l = &v->lazy;
  switch (l->kind) {
  case LAZY_ADD:
  case LAZY_ADC:
  case LAZY_INC: return (l->a ^ l->result) & (l->b ^ l->result) & flags_sign_mask(l->size);
  case LAZY_SUB:
  case LAZY_SBB:
  case LAZY_DEC: return (l->a ^ l->b) & (l->a ^ l->result) & flags_sign_mask(l->size);
  case LAZY_LOGIC: return false;
  case LAZY_SHL: return flags_shifted_out(l) != ((l->result & flags_sign_mask(l->size)) != 0);
  case LAZY_SHR: return (l->result ^ l->result << 1) & flags_sign_mask(l->size);
  case LAZY_SAR: return false;
  default: return v->s.rflags & FLAG_OF;
  }
}

static inline bool flags_lazy_adjust(const struct vcpu *v) {
  const struct lazy_flags *l = &v->lazy;
  switch (l->kind) {
  case LAZY_NONE:
  case LAZY_RESULT: return v->s.rflags & FLAG_AF;
  case LAZY_SHL:
  case LAZY_SHR:
  case LAZY_SAR:
  case LAZY_LOGIC: return false;
  default: return (l->a ^ l->b ^ l->result) & FLAG_AF;
  }
}

static inline bool flags_lazy_zero(const struct vcpu *v) {
  return v->lazy.kind == LAZY_NONE ? (v->s.rflags & FLAG_ZF) != 0 : v->lazy.result == 0;
}

static inline bool flags_lazy_sign(const struct vcpu *v) {
  if (v->lazy.kind == LAZY_NONE) return v->s.rflags & FLAG_SF;
  return v->lazy.result & flags_sign_mask(v->lazy.size);
}

static inline bool flags_even_parity(uint64_t result) {
  unsigned byte = (unsigned)(result & 0xff);
  byte ^= byte >> 4;
  return (0x9669u >> (byte & 15)) & 1;
}

static inline bool flags_lazy_parity(const struct vcpu *v) {
  return v->lazy.kind == LAZY_NONE ? (v->s.rflags & FLAG_PF) != 0 : flags_even_parity(v->lazy.result);
}

/* After a comparison the signed order is that of the operands themselves. */
static inline bool flags_lazy_less(const struct vcpu *v) {
  const struct lazy_flags *l = &v->lazy;
  if (l->kind == LAZY_SUB) {
    unsigned shift = 64 - l->size * 8u;
    return (int64_t)(l->a << shift) < (int64_t)(l->b << shift);
  }
  return flags_lazy_sign(v) != flags_lazy_overflow(v);
}

static inline bool flags_lazy_below(const struct vcpu *v) {
  return v->lazy.kind == LAZY_SUB ? v->lazy.a < v->lazy.b : flags_lazy_carry(v);
}

/* The condition, which is a constant in the handlers that are specialised by it. */
static inline __attribute__((always_inline)) bool flags_lazy_condition(const struct vcpu *v, unsigned condition) {
  bool holds = false;
  switch (condition >> 1) {
  case 0: holds = flags_lazy_overflow(v); break;
  case 1: holds = flags_lazy_below(v); break;
  case 2: holds = flags_lazy_zero(v); break;
  case 3: holds = flags_lazy_zero(v) || flags_lazy_below(v); break;
  case 4: holds = flags_lazy_sign(v); break;
  case 5: holds = flags_lazy_parity(v); break;
  case 6: holds = flags_lazy_less(v); break;
  case 7: holds = flags_lazy_zero(v) || flags_lazy_less(v); break;
  }
  return holds != (condition & 1);
}

/* Brings CF, OF and AF into RFLAGS and leaves ZF, SF and PF lazy, for instructions that change CF or OF alone. */
static inline void flags_settle_beside_result(struct vcpu *v) {
  if (v->lazy.kind == LAZY_NONE || v->lazy.kind == LAZY_RESULT) return;
  uint64_t beside =
      (uint64_t)flags_lazy_carry(v) | (uint64_t)flags_lazy_overflow(v) << 11 | (uint64_t)flags_lazy_adjust(v) << 4;
  v->s.rflags = (v->s.rflags & ~FLAGS_BESIDE_RESULT) | beside;
  v->lazy.kind = LAZY_RESULT;
}

/* Changes CF alone. */
static inline void flags_replace_carry(struct vcpu *v, bool carry) {
  flags_settle_beside_result(v);
  v->s.rflags = (v->s.rflags & ~(uint64_t)FLAG_CF) | (uint64_t)carry;
}

/* Changes CF and OF alone. */
static inline void flags_replace_carry_overflow(struct vcpu *v, bool carry, bool overflow) {
  flags_settle_beside_result(v);
  v->s.rflags = (v->s.rflags & ~(uint64_t)(FLAG_CF | FLAG_OF)) | (uint64_t)carry | (uint64_t)overflow << 11;
}

#endif
