/* MMX, SSE, AVX and their like: every opcode that the decoder knows, in register and memory form, against the host's
 * processor; and what a host cannot show. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#endif

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/cmocka_main.h"

#include "cpu/exec/flags.h"
#include "cpu/exec/simd.h"
#include "cpu/exec/xsave.h"
#include "cpu/registers.h"
#include "tests/cpu/fake_vcpu.h"
#include "tests/cpu/host_simd.h"
#include "tests/cpu/next_random.h"

/* --- a processor whose memory is one buffer ----------------------------------------------------------------------- */

enum { MEMORY = 8192 };
static _Alignas(4096) uint8_t memory[MEMORY];
static uint64_t readable = MEMORY; /* accesses beyond fault */
static uint64_t memory_base;

static bool checks_alignment; /* EFLAGS.AC at CPL 3 */

static bool good(struct vcpu *v, uint64_t offset, size_t size, unsigned alignment) {
  if (alignment && offset % alignment) return exec_raise_with_code(v, VECTOR_GP, 0);
  if (!alignment && checks_alignment && offset % size) return exec_raise_with_code(v, VECTOR_AC, 0);
  const uint64_t at = offset - memory_base;
  return at + size <= readable && at + size >= at ? true : exec_raise_with_code(v, VECTOR_PF, 0);
}

bool mem_read_bytes_slow(struct vcpu *v, unsigned segment, uint64_t offset, void *bytes, size_t size,
                         unsigned alignment) {
  (void)segment;
  if (!good(v, offset, size, alignment)) return false;
  memcpy(bytes, memory + (offset - memory_base), size);
  return true;
}
bool mem_write_bytes_slow(struct vcpu *v, unsigned segment, uint64_t offset, const void *bytes, size_t size,
                          unsigned alignment) {
  (void)segment;
  if (!good(v, offset, size, alignment)) return false;
  memcpy(memory + (offset - memory_base), bytes, size);
  return true;
}
bool mem_read_bytes(struct vcpu *v, unsigned segment, uint64_t offset, void *bytes, size_t size, unsigned alignment) {
  return mem_read_bytes_slow(v, segment, offset, bytes, size, alignment);
}
bool mem_write_bytes(struct vcpu *v, unsigned segment, uint64_t offset, const void *bytes, size_t size,
                     unsigned alignment) {
  return mem_write_bytes_slow(v, segment, offset, bytes, size, alignment);
}
bool segment_aligned(const struct vcpu *v, unsigned segment, uint64_t offset, unsigned alignment) {
  (void)v, (void)segment;
  return offset % alignment == 0;
}
bool mem_check_operand(struct vcpu *v, unsigned segment, uint64_t offset, size_t size, unsigned unit, bool write) {
  (void)segment, (void)unit, (void)write;
  return good(v, offset, size, 0);
}
bool mem_read_slow(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value) {
  *value = 0;
  return mem_read_bytes_slow(v, segment, offset, value, size, 0);
}
bool mem_write_slow(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t value) {
  return mem_write_bytes_slow(v, segment, offset, &value, size, 0);
}
bool mem_read(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value) {
  return mem_read_slow(v, segment, offset, size, value);
}
bool mem_write(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t value) {
  return mem_write_slow(v, segment, offset, size, value);
}
bool mem_probe_write(struct vcpu *v, unsigned segment, uint64_t offset, size_t size, unsigned alignment) {
  (void)segment;
  return good(v, offset, size, alignment);
}
bool mem_rmw_read(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value,
                  struct mem_rmw *rmw) {
  (void)rmw;
  return mem_read_slow(v, segment, offset, size, value);
}
void mem_rmw_write(struct vcpu *v, const struct mem_rmw *rmw, uint64_t value) {
  (void)v, (void)rmw, (void)value;
}
void mmu_mode_changed(struct vcpu *v) {
  (void)v;
}
bool vcpu_update_mode(struct vcpu *v) {
  (void)v;
  return true;
}

bool x87_nothing_pending(struct vcpu *v) {
  (void)v;
  return true;
}

static struct vcpu *create(void) {
  struct vcpu *v = fake_create();
  v->mode |= DECODE_OSFXSR | DECODE_OSXSAVE_AVX;
  v->s.cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
  v->s.xcr0 = 7;
  v->fpu.mxcsr = MXCSR_INITIAL;
  decoder_init(&v->decoder, UINT64_MAX);
  memory_base = (uint64_t)(uintptr_t)memory;
  readable = MEMORY;
  return v;
}
static ir_execute *bind_vector(const struct ir_op *op) {
  ir_execute *handler = exec_bind_sse(op);
  return handler ? handler : exec_bind_simd(op);
}

