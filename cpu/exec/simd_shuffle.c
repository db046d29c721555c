/* Rearranging elements: packs, unpacks, shuffles, blends, broadcasts, extensions. */
#include "cpu/exec/simd.h"

static unsigned lane_of(unsigned bytes) {
  return bytes < 16 ? 8 : 16;
}

/* --- packs: elements of half the size, saturated; those of a, then those of b, in each lane ------------------------
 */

#define PACK(name, from, to, type, least, most) \
  static void name(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) { \
    SIMD_UNUSED(immediate); \
    const unsigned count = lane_of(bytes) / sizeof(type), half = count / 2; \
    for (unsigned i = 0; i < bytes / sizeof(type); i++) { \
      const unsigned lane = i / count, within = i % count; \
      const union simd *source = within < half ? a : b; \
      d->to[i] = (type)simd_clamp(source->from[lane * half + within % half], least, most); \
    } \
  }

PACK(packsswb, s16, s8, int8_t, INT8_MIN, INT8_MAX)
PACK(packuswb, s16, u8, uint8_t, 0, UINT8_MAX)
PACK(packssdw, s32, s16, int16_t, INT16_MIN, INT16_MAX)
PACK(packusdw, s32, u16, uint16_t, 0, UINT16_MAX)

/* --- unpacks: the lower or upper halves of the lanes, interleaved ---------------------------------------------------
 */

#define UNPACK(name, field, type, high) \
  static void name(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) { \
    SIMD_UNUSED(immediate); \
    const unsigned count = lane_of(bytes) / sizeof(type); \
    for (unsigned i = 0; i < bytes / sizeof(type); i++) { \
      const unsigned start = i / count * count + (high ? count / 2 : 0); \
      d->field[i] = (i & 1 ? b : a)->field[start + i % count / 2]; \
    } \
  }

UNPACK(punpcklbw, u8, uint8_t, 0)
UNPACK(punpcklwd, u16, uint16_t, 0)
UNPACK(punpckldq, u32, uint32_t, 0)
UNPACK(punpcklqdq, u64, uint64_t, 0)
UNPACK(punpckhbw, u8, uint8_t, 1)
UNPACK(punpckhwd, u16, uint16_t, 1)
UNPACK(punpckhdq, u32, uint32_t, 1)
UNPACK(punpckhqdq, u64, uint64_t, 1)

/* --- shuffles ----------------------------------------------------------------------------------------------------- */

static void pshufb(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  const unsigned lane = lane_of(bytes);
  for (unsigned i = 0; i < bytes; i++)
    d->u8[i] = b->u8[i] & 0x80 ? 0 : a->u8[i / lane * lane + (b->u8[i] & (lane - 1))];
}

/* Four elements out of four by an immediate with two bits for each. */
static void pshufd(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a);
  for (unsigned i = 0; i < bytes / 4; i++) d->u32[i] = b->u32[(i & ~3u) + (immediate >> i % 4 * 2 & 3)];
}
static void pshufw(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a), SIMD_UNUSED(bytes);
  for (unsigned i = 0; i < 4; i++) d->u16[i] = b->u16[immediate >> i * 2 & 3];
}
static void pshuflw(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a);
  for (unsigned i = 0; i < bytes / 2; i++)
    d->u16[i] = i % 8 < 4 ? b->u16[(i & ~7u) + (immediate >> i % 4 * 2 & 3)] : b->u16[i];
}
static void pshufhw(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a);
  for (unsigned i = 0; i < bytes / 2; i++)
    d->u16[i] = i % 8 < 4 ? b->u16[i] : b->u16[(i & ~7u) + 4 + (immediate >> i % 4 * 2 & 3)];
}
static void shufps(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  for (unsigned i = 0; i < bytes / 4; i++) d->u32[i] = (i & 2 ? b : a)->u32[(i & ~3u) + (immediate >> i % 4 * 2 & 3)];
}
static void shufpd(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  for (unsigned i = 0; i < bytes / 8; i++) d->u64[i] = (i & 1 ? b : a)->u64[(i & ~1u) + (immediate >> i & 1)];
}

