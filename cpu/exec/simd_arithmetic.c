/* Integer arithmetic, comparison and logic over the elements of vectors. */
#include "cpu/exec/simd.h"

/* --- element by element ------------------------------------------------------------------------------------------- */

/* d[i] out of x = a[i] and y = b[i]. The sizes are made constants, so that compilers use vectors of their own. */
#define EACH(name, field, type, expression) \
  EXEC_INLINE void name##_of(union simd *restrict d, const union simd *a, const union simd *b, unsigned bytes) { \
    for (unsigned i = 0; i < bytes / sizeof(type); i++) { \
      const type x = a->field[i], y = b->field[i]; \
      SIMD_UNUSED(x); \
      d->field[i] = (type)(expression); \
    } \
  } \
  static void name(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) { \
    SIMD_UNUSED(immediate); \
    switch (bytes) { \
    case 16: name##_of(d, a, b, 16); break; \
    case 32: name##_of(d, a, b, 32); break; \
    default: name##_of(d, a, b, 8); break; \
    } \
  }

static int clamp_s16(int value) {
  return simd_clamp(value, INT16_MIN, INT16_MAX);
}

EACH(paddb, u8, uint8_t, x + y)
EACH(paddw, u16, uint16_t, x + y)
EACH(paddd, u32, uint32_t, x + y)
EACH(paddq, u64, uint64_t, x + y)
EACH(psubb, u8, uint8_t, x - y)
EACH(psubw, u16, uint16_t, x - y)
EACH(psubd, u32, uint32_t, x - y)
EACH(psubq, u64, uint64_t, x - y)
EACH(paddsb, s8, int8_t, simd_clamp(x + y, INT8_MIN, INT8_MAX))
EACH(paddsw, s16, int16_t, clamp_s16(x + y))
EACH(paddusb, u8, uint8_t, simd_clamp(x + y, 0, UINT8_MAX))
EACH(paddusw, u16, uint16_t, simd_clamp(x + y, 0, UINT16_MAX))
EACH(psubsb, s8, int8_t, simd_clamp(x - y, INT8_MIN, INT8_MAX))
EACH(psubsw, s16, int16_t, clamp_s16(x - y))
EACH(psubusb, u8, uint8_t, simd_clamp(x - y, 0, UINT8_MAX))
EACH(psubusw, u16, uint16_t, simd_clamp(x - y, 0, UINT16_MAX))
EACH(pavgb, u8, uint8_t, (x + y + 1) >> 1)
EACH(pavgw, u16, uint16_t, (x + y + 1) >> 1)
EACH(pminub, u8, uint8_t, x < y ? x : y)
EACH(pminuw, u16, uint16_t, x < y ? x : y)
EACH(pminud, u32, uint32_t, x < y ? x : y)
EACH(pminsb, s8, int8_t, x < y ? x : y)
EACH(pminsw, s16, int16_t, x < y ? x : y)
EACH(pminsd, s32, int32_t, x < y ? x : y)
EACH(pmaxub, u8, uint8_t, x > y ? x : y)
EACH(pmaxuw, u16, uint16_t, x > y ? x : y)
EACH(pmaxud, u32, uint32_t, x > y ? x : y)
EACH(pmaxsb, s8, int8_t, x > y ? x : y)
EACH(pmaxsw, s16, int16_t, x > y ? x : y)
EACH(pmaxsd, s32, int32_t, x > y ? x : y)
EACH(pcmpeqb, u8, uint8_t, x == y ? UINT8_MAX : 0)
EACH(pcmpeqw, u16, uint16_t, x == y ? UINT16_MAX : 0)
EACH(pcmpeqd, u32, uint32_t, x == y ? UINT32_MAX : 0)
EACH(pcmpeqq, u64, uint64_t, x == y ? UINT64_MAX : 0)
EACH(pcmpgtb, s8, int8_t, x > y ? -1 : 0)
EACH(pcmpgtw, s16, int16_t, x > y ? -1 : 0)
EACH(pcmpgtd, s32, int32_t, x > y ? -1 : 0)
EACH(pcmpgtq, s64, int64_t, x > y ? -1 : 0)
EACH(pand, u64, uint64_t, x &y)
EACH(pandn, u64, uint64_t, ~x &y)
EACH(por, u64, uint64_t, x | y)
EACH(pxor, u64, uint64_t, x ^ y)
EACH(pmullw, u16, uint16_t, (uint32_t)x *y)
EACH(pmulld, u32, uint32_t, x *y)
EACH(pmulhw, s16, int16_t, (x * y) >> 16)
EACH(pmulhuw, u16, uint16_t, ((uint32_t)x * y) >> 16)
EACH(pmulhrsw, s16, int16_t, (((x * y) >> 14) + 1) >> 1)
EACH(pmuludq, u64, uint64_t, (x & UINT32_MAX) * (y & UINT32_MAX))
EACH(pmuldq, s64, int64_t, (int64_t)(int32_t)x *(int32_t)y)
EACH(pabsb, s8, int8_t, y < 0 ? -y : y)
EACH(pabsw, s16, int16_t, y < 0 ? -y : y)
EACH(pabsd, u32, uint32_t, y >> 31 ? 0 - y : y)
EACH(psignb, s8, int8_t, y < 0 ? -x : y ? x : 0)
EACH(psignw, s16, int16_t, y < 0 ? -x : y ? x : 0)
EACH(psignd, u32, uint32_t, y >> 31 ? 0 - x : y ? x : 0)