static void execute(struct vcpu *v, const struct ir_op *decoded) {
  struct ir_op ops[2];
  memset(ops, 0, sizeof ops);
  ops[0] = *decoded;
  ops[0].execute = bind_vector(decoded);
  ops[1].execute = fake_end_of_block;
  v->exception.pending = false;
  v->current = ops;
  ops[0].execute(v, ops);
}

/* Executes bytes; returns the vector of the exception, -1 if there is none. */
static int run_bytes(struct vcpu *v, const char *bytes) {
  struct ir_op op;
  uint8_t code[15] = {0};
  memset(&op, 0, sizeof op);
  memcpy(code, bytes, 8);
  assert_int_equal(decode_instruction(&v->decoder, v->mode, code, 15, &op), DECODE_OK);
  assert_non_null(bind_vector(&op));
  execute(v, &op);
  return v->exception.pending ? v->exception.vector : -1;
}

/* --- random state ------------------------------------------------------------------------------------------------- */

/* Boundaries of both formats, neighbours of each other often. */
static uint64_t random_double(void) {
  static const uint64_t corners[] = {0,
                                     1,
                                     0x000fffffffffffff,
                                     0x0010000000000000,
                                     0x0010000000000001,
                                     0x7fefffffffffffff,
                                     0x7ff0000000000000,
                                     0x7ff0000000000001,
                                     0x7ff8000000000000,
                                     0x3ff0000000000000,
                                     0x3fe0000000000000,
                                     0x41dfffffffe00000,
                                     0x43e0000000000000,
                                     0x3ca0000000000000,
                                     0x47efffffe0000000,
                                     0x380fffffffffffff,
                                     0x36a0000000000000,
                                     0x4330000000000001};
  const uint64_t r = next_random(), sign = r & 1 ? UINT64_C(1) << 63 : 0;
  switch (r >> 1 & 7) {
  case 0:
  case 1: return corners[(r >> 8) % (sizeof corners / sizeof *corners)] | sign;
  case 2: return (next_random() & 0xfffff) | sign;
  case 3: return (0x3ff0000000000000 + (next_random() >> 10 & UINT64_C(0x7f)) * (UINT64_C(1) << 46)) | sign;
  case 4: return (next_random() & 0x800fffffffffffff) | (0x3fc + (r >> 20 & 7)) << 52;
  default: return next_random();
  }
}

static uint32_t random_single(void) {
  static const uint32_t corners[] = {0,          1,          0x007fffff, 0x00800000, 0x00800001, 0x7f7fffff,
                                     0x7f800000, 0x7f800001, 0x7fc00000, 0x3f800000, 0x3f000000, 0x4effffff,
                                     0x4f000000, 0x33800000, 0x477fe000, 0x477ff000, 0x38800000, 0x387fffff,
                                     0x33000000, 0x4b000001, 0x5f000000};
  const uint64_t r = next_random();
  const uint32_t sign = r & 1 ? UINT32_C(1) << 31 : 0;
  switch (r >> 1 & 7) {
  case 0:
  case 1: return corners[(r >> 8) % (sizeof corners / sizeof *corners)] | sign;
  case 2: return (uint32_t)(next_random() & 0xfff) | sign;
  case 3: return (uint32_t)(0x3f800000 + (next_random() >> 10 & 0x7f) * 0x20000) | sign;
  case 4: return (uint32_t)(next_random() & 0x807fffff) | (uint32_t)(0x7c + (r >> 20 & 7)) << 23;
  default: return (uint32_t)next_random();
  }
}

static void random_bytes(uint8_t *bytes, unsigned size) {
  const unsigned kind = next_random() >> 20 & 7;
  for (unsigned i = 0; i < size; i += 8) {
    uint64_t value = kind < 3 ? random_double() : random_single() | (uint64_t)random_single() << 32;
    if (kind == 6) value = next_random() & next_random() & 0x0303030303030303;
    if (kind == 7) value = next_random();
    memcpy(bytes + i, &value, 8);
  }
}

static void random_vectors(struct host_vectors *h) {
  memset(h, 0, sizeof *h);
  for (unsigned i = 0; i < 16; i++) random_bytes(h->ymm[i], 32);
  for (unsigned i = 0; i < 8; i++) random_bytes((uint8_t *)&h->mmx[i], 8);
  for (unsigned i = 0; i < 16; i++) h->gpr[i] = next_random() & 1 ? next_random() : next_random() & 31;
  const uint64_t r = next_random() >> 16;
  h->mxcsr = 0x1f80 | (r & 3 ? (uint32_t)(r >> 2 & 0x3f) : 0) | (uint32_t)(r >> 8 & 3) << 13 | (r & 0x1c00 ? 0 : 0x40) |
             (r & 0xe000 ? 0 : 0x8000u);
  if (r >> 16 & 1) h->mxcsr &= 0x9fff;
}