/* 16 bytes (MMX: 8) out of the pair a:b, from byte `immediate` on. */
static void palignr(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  const unsigned lane = lane_of(bytes);
  for (unsigned i = 0; i < bytes; i++) {
    const unsigned start = i / lane * lane, from = i % lane + immediate;
    d->u8[i] = from < lane ? b->u8[start + from] : from < 2 * lane ? a->u8[start + from - lane] : 0;
  }
}

static void vpermilps(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes / 4; i++) d->u32[i] = a->u32[(i & ~3u) + (b->u32[i] & 3)];
}
static void vpermilpd(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes / 8; i++) d->u64[i] = a->u64[(i & ~1u) + (b->u64[i] >> 1 & 1)];
}
static void vpermilpd_immediate(union simd *d, const union simd *a, const union simd *b, unsigned bytes,
                                unsigned immediate) {
  SIMD_UNUSED(a);
  for (unsigned i = 0; i < bytes / 8; i++) d->u64[i] = b->u64[(i & ~1u) + (immediate >> i & 1)];
}
/* The indices are the first source. */
static void vpermd(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes / 4; i++) d->u32[i] = b->u32[a->u32[i] & 7];
}
static void vpermq(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a), SIMD_UNUSED(bytes);
  for (unsigned i = 0; i < 4; i++) d->u64[i] = b->u64[immediate >> i * 2 & 3];
}
static void vperm2f128(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  memset(d, 0, bytes);
  for (unsigned i = 0; i < 2; i++, immediate >>= 4) {
    if (!(immediate & 8)) memcpy(d->u8 + 16 * i, (immediate & 2 ? b : a)->u8 + 16 * (immediate & 1), 16);
  }
}
static void vinsertf128(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  memcpy(d, a, bytes);
  memcpy(d->u8 + 16 * (immediate & 1), b, 16);
}

/* --- duplicates and broadcasts ------------------------------------------------------------------------------------ */

static void movddup(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a), SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes / 8; i++) d->u64[i] = b->u64[i & ~1u];
}
static void movsldup(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a), SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes / 4; i++) d->u32[i] = b->u32[i & ~1u];
}
static void movshdup(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a), SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes / 4; i++) d->u32[i] = b->u32[i | 1];
}
static void broadcast_1(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a), SIMD_UNUSED(immediate);
  memset(d, b->u8[0], bytes);
}
static void broadcast_2(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a), SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes / 2; i++) d->u16[i] = b->u16[0];
}
static void broadcast_4(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a), SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes / 4; i++) d->u32[i] = b->u32[0];
}
static void broadcast_8(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a), SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes / 8; i++) d->u64[i] = b->u64[0];
}
static void broadcast_16(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(a), SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes / 8; i++) d->u64[i] = b->u64[i & 1];
}

/* --- halves: MOVLPS and its like as loads, MOVHLPS, MOVLHPS ------------------------------------------------------- */

static void low_of_b(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(bytes), SIMD_UNUSED(immediate);
  d->u64[0] = b->u64[0];
  d->u64[1] = a->u64[1];
}
static void high_is_low_of_b(union simd *d, const union simd *a, const union simd *b, unsigned bytes,
                             unsigned immediate) {
  SIMD_UNUSED(bytes), SIMD_UNUSED(immediate);
  d->u64[0] = a->u64[0];
  d->u64[1] = b->u64[0];
}
static void low_is_high_of_b(union simd *d, const union simd *a, const union simd *b, unsigned bytes,
                             unsigned immediate) {
  SIMD_UNUSED(bytes), SIMD_UNUSED(immediate);
  d->u64[0] = b->u64[1];
  d->u64[1] = a->u64[1];
}