/* Shifts by a count an element. */
EACH(vpsllvd, u32, uint32_t, y < 32 ? x << y : 0)
EACH(vpsllvq, u64, uint64_t, y < 64 ? x << y : 0)
EACH(vpsrlvd, u32, uint32_t, y < 32 ? x >> y : 0)
EACH(vpsrlvq, u64, uint64_t, y < 64 ? x >> y : 0)
EACH(vpsravd, s32, int32_t, x >> ((uint32_t)y < 32 ? y : 31))

/* --- neighbours --------------------------------------------------------------------------------------------------- */

static void pmaddwd(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes / 4; i++) {
    const int32_t low = a->s16[2 * i] * b->s16[2 * i], high = a->s16[2 * i + 1] * b->s16[2 * i + 1];
    d->u32[i] = (uint32_t)low + (uint32_t)high; /* wraps in one case: all four 8000H */
  }
}

static void pmaddubsw(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes / 2; i++)
    d->s16[i] = (int16_t)clamp_s16(a->u8[2 * i] * b->s8[2 * i] + a->u8[2 * i + 1] * b->s8[2 * i + 1]);
}

/* Pairs of neighbours in lanes of 16 bytes (MMX: 8): those of a, then those of b. */
#define PAIRS(name, field, type, expression) \
  static void name(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) { \
    SIMD_UNUSED(immediate); \
    const unsigned lane = bytes < 16 ? bytes : 16, half = lane / sizeof(type) / 2; \
    for (unsigned i = 0; i < bytes / sizeof(type); i++) { \
      const unsigned within = i % (2 * half), start = i - within; \
      const union simd *from = within < half ? a : b; \
      const unsigned at = start + 2 * (within % half); \
      const type x = from->field[at], y = from->field[at + 1]; \
      d->field[i] = (type)(expression); \
    } \
  }

PAIRS(phaddw, u16, uint16_t, x + y)
PAIRS(phaddd, u32, uint32_t, x + y)
PAIRS(phaddsw, s16, int16_t, clamp_s16(x + y))
PAIRS(phsubw, u16, uint16_t, x - y)
PAIRS(phsubd, u32, uint32_t, x - y)
PAIRS(phsubsw, s16, int16_t, clamp_s16(x - y))

static unsigned distance(uint8_t x, uint8_t y) {
  return x > y ? (unsigned)(x - y) : (unsigned)(y - x);
}

static void psadbw(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes / 8; i++) {
    d->u64[i] = 0;
    for (unsigned j = 8 * i; j < 8 * i + 8; j++) d->u64[i] += distance(a->u8[j], b->u8[j]);
  }
}

/* Sums of absolute differences of 4 bytes of b and eight windows of a. Each lane has three bits of the immediate. */
static void mpsadbw(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  for (unsigned lane = 0; lane < bytes; lane += 16, immediate >>= 3) {
    const uint8_t *window = a->u8 + lane + (immediate & 4), *block = b->u8 + lane + 4 * (immediate & 3);
    for (unsigned i = 0; i < 8; i++) {
      unsigned sum = 0;
      for (unsigned j = 0; j < 4; j++) sum += distance(window[i + j], block[j]);
      d->u16[lane / 2 + i] = (uint16_t)sum;
    }
  }
}