static void to_model(struct vcpu *v, const struct host_vectors *h) {
  memcpy(v->fpu.ymm, h->ymm, sizeof h->ymm);
  memcpy(v->s.gpr, h->gpr, sizeof h->gpr);
  for (unsigned i = 0; i < 8; i++) v->fpu.st[i].significand = h->mmx[i];
  v->fpu.mxcsr = h->mxcsr;
  flags_write_arithmetic(v, 0);
}

static void from_model(struct vcpu *v, struct host_vectors *h) {
  memset(h, 0, sizeof *h);
  memcpy(h->ymm, v->fpu.ymm, sizeof h->ymm);
  memcpy(h->gpr, v->s.gpr, sizeof h->gpr);
  for (unsigned i = 0; i < 8; i++) h->mmx[i] = v->fpu.st[i].significand;
  h->mxcsr = v->fpu.mxcsr;
  h->flags = flags_read(v) & FLAGS_ARITHMETIC;
}

/* --- every opcode ------------------------------------------------------------------------------------------------- */

struct encoding {
  unsigned map, opcode, prefix, vex_l, vex_w;
  bool vex, in_memory;
};

static unsigned random_number(void) {
  const unsigned r = next_random() >> 30 & 15;
  return r == 4 ? 5 : r;
}

static unsigned encode(const struct encoding *e, uint8_t *code) {
  static const uint8_t prefixes[4] = {0, 0x66, 0xf3, 0xf2}, escapes[4] = {0, 0, 0x38, 0x3a};
  const unsigned reg = random_number(), rm = e->in_memory ? 6 : random_number(),
                 vvvv = next_random() & 1 ? 15 : random_number();
  unsigned n = 0;
  if (e->vex) {
    code[n++] = 0xc4;
    code[n++] = (uint8_t)((reg < 8 ? 0x80 : 0) | 0x40 | (rm < 8 ? 0x20 : 0) | e->map);
    code[n++] = (uint8_t)(e->vex_w << 7 | (~vvvv & 15) << 3 | e->vex_l << 2 | e->prefix);
  } else {
    if (e->prefix) code[n++] = prefixes[e->prefix];
    code[n++] = (uint8_t)(0x40 | e->vex_w << 3 | (reg >= 8 ? 4 : 0) | (rm >= 8 ? 1 : 0));
    code[n++] = 0x0f;
    if (e->map > 1) code[n++] = escapes[e->map];
  }
  code[n++] = (uint8_t)e->opcode;
  code[n++] = (uint8_t)((e->in_memory ? 0 : 0xc0) | (reg & 7) << 3 | (rm & 7));
  code[n++] = (uint8_t)next_random();
  return n;
}

static bool is_approximate(unsigned opcode) {
  const char *name = ir_opcode_name(opcode);
  return strstr(name, "RCP") || strstr(name, "RSQRT");
}

static bool is_excluded(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_MASKMOVQ:
  case IR_MASKMOVDQU:
  case IR_VMASKMOVDQU:
  case IR_LDMXCSR:
  case IR_VLDMXCSR:
  case IR_EMMS: return true;
  default: break;
  }
  return op->memory.vsib || !bind_vector(op) || (op->operand[0].kind == IR_MEMORY && op->operand[0].size == 0) ||
         is_approximate(op->opcode);
}

static unsigned failures;
static uint8_t seen[IR_OPCODE_COUNT];

static void report(const struct ir_op *op, const uint8_t *code, const struct host_vectors *before,
                   const struct host_vectors *host, const struct host_vectors *model) {
  if (failures++ > 40 || seen[op->opcode] == 2) return;
  seen[op->opcode] = 2;
  printf("%s", ir_opcode_name(op->opcode));
  for (unsigned i = 0; i < op->length; i++) printf(" %02x", code[i]);
  printf("  mxcsr %x -> host %x model %x, flags %x %x\n", before->mxcsr, host->mxcsr, model->mxcsr,
         (unsigned)host->flags, (unsigned)model->flags);
  for (unsigned i = 0; i < 16; i++) {
    const uint64_t *b = (const uint64_t *)(const void *)before->ymm[i],
                   *h = (const uint64_t *)(const void *)host->ymm[i],
                   *m = (const uint64_t *)(const void *)model->ymm[i];
    bool operand = false;
    for (unsigned k = 0; k < 4; k++) operand |= op->operand[k].kind == IR_VECTOR && op->operand[k].reg == i;
    if (operand || memcmp(h, m, 32))
      for (unsigned k = 0; k < 4; k++)
        printf("  ymm%u[%u] %016llx host %016llx model %016llx\n", i, k, (unsigned long long)b[k],
               (unsigned long long)h[k], (unsigned long long)m[k]);
    if (host->gpr[i] != model->gpr[i])
      printf("  gpr%u %llx host %llx model %llx\n", i, (unsigned long long)before->gpr[i],
             (unsigned long long)host->gpr[i], (unsigned long long)model->gpr[i]);
  }
}