/* --- extensions --------------------------------------------------------------------------------------------------- */

#define EXTEND(name, from, to, type) \
  static void name(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) { \
    SIMD_UNUSED(a), SIMD_UNUSED(immediate); \
    for (unsigned i = 0; i < bytes / sizeof(type); i++) d->to[i] = b->from[i]; \
  }

EXTEND(pmovsxbw, s8, s16, int16_t)
EXTEND(pmovsxbd, s8, s32, int32_t)
EXTEND(pmovsxbq, s8, s64, int64_t)
EXTEND(pmovsxwd, s16, s32, int32_t)
EXTEND(pmovsxwq, s16, s64, int64_t)
EXTEND(pmovsxdq, s32, s64, int64_t)
EXTEND(pmovzxbw, u8, u16, uint16_t)
EXTEND(pmovzxbd, u8, u32, uint32_t)
EXTEND(pmovzxbq, u8, u64, uint64_t)
EXTEND(pmovzxwd, u16, u32, uint32_t)
EXTEND(pmovzxwq, u16, u64, uint64_t)
EXTEND(pmovzxdq, u32, u64, uint64_t)

/* --- blends by an immediate --------------------------------------------------------------------------------------- */

#define BLEND(name, field, type) \
  static void name(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) { \
    for (unsigned i = 0; i < bytes / sizeof(type); i++) d->field[i] = (immediate >> i % 8 & 1 ? b : a)->field[i]; \
  }

BLEND(pblendw, u16, uint16_t)
BLEND(blendps, u32, uint32_t)
BLEND(blendpd, u64, uint64_t)

/* --- binding ------------------------------------------------------------------------------------------------------ */

#define ROW(name, compute) SIMD_BOTH(name, compute)
#define AVX(name, compute) [IR_V##name] = compute
/* clang-format off */
static simd_compute *const operations[IR_OPCODE_COUNT] = {
  ROW(PACKSSWB, packsswb), ROW(PACKUSWB, packuswb), ROW(PACKSSDW, packssdw), ROW(PACKUSDW, packusdw),
  ROW(PUNPCKLBW, punpcklbw), ROW(PUNPCKLWD, punpcklwd), ROW(PUNPCKLDQ, punpckldq), ROW(PUNPCKLQDQ, punpcklqdq),
  ROW(PUNPCKHBW, punpckhbw), ROW(PUNPCKHWD, punpckhwd), ROW(PUNPCKHDQ, punpckhdq), ROW(PUNPCKHQDQ, punpckhqdq),
  ROW(UNPCKLPS, punpckldq), ROW(UNPCKHPS, punpckhdq), ROW(UNPCKLPD, punpcklqdq), ROW(UNPCKHPD, punpckhqdq),
  ROW(PSHUFB, pshufb), ROW(PSHUFD, pshufd), ROW(PSHUFLW, pshuflw), ROW(PSHUFHW, pshufhw), [IR_PSHUFW] = pshufw,
  ROW(SHUFPS, shufps), ROW(SHUFPD, shufpd), ROW(PALIGNR, palignr),
  AVX(PERMILPS, vpermilps), AVX(PERMILPD, vpermilpd), AVX(PERMD, vpermd), AVX(PERMPS, vpermd), AVX(PERMQ, vpermq),
  AVX(PERMPD, vpermq), AVX(PERM2F128, vperm2f128), AVX(PERM2I128, vperm2f128),
  AVX(INSERTF128, vinsertf128), AVX(INSERTI128, vinsertf128),
  ROW(MOVDDUP, movddup), ROW(MOVSLDUP, movsldup), ROW(MOVSHDUP, movshdup),
  AVX(BROADCASTSS, broadcast_4), AVX(BROADCASTSD, broadcast_8), AVX(BROADCASTF128, broadcast_16),
  AVX(BROADCASTI128, broadcast_16), AVX(PBROADCASTB, broadcast_1), AVX(PBROADCASTW, broadcast_2),
  AVX(PBROADCASTD, broadcast_4), AVX(PBROADCASTQ, broadcast_8),
  ROW(MOVLPS, low_of_b), ROW(MOVLPD, low_of_b), ROW(MOVHPS, high_is_low_of_b), ROW(MOVHPD, high_is_low_of_b),
  ROW(MOVLHPS, high_is_low_of_b), ROW(MOVHLPS, low_is_high_of_b),
  ROW(PMOVSXBW, pmovsxbw), ROW(PMOVSXBD, pmovsxbd), ROW(PMOVSXBQ, pmovsxbq), ROW(PMOVSXWD, pmovsxwd),
  ROW(PMOVSXWQ, pmovsxwq), ROW(PMOVSXDQ, pmovsxdq), ROW(PMOVZXBW, pmovzxbw), ROW(PMOVZXBD, pmovzxbd),
  ROW(PMOVZXBQ, pmovzxbq), ROW(PMOVZXWD, pmovzxwd), ROW(PMOVZXWQ, pmovzxwq), ROW(PMOVZXDQ, pmovzxdq),
  ROW(PBLENDW, pblendw), ROW(BLENDPS, blendps), ROW(BLENDPD, blendpd), AVX(PBLENDD, blendps),
};
/* clang-format on */