static void phminposuw(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a), SIMD_UNUSED(immediate);
  unsigned least = 0;
  for (unsigned i = 1; i < 8; i++) {
    if (b->u16[i] < b->u16[least]) least = i;
  }
  memset(d, 0, bytes);
  d->u16[0] = b->u16[least];
  d->u16[1] = (uint16_t)least;
}

/* --- binding ------------------------------------------------------------------------------------------------------ */

#define ROW(name, compute) SIMD_BOTH(name, compute)
/* clang-format off */
static simd_compute *const operations[IR_OPCODE_COUNT] = {
  ROW(PADDB, paddb), ROW(PADDW, paddw), ROW(PADDD, paddd), ROW(PADDQ, paddq),
  ROW(PSUBB, psubb), ROW(PSUBW, psubw), ROW(PSUBD, psubd), ROW(PSUBQ, psubq),
  ROW(PADDSB, paddsb), ROW(PADDSW, paddsw), ROW(PADDUSB, paddusb), ROW(PADDUSW, paddusw),
  ROW(PSUBSB, psubsb), ROW(PSUBSW, psubsw), ROW(PSUBUSB, psubusb), ROW(PSUBUSW, psubusw),
  ROW(PAVGB, pavgb), ROW(PAVGW, pavgw),
  ROW(PMINUB, pminub), ROW(PMINUW, pminuw), ROW(PMINUD, pminud), ROW(PMINSB, pminsb), ROW(PMINSW, pminsw), ROW(PMINSD, pminsd),
  ROW(PMAXUB, pmaxub), ROW(PMAXUW, pmaxuw), ROW(PMAXUD, pmaxud), ROW(PMAXSB, pmaxsb), ROW(PMAXSW, pmaxsw), ROW(PMAXSD, pmaxsd),
  ROW(PCMPEQB, pcmpeqb), ROW(PCMPEQW, pcmpeqw), ROW(PCMPEQD, pcmpeqd), ROW(PCMPEQQ, pcmpeqq),
  ROW(PCMPGTB, pcmpgtb), ROW(PCMPGTW, pcmpgtw), ROW(PCMPGTD, pcmpgtd), ROW(PCMPGTQ, pcmpgtq),
  ROW(PAND, pand), ROW(PANDN, pandn), ROW(POR, por), ROW(PXOR, pxor),
  ROW(ANDPS, pand), ROW(ANDNPS, pandn), ROW(ORPS, por), ROW(XORPS, pxor),
  ROW(ANDPD, pand), ROW(ANDNPD, pandn), ROW(ORPD, por), ROW(XORPD, pxor),
  ROW(PMULLW, pmullw), ROW(PMULLD, pmulld), ROW(PMULHW, pmulhw), ROW(PMULHUW, pmulhuw), ROW(PMULHRSW, pmulhrsw),
  ROW(PMULUDQ, pmuludq), ROW(PMULDQ, pmuldq), ROW(PMADDWD, pmaddwd), ROW(PMADDUBSW, pmaddubsw),
  ROW(PABSB, pabsb), ROW(PABSW, pabsw), ROW(PABSD, pabsd),
  ROW(PSIGNB, psignb), ROW(PSIGNW, psignw), ROW(PSIGND, psignd),
  ROW(PHADDW, phaddw), ROW(PHADDD, phaddd), ROW(PHADDSW, phaddsw), ROW(PHSUBW, phsubw), ROW(PHSUBD, phsubd), ROW(PHSUBSW, phsubsw),
  ROW(PSADBW, psadbw), ROW(MPSADBW, mpsadbw), ROW(PHMINPOSUW, phminposuw),
  [IR_VPSLLVD] = vpsllvd, [IR_VPSLLVQ] = vpsllvq, [IR_VPSRLVD] = vpsrlvd, [IR_VPSRLVQ] = vpsrlvq, [IR_VPSRAVD] = vpsravd,
};
/* clang-format on */

static bool arithmetic_step(struct vcpu *v, const struct ir_op *op) {
  return simd_two(v, op, operations[op->opcode]);
}
EXEC_HANDLER(arithmetic, arithmetic_step)

ir_execute *simd_bind_arithmetic(const struct ir_op *op) {
  return operations[op->opcode] ? arithmetic : NULL;
}