static void compare_one(struct vcpu *v, const struct ir_op *op, const uint8_t *code) {
  static uint8_t memory_before[64], memory_host[64];
  struct host_vectors before, host, model;
  random_vectors(&before);
  before.gpr[VMXSIM_RSI] = (uint64_t)(uintptr_t)memory;
  random_bytes(memory_before, 64);
  memcpy(memory, memory_before, 64);
  host = before;
  if (!host_execute(code, op->length, &host)) return;
  memcpy(memory_host, memory, 64);
  memcpy(memory, memory_before, 64);
  to_model(v, &before);
  execute(v, op);
  from_model(v, &model);
  host.flags &= FLAGS_ARITHMETIC;
  const char *name = ir_opcode_name(op->opcode);
  const bool sets_flags = strstr(name, "COMI") || strstr(name, "TEST") || strstr(name, "STRI") || strstr(name, "STRM");
  if (!sets_flags) model.flags = host.flags;
  model.default_mxcsr = host.default_mxcsr;
  model.gpr[VMXSIM_RSP] = host.gpr[VMXSIM_RSP] = 0;
  if (memcmp(&host, &model, sizeof host) || v->exception.pending || memcmp(memory, memory_host, 64))
    report(op, code, &before, &host, &model);
}

static void try_encoding(struct vcpu *v, const struct encoding *e, unsigned rounds) {
  for (unsigned i = 0; i < rounds; i++) {
    struct ir_op op;
    uint8_t code[16] = {0};
    encode(e, code);
    memset(&op, 0, sizeof op);
    if (decode_instruction(&v->decoder, v->mode, code, 15, &op) != DECODE_OK || op.opcode == IR_INVALID) continue;
    if (is_excluded(&op)) continue;
    if (!seen[op.opcode]) seen[op.opcode] = 1;
    compare_one(v, &op, code);
  }
}

static void test_against_host(void **state) {
  (void)state;
  const uint64_t features = host_vector_features();
  if (!features) skip();
  struct vcpu *v = create();
  decoder_init(&v->decoder, features);
  const char *wanted = getenv("ROUNDS");
  const unsigned rounds = wanted ? (unsigned)atoi(wanted) : 200;
  for (unsigned i = 0; i < 3 * 256 * 4 * 16; i++) {
    const struct encoding e = {
        i >> 14 ? (i >> 14) + 1 : 1, i & 255, i >> 8 & 3, i >> 10 & 1, i >> 11 & 1, i >> 12 & 1, i >> 13 & 1};
    const bool is_escape = !e.vex && e.map == 1 && (e.opcode == 0x38 || e.opcode == 0x3a);
    if (is_escape || (!e.vex && e.vex_l)) continue;
    try_encoding(v, &e, rounds);
  }
  unsigned count = 0;
  for (unsigned i = 0; i < IR_OPCODE_COUNT; i++) count += seen[i] != 0;
  printf("%u opcodes\n", count);
  fake_destroy(v);
  assert_int_equal(failures, 0);
}

/* --- what a host cannot show -------------------------------------------------------------------------------------- */

static void set_single(struct vcpu *v, unsigned reg, float value) {
  memset(v->fpu.ymm[reg], 0, 32);
  memcpy(v->fpu.ymm[reg], &value, 4);
}
static float get_single(const struct vcpu *v, unsigned reg) {
  float value;
  memcpy(&value, v->fpu.ymm[reg], 4);
  return value;
}

static void test_unmasked(void **state) {
  (void)state;
  struct vcpu *v = create();
  v->fpu.mxcsr = 0x1f80 & ~0x200u; /* division by zero */
  set_single(v, 0, 1);
  set_single(v, 1, 0);
  assert_int_equal(run_bytes(v, "\xf3\x0f\x5e\xc1\0\0\0"), VECTOR_XM);
  assert_true(get_single(v, 0) == 1 && (v->fpu.mxcsr & 4));
  v->s.cr4 &= ~UINT64_C(0x400);
  assert_int_equal(run_bytes(v, "\xf3\x0f\x5e\xc1\0\0\0"), VECTOR_UD);
  fake_destroy(v);
}