static simd_compute *compute_of(const struct ir_op *op) {
  if (op->operand[2].kind == IR_IMMEDIATE && op->opcode == IR_VPERMILPS) return pshufd;
  if (op->operand[2].kind == IR_IMMEDIATE && op->opcode == IR_VPERMILPD) return vpermilpd_immediate;
  return operations[op->opcode];
}

static bool shuffle_step(struct vcpu *v, const struct ir_op *op) {
  return simd_two(v, op, compute_of(op));
}
EXEC_HANDLER(shuffle, shuffle_step)

/* MOVLPS and MOVHPS to memory. */
static bool store_half_step(struct vcpu *v, const struct ir_op *op) {
  const bool high =
      op->opcode == IR_MOVHPS || op->opcode == IR_MOVHPD || op->opcode == IR_VMOVHPS || op->opcode == IR_VMOVHPD;
  return simd_available(v, op) && simd_store(v, op, v->fpu.ymm[op->operand[1].reg] + (high ? 8 : 0), 8, 0);
}
EXEC_HANDLER(store_half, store_half_step)

/* --- blends by a register: XMM0 or operand 3 ---------------------------------------------------------------------- */

static void blend_by(union simd *d, const union simd *a, const union simd *b, const union simd *mask, unsigned bytes,
                     unsigned element) {
  for (unsigned i = 0; i < bytes; i++) d->u8[i] = (mask->u8[i | (element - 1)] & 0x80 ? b : a)->u8[i];
}

static unsigned blend_element(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_PBLENDVB:
  case IR_VPBLENDVB: return 1;
  case IR_BLENDVPS:
  case IR_VBLENDVPS: return 4;
  case IR_BLENDVPD:
  case IR_VBLENDVPD: return 8;
  default: return 0;
  }
}

static bool blend_step(struct vcpu *v, const struct ir_op *op) {
  union simd a, b, d, mask;
  if (!simd_available(v, op) || !simd_sources(v, op, &a, &b)) return false;
  memcpy(&mask, v->fpu.ymm[simd_is_vex(op) ? op->operand[3].reg : 0], 32);
  blend_by(&d, &a, &b, &mask, op->operand[0].size, blend_element(op));
  simd_write(v, op, &d);
  return true;
}
EXEC_HANDLER(blend, blend_step)

ir_execute *simd_bind_shuffle(const struct ir_op *op) {
  if (blend_element(op)) return blend;
  if (!operations[op->opcode]) return NULL;
  return op->operand[0].kind == IR_MEMORY ? store_half : shuffle;
}
