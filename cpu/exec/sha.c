/* SHA-1 and SHA-256 (FIPS 180-4): rounds and message schedules as SDM 2B has them. Element 3 of a register is the first
 * word. */
#include "cpu/exec/simd.h"

static uint32_t rotate_left(uint32_t x, unsigned by) {
  return x << by | x >> (32 - by);
}
static uint32_t rotate_right(uint32_t x, unsigned by) {
  return x >> by | x << (32 - by);
}

/* --- SHA-1 -------------------------------------------------------------------------------------------------------- */

static uint32_t sha1_function(unsigned which, uint32_t b, uint32_t c, uint32_t d) {
  switch (which) {
  case 0: return (b & c) ^ (~b & d);
  case 2: return (b & c) ^ (b & d) ^ (c & d);
  default: return b ^ c ^ d;
  }
}

/* E is already in the first word of b. */
static void sha1rnds4(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  static const uint32_t constant[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
  SIMD_UNUSED(bytes);
  uint32_t s[5] = {a->u32[3], a->u32[2], a->u32[1], a->u32[0], 0};
  for (unsigned i = 0; i < 4; i++) {
    const uint32_t next = sha1_function(immediate & 3, s[1], s[2], s[3]) + rotate_left(s[0], 5) + b->u32[3 - i] + s[4] +
                          constant[immediate & 3];
    s[4] = s[3];
    s[3] = s[2];
    s[2] = rotate_left(s[1], 30);
    s[1] = s[0];
    s[0] = next;
  }
  for (unsigned i = 0; i < 4; i++) d->u32[3 - i] = s[i];
}

static void sha1nexte(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  memcpy(d, b, bytes);
  d->u32[3] += rotate_left(a->u32[3], 30);
}

static void sha1msg1(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(bytes), SIMD_UNUSED(immediate);
  d->u32[3] = a->u32[3] ^ a->u32[1];
  d->u32[2] = a->u32[2] ^ a->u32[0];
  d->u32[1] = a->u32[1] ^ b->u32[3];
  d->u32[0] = a->u32[0] ^ b->u32[2];
}

static void sha1msg2(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(bytes), SIMD_UNUSED(immediate);
  d->u32[3] = rotate_left(a->u32[3] ^ b->u32[2], 1);
  d->u32[2] = rotate_left(a->u32[2] ^ b->u32[1], 1);
  d->u32[1] = rotate_left(a->u32[1] ^ b->u32[0], 1);
  d->u32[0] = rotate_left(a->u32[0] ^ d->u32[3], 1);
}

/* --- SHA-256 ------------------------------------------------------------------------------------------------------ */

static uint32_t sigma_0(uint32_t x) {
  return rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3;
}
static uint32_t sigma_1(uint32_t x) {
  return rotate_right(x, 17) ^ rotate_right(x, 19) ^ x >> 10;
}

static void sha256msg1(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(bytes), SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < 4; i++) d->u32[i] = a->u32[i] + sigma_0(i < 3 ? a->u32[i + 1] : b->u32[0]);
}

static void sha256msg2(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(bytes), SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < 4; i++) d->u32[i] = a->u32[i] + sigma_1(i < 2 ? b->u32[i + 2] : d->u32[i - 2]);
}

/* One round on A ... H. */
static void sha256_round(uint32_t s[8], uint32_t word) {
  const uint32_t *e = s + 4;
  const uint32_t sum_1 = rotate_right(*e, 6) ^ rotate_right(*e, 11) ^ rotate_right(*e, 25);
  const uint32_t sum_0 = rotate_right(s[0], 2) ^ rotate_right(s[0], 13) ^ rotate_right(s[0], 22);
  const uint32_t t = s[7] + sum_1 + ((s[4] & s[5]) ^ (~s[4] & s[6])) + word;
  const uint32_t first = t + sum_0 + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
  memmove(s + 1, s, 7 * sizeof *s);
  s[0] = first;
  s[4] += t;
}

/* a is CDGH, b is ABEF, XMM0 has the words with their constants added. */
static void sha256rnds2(union simd *d, const union simd *a, const union simd *b, const uint8_t *words) {
  uint32_t s[8] = {b->u32[3], b->u32[2], a->u32[3], a->u32[2], b->u32[1], b->u32[0], a->u32[1], a->u32[0]};
  for (unsigned i = 0; i < 2; i++) sha256_round(s, (uint32_t)host_load(words + 4 * i, 4));
  d->u32[3] = s[0];
  d->u32[2] = s[1];
  d->u32[1] = s[4];
  d->u32[0] = s[5];
}

/* --- binding ------------------------------------------------------------------------------------------------------ */

static simd_compute *const operations[IR_OPCODE_COUNT] = {
    [IR_SHA1RNDS4] = sha1rnds4, [IR_SHA1NEXTE] = sha1nexte,   [IR_SHA1MSG1] = sha1msg1,
    [IR_SHA1MSG2] = sha1msg2,   [IR_SHA256MSG1] = sha256msg1, [IR_SHA256MSG2] = sha256msg2,
};

static bool sha_step(struct vcpu *v, const struct ir_op *op) {
  return simd_two(v, op, operations[op->opcode]);
}
EXEC_HANDLER(sha, sha_step)

static bool rounds_step(struct vcpu *v, const struct ir_op *op) {
  union simd a, b, d;
  if (!simd_available(v, op) || !simd_sources(v, op, &a, &b)) return false;
  sha256rnds2(&d, &a, &b, v->fpu.ymm[0]);
  simd_write(v, op, &d);
  return true;
}
EXEC_HANDLER(rounds, rounds_step)

ir_execute *bind_sha(const struct ir_op *op) {
  if (op->opcode == IR_SHA256RNDS2) return rounds;
  return operations[op->opcode] ? sha : NULL;
}