/* Unmasked underflow: precision is lost only if it would be with an unbounded exponent. */
static void test_exact_underflow(void **state) {
  (void)state;
  struct vcpu *v = create();
  v->fpu.mxcsr = 0x1f80 & ~0x800u;
  set_single(v, 0, 0x1.000002p-126f); /* a bit more than the least normal number: half of it is no denormal */
  set_single(v, 1, 0.5f);
  assert_int_equal(run_bytes(v, "\xf3\x0f\x59\xc1\0\0\0"), VECTOR_XM);
  assert_int_equal(v->fpu.mxcsr & 0x3f, 0x10);
  v->fpu.mxcsr = 0x1f80;
  assert_int_equal(run_bytes(v, "\xf3\x0f\x59\xc1\0\0\0"), -1);
  assert_int_equal(v->fpu.mxcsr & 0x3f, 0x30);
  fake_destroy(v);
}

static void test_control_bits(void **state) {
  (void)state;
  struct vcpu *v = create();
  v->s.cr0 = 8;
  assert_int_equal(run_bytes(v, "\x0f\x58\xc1\0\0\0\0"), VECTOR_NM);
  assert_int_equal(run_bytes(v, "\xc5\xf8\x58\xc1\0\0\0"), VECTOR_NM);
  v->s.cr0 = 12;
  assert_int_equal(run_bytes(v, "\x0f\x58\xc1\0\0\0\0"), VECTOR_UD);
  assert_int_equal(run_bytes(v, "\x0f\xfc\xc1\0\0\0\0"), VECTOR_UD);
  assert_int_equal(run_bytes(v, "\x0f\xae\x06\0\0\0\0"), VECTOR_NM); /* FXSAVE */
  v->s.cr0 = 0;
  v->s.cr4 = 0;
  assert_int_equal(run_bytes(v, "\x0f\xae\x26\0\0\0\0"), VECTOR_UD); /* XSAVE */
  fake_destroy(v);
}

static void test_alignment(void **state) {
  (void)state;
  struct vcpu *v = create();
  v->s.gpr[VMXSIM_RSI] = memory_base + 8;
  assert_int_equal(run_bytes(v, "\x0f\x58\x06\0\0\0\0"), VECTOR_GP); /* ADDPS */
  assert_int_equal(run_bytes(v, "\xc5\xf8\x58\x06\0\0\0"), -1);
  assert_int_equal(run_bytes(v, "\x0f\x28\x06\0\0\0\0"), VECTOR_GP);
  assert_int_equal(run_bytes(v, "\x0f\x10\x06\0\0\0\0"), -1);
  assert_int_equal(run_bytes(v, "\xc5\xfc\x28\x06\0\0\0"), VECTOR_GP);
  v->s.gpr[VMXSIM_RSI] = memory_base + 16;
  assert_int_equal(run_bytes(v, "\xc5\xfc\x28\x06\0\0\0"), VECTOR_GP); /* 32 bytes want 32 */
  assert_int_equal(run_bytes(v, "\x0f\xae\x26\0\0\0\0"), VECTOR_GP);   /* XSAVE 64 */
  fake_destroy(v);
}

static int masked_move(struct vcpu *v, const char *bytes, unsigned at) {
  v->s.gpr[VMXSIM_RDI] = memory_base + at;
  return run_bytes(v, bytes);
}

/* Bytes under the mask; all of the memory must be writable; as quadwords they want 8 bytes aligned, which tells #AC. */
static void test_masked_bytes(void **state) {
  (void)state;
  static const char maskmovdqu[] = "\x66\x0f\xf7\xc1\0\0\0", vmaskmovdqu[] = "\xc5\xf9\xf7\xc1\0\0\0";
  static const char maskmovq[] = "\x0f\xf7\xc1\0\0\0\0";
  struct vcpu *v = create();
  memset(memory, 0, sizeof memory);
  memset(v->fpu.ymm[0], 0xaa, 16);
  memset(v->fpu.ymm[1], 0x7f, 16);
  v->fpu.ymm[1][3] = v->fpu.ymm[1][15] = 0x80;
  assert_int_equal(masked_move(v, maskmovdqu, 21), -1);
  for (unsigned i = 0; i < 48; i++) assert_int_equal(memory[i], i == 21 + 3 || i == 21 + 15 ? 0xaa : 0);
  assert_int_equal(masked_move(v, maskmovdqu, MEMORY - 15), VECTOR_PF);
  checks_alignment = true;
  assert_int_equal(masked_move(v, maskmovdqu, 8), -1);
  assert_int_equal(masked_move(v, maskmovdqu, 4), VECTOR_AC);
  assert_int_equal(masked_move(v, vmaskmovdqu, 24), -1);
  assert_int_equal(masked_move(v, vmaskmovdqu, 30), VECTOR_AC);
  assert_int_equal(masked_move(v, maskmovq, 40), -1);
  assert_int_equal(masked_move(v, maskmovq, 44), VECTOR_AC);
  assert_int_equal(masked_move(v, maskmovdqu, MEMORY - 8), VECTOR_PF);
  checks_alignment = false;
  fake_destroy(v);
}

/* --- DPPS, DPPD xmm0, xmm1 --- */

static void set_vector(struct vcpu *v, unsigned reg, const void *bytes) {
  memset(v->fpu.ymm[reg], 0, 32);
  memcpy(v->fpu.ymm[reg], bytes, 16);
}

/* The sum of the pairs' sums: (2^60 + 1) + (-2^60 + 1), where adding one after the other would give 1. */
static void test_order_of_additions(void **state) {
  (void)state;
  static const float terms[4] = {0x1p60f, 1, -0x1p60f, 1}, ones[4] = {1, 1, 1, 1}, few[4] = {2, 3, 5, 7};
  struct vcpu *v = create();
  set_vector(v, 0, terms);
  set_vector(v, 1, ones);
  assert_int_equal(run_bytes(v, "\x66\x0f\x3a\x40\xc1\xf1\0"), -1);
  assert_true(get_single(v, 0) == 0);
  set_vector(v, 0, few);
  assert_int_equal(run_bytes(v, "\x66\x0f\x3a\x40\xc1\xb4\0"), -1); /* without element 2, to element 2 */
  float sums[4];
  memcpy(sums, v->fpu.ymm[0], sizeof sums);
  assert_true(sums[0] == 0 && sums[1] == 0 && sums[2] == 12 && sums[3] == 0);
  fake_destroy(v);
}

/* A sum of two NaNs is the first of them, which is the one of the lower elements; elements left out raise nothing. */
static void test_nan_of_dot_product(void **state) {
  (void)state;
  static const uint32_t nans[4] = {0x3f800000, 0x7fc00001, 0x7fc00002, 0x7f800003}; /* the last one signals */
  static const float ones[4] = {1, 1, 1, 1};
  static const uint64_t doubles[2] = {0x7ff8000000000001, 0x7ff8000000000002};
  static const double double_ones[2] = {1, 1};
  struct vcpu *v = create();
  uint32_t got;
  uint64_t got_double;
  set_vector(v, 0, nans);
  set_vector(v, 1, ones);
  assert_int_equal(run_bytes(v, "\x66\x0f\x3a\x40\xc1\x71\0"), -1);
  memcpy(&got, v->fpu.ymm[0], 4);
  assert_int_equal(got, 0x7fc00001);
  assert_int_equal(v->fpu.mxcsr & 0x3f, 0);
  set_vector(v, 0, nans);
  assert_int_equal(run_bytes(v, "\x66\x0f\x3a\x40\xc1\x91\0"), -1); /* elements 0 and 3 */
  memcpy(&got, v->fpu.ymm[0], 4);
  assert_int_equal(got, 0x7fc00003);
  assert_int_equal(v->fpu.mxcsr & 0x3f, 1);
  set_vector(v, 0, doubles);
  set_vector(v, 1, double_ones);
  assert_int_equal(run_bytes(v, "\x66\x0f\x3a\x41\xc1\x32\0"), -1);
  memcpy(&got_double, v->fpu.ymm[0] + 8, 8);
  assert_true(got_double == doubles[0]);
  fake_destroy(v);
}

/* VPGATHERDD xmm0, [rsi + xmm1 * 4], xmm2, whose last element faults; then it is there, and the rest is done. */
static void test_gather(void **state) {
  (void)state;
  static const uint32_t indices[4] = {3, 0, 5, 1000};
  struct vcpu *v = create();
  for (unsigned i = 0; i < MEMORY / 4; i++) memcpy(memory + 4 * i, &i, 4);
  readable = 2048;
  v->s.gpr[VMXSIM_RSI] = memory_base;
  memcpy(v->fpu.ymm[1], indices, 16);
  memset(v->fpu.ymm[2], 0xff, 32);
  memset(v->fpu.ymm[0], 0xaa, 32);
  v->fpu.ymm[2][7] = 0x7f; /* element 1 is not wanted */
  assert_int_equal(run_bytes(v, "\xc4\xe2\x69\x90\x04\x8e\0"), VECTOR_PF);
  uint32_t got[4], mask[4];
  memcpy(got, v->fpu.ymm[0], 16);
  memcpy(mask, v->fpu.ymm[2], 16);
  assert_true(got[0] == 3 && got[1] == 0xaaaaaaaa && got[2] == 5 && !mask[0] && !mask[1] && !mask[2] &&
              mask[3] == UINT32_MAX);
  readable = MEMORY;
  assert_int_equal(run_bytes(v, "\xc4\xe2\x69\x90\x04\x8e\0"), -1);
  memcpy(got, v->fpu.ymm[0], 16);
  assert_true(got[3] == 1000 && !v->fpu.ymm[0][16] && !v->fpu.ymm[2][15] && !v->fpu.ymm[2][31]);
  fake_destroy(v);
}

static void fill(struct vcpu *v) {
  for (unsigned i = 0; i < 16; i++) random_bytes(v->fpu.ymm[i], 32);
  for (unsigned i = 0; i < 8; i++) v->fpu.st[i] = (struct x87_register){next_random(), (uint16_t)next_random()};
  v->fpu.control = 0x27f;
  v->fpu.tags = 0x5a;
  v->fpu.top = 3;
  v->fpu.mxcsr = 0x5fa3;
  v->s.pkru = 0x12345678;
  v->s.u_cet = 3;
  v->s.pl_ssp[0] = 0x1000, v->s.pl_ssp[1] = 0x2000, v->s.pl_ssp[2] = 0x3000, v->s.pl_ssp[3] = 0x4000;
}

static void clear(struct vcpu *v) {
  memset(&v->fpu, 0x55, sizeof v->fpu);
  v->fpu.mxcsr = 0x1f80;
  v->fpu.top = 0;
  v->s.pkru = 0;
  v->s.u_cet = 0;
  memset(v->s.pl_ssp, 0, sizeof v->s.pl_ssp);
}

/* Saves with one instruction, restores with another, both at [rsi]. */
static void round_trip(const char *save, const char *restore, uint64_t xcr0, uint64_t xss) {
  struct vcpu *v = create();
  v->s.xcr0 = xcr0;
  v->s.xss = xss;
  v->s.gpr[VMXSIM_RAX] = v->s.gpr[VMXSIM_RDX] = UINT32_MAX;
  v->s.gpr[VMXSIM_RSI] = memory_base;
  memset(memory, 0, sizeof memory);
  fill(v);
  const struct fpu before = v->fpu;
  const struct vmxsim_state was = v->s;
  assert_int_equal(run_bytes(v, save), -1);
  clear(v);
  assert_int_equal(run_bytes(v, restore), -1);
  assert_memory_equal(v->fpu.ymm, before.ymm, xcr0 & 4 ? sizeof before.ymm : 16);
  assert_int_equal(v->fpu.mxcsr, before.mxcsr);
  assert_int_equal(v->fpu.top, 3);
  assert_int_equal(v->fpu.tags, 0x5a);
  for (unsigned i = 0; i < 8; i++) {
    assert_true(v->fpu.st[i].significand == before.st[i].significand);
    assert_int_equal(v->fpu.st[i].sign_exponent, before.st[i].sign_exponent);
  }
  if (xcr0 & 0x200) assert_int_equal(v->s.pkru, was.pkru);
  if (xss) assert_memory_equal(v->s.pl_ssp, was.pl_ssp, sizeof was.pl_ssp);
  fake_destroy(v);
}

static void test_save(void **state) {
  (void)state;
  round_trip("\x48\x0f\xae\x06\0\0\0", "\x48\x0f\xae\x0e\0\0\0", 3, 0);          /* FXSAVE64, FXRSTOR64 */
  round_trip("\x48\x0f\xae\x26\0\0\0", "\x48\x0f\xae\x2e\0\0\0", 0x207, 0);      /* XSAVE64, XRSTOR64 */
  round_trip("\x48\x0f\xae\x36\0\0\0", "\x48\x0f\xae\x2e\0\0\0", 0x207, 0);      /* XSAVEOPT64 */
  round_trip("\x48\x0f\xc7\x26\0\0\0", "\x48\x0f\xae\x2e\0\0\0", 0x207, 0);      /* XSAVEC64 */
  round_trip("\x48\x0f\xc7\x2e\0\0\0", "\x48\x0f\xc7\x1e\0\0\0", 0x207, 0x1800); /* XSAVES64, XRSTORS64 */
}

static void test_restore_checks(void **state) {
  (void)state;
  struct vcpu *v = create();
  v->s.gpr[VMXSIM_RAX] = 7;
  v->s.gpr[VMXSIM_RSI] = memory_base;
  memset(memory, 0, sizeof memory);
  memory[512] = 8; /* a component that XCR0 does not have */
  assert_int_equal(run_bytes(v, "\x0f\xae\x2e\0\0\0\0"), VECTOR_GP);
  memory[512] = 0;
  memory[520] = 1; /* XCOMP_BV without bit 63 */
  assert_int_equal(run_bytes(v, "\x0f\xae\x2e\0\0\0\0"), VECTOR_GP);
  memory[520] = 0;
  memory[26] = 1; /* MXCSR */
  assert_int_equal(run_bytes(v, "\x0f\xae\x2e\0\0\0\0"), VECTOR_GP);
  assert_int_equal(run_bytes(v, "\x0f\xae\x16\0\0\0\0"), -1); /* LDMXCSR of 0 at the start */
  assert_int_equal(v->fpu.mxcsr, 0);
  assert_int_equal(run_bytes(v, "\x0f\xc7\x1e\0\0\0\0"), VECTOR_GP); /* XRSTORS wants the compacted format */
  fake_destroy(v);
}

/* Also the components that XRSTOR initializes are read: where their memory is not there, it faults and initializes none
 * (SDM 1, "Memory Access by the XSAVE Feature Set"). */
static void test_restore_reads_what_is_wanted(void **state) {
  (void)state;
  static const char *const xrstor = "\x0f\xae\x2e\0\0\0\0";
  enum { X87_SSE = 3, ALL = 7, COMPACTED_BYTE = 527 };
  struct vcpu *v = create();
  v->s.gpr[VMXSIM_RSI] = memory_base;
  memset(memory, 0, sizeof memory);
  memset(v->fpu.ymm, 0x5a, sizeof v->fpu.ymm);
  v->s.gpr[VMXSIM_RAX] = ALL;
  readable = XSAVE_EXTENDED + XSAVE_AVX_SIZE - 1;
  assert_int_equal(run_bytes(v, xrstor), VECTOR_PF);
  assert_int_equal(v->fpu.ymm[0][0], 0x5a);
  v->s.gpr[VMXSIM_RAX] = X87_SSE;
  assert_int_equal(run_bytes(v, xrstor), -1);
  assert_int_equal(v->fpu.ymm[0][0], 0);
  assert_int_equal(v->fpu.ymm[0][16], 0x5a);
  v->s.gpr[VMXSIM_RAX] = ALL; /* of a compacted area without AVX */
  memory[COMPACTED_BYTE] = 0x80;
  assert_int_equal(run_bytes(v, xrstor), -1);
  assert_int_equal(v->fpu.ymm[0][16], 0);
  memory[COMPACTED_BYTE - 7] = ALL; /* of one with a place for it */
  assert_int_equal(run_bytes(v, xrstor), VECTOR_PF);
  readable++;
  assert_int_equal(run_bytes(v, xrstor), -1);
  readable = MEMORY;
  fake_destroy(v);
}

/* RCPSS and RSQRTSS: within 1.5 * 2^-12 of the truth. */
static void test_approximations(void **state) {
  (void)state;
  struct vcpu *v = create();
  for (unsigned i = 0; i < 20000; i++) {
    const float x = (float)(1 + (double)(next_random() >> 40)) * (i & 1 ? 0x1p-20f : 0x1p10f);
    set_single(v, 1, x);
    run_bytes(v, "\xf3\x0f\x53\xc1\0\0\0");
    assert_true(fabs((double)get_single(v, 0) * (double)x - 1) <= 1.5 / 4096);
    run_bytes(v, "\xf3\x0f\x52\xc1\0\0\0");
    assert_true(fabs((double)get_single(v, 0) * sqrt((double)x) - 1) <= 1.5 / 4096);
  }
  assert_int_equal(v->fpu.mxcsr, 0x1f80);
  fake_destroy(v);
}

/* Inputs to 1.1111111111010B * 2^125 have no tiny result, those from 1.00000000000110000000001B * 2^126 have, which is
 * flushed to 0 (SDM 2B, "RCPPS"). */
static void test_tiny_reciprocals(void **state) {
  (void)state;
  struct vcpu *v = create();
  set_single(v, 1, 0x1.ffd000p125f);
  run_bytes(v, "\xf3\x0f\x53\xc1\0\0\0");
  assert_true(get_single(v, 0) >= 0x1p-126f);
  set_single(v, 1, -0x1.001802p126f);
  run_bytes(v, "\xf3\x0f\x53\xc1\0\0\0");
  assert_true(get_single(v, 0) == 0 && signbit(get_single(v, 0)));
  fake_destroy(v);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_host),
      cmocka_unit_test(test_unmasked),
      cmocka_unit_test(test_control_bits),
      cmocka_unit_test(test_alignment),
      cmocka_unit_test(test_gather),
      cmocka_unit_test(test_save),
      cmocka_unit_test(test_restore_checks),
      cmocka_unit_test(test_restore_reads_what_is_wanted),
      cmocka_unit_test(test_approximations),
      cmocka_unit_test(test_exact_underflow),
      cmocka_unit_test(test_masked_bytes),
      cmocka_unit_test(test_order_of_additions),
      cmocka_unit_test(test_nan_of_dot_product),
      cmocka_unit_test(test_tiny_reciprocals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
