/* x87 instructions against the host's processor: a random state goes into both, one instruction is executed, and the
 * whole states that FNSAVE then stores are compared: control, status, tags, registers; memory, AX and flags too.
 * What a host cannot show (#NM, #MF, environment layouts, MMX) has tests of its own. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cmocka_main.h"

#include "cpu/exec/exec.h"
#include "cpu/exec/flags.h"
#include "cpu/exec/system.h"
#include "cpu/exec/x87.h"
#include "cpu/exec/x87_functions.h"
#include "tests/cpu/fake_vcpu.h"
#include "tests/cpu/next_random.h"

/* --- a processor for one instruction --------------------------------------------------------------------------------
 */

enum { MEMORY = 256, OPERAND = 64 };
static uint8_t memory[MEMORY];
static uint64_t memory_limit = MEMORY;

static bool located(struct vcpu *v, uint64_t offset, size_t size) {
  if (offset + size <= memory_limit) return true;
  vcpu_raise_with_code(v, VECTOR_PF, 0);
  return false;
}
bool mem_read_bytes(struct vcpu *v, unsigned segment, uint64_t offset, void *bytes, size_t size, unsigned alignment) {
  (void)segment, (void)alignment;
  if (!located(v, offset, size)) return false;
  memcpy(bytes, memory + offset, size);
  return true;
}
bool mem_write_bytes(struct vcpu *v, unsigned segment, uint64_t offset, const void *bytes, size_t size,
                     unsigned alignment) {
  (void)segment, (void)alignment;
  if (!located(v, offset, size)) return false;
  memcpy(memory + offset, bytes, size);
  return true;
}
bool mem_probe_write(struct vcpu *v, unsigned segment, uint64_t offset, size_t size, unsigned alignment) {
  (void)segment, (void)alignment;
  return located(v, offset, size);
}
bool mem_check_operand(struct vcpu *v, unsigned segment, uint64_t offset, size_t size, unsigned unit, bool write) {
  (void)segment, (void)unit, (void)write;
  return located(v, offset, size);
}
bool mem_read_slow(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value) {
  *value = 0;
  return mem_read_bytes(v, segment, offset, value, size, 0);
}
bool mem_write_slow(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t value) {
  return mem_write_bytes(v, segment, offset, &value, size, 0);
}
/* What operand.c has for others. */
bool mem_rmw_read(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value,
                  struct mem_rmw *rmw) {
  (void)rmw;
  return mem_read_slow(v, segment, offset, size, value);
}
void mem_rmw_write(struct vcpu *v, const struct mem_rmw *rmw, uint64_t value) {
  (void)v, (void)rmw, (void)value;
}

static struct vcpu *create(void) {
  struct vcpu *v = fake_create();
  v->s.cr0 = CR0_NE;
  memory_limit = MEMORY;
  return v;
}

/* One instruction at RIP 0x1000. */
static void execute(struct vcpu *v, const uint8_t *code, size_t length) {
  static struct decoder decoder;
  static bool ready;
  struct ir_op ops[2] = {{.opcode = 0}};
  if (!ready) decoder_init(&decoder, UINT64_MAX);
  ready = true;
  assert_int_equal(decode_instruction(&decoder, v->mode, code, length, ops), DECODE_OK);
  ops[0].execute = exec_bind_x87(ops);
  assert_non_null(ops[0].execute);
  ops[1].execute = fake_end_of_block;
  ops[1].offset = ops[0].length;
  v->exception.pending = false;
  v->block_rip = v->s.rip = 0x1000;
  v->current = ops;
  ops[0].execute(v, ops);
}

static void execute_2(struct vcpu *v, unsigned first, unsigned second) {
  const uint8_t code[] = {(uint8_t)first, (uint8_t)second};
  execute(v, code, sizeof code);
}

/* With the operand at memory[OPERAND], addressed by RDX. */
static void execute_memory(struct vcpu *v, unsigned opcode, unsigned digit) {
  v->s.gpr[VMXSIM_RDX] = OPERAND;
  execute_2(v, opcode, digit << 3 | 2);
}

/* --- states ---------------------------------------------------------------------------------------------------------
 */

struct state {
  uint16_t control, status, tags; /* full tags; TOP in status */
  float80 st[8];                  /* from ST(0) */
  uint8_t operand[16];
  uint16_t ax;
  uint64_t flags;
};

static void into_model(struct vcpu *v, const struct state *s) {
  x87_initialize(v);
  x87_set_control_word(v, s->control);
  x87_set_status_word(v, s->status);
  x87_set_tag_word(v, s->tags);
  for (unsigned i = 0; i < 8; i++) v->fpu.st[x87_physical(v, i)] = s->st[i];
  memcpy(memory + OPERAND, s->operand, sizeof s->operand);
  v->s.gpr[VMXSIM_RAX] = s->ax;
  flags_write(v, s->flags);
}

static struct state out_of_model(struct vcpu *v) {
  struct state s;
  memset(&s, 0, sizeof s);
  s.control = v->fpu.control;
  s.status = x87_status_word(v);
  s.tags = x87_tag_word(v);
  for (unsigned i = 0; i < 8; i++) s.st[i] = x87_get(v, i);
  memcpy(s.operand, memory + OPERAND, sizeof s.operand);
  s.ax = (uint16_t)v->s.gpr[VMXSIM_RAX];
  s.flags = flags_read(v) & FLAGS_ARITHMETIC;
  return s;
}

#if defined(__x86_64__)
#include <sys/mman.h>

struct save_image {
  uint32_t control, status, tags, pointers[4];
  uint8_t st[80];
} __attribute__((packed));

/* frstor [rdi]; mov rax, r8; push rcx; popf; the instruction; pushf; pop rcx; fnsave [rsi]; shl rcx, 16; ... */
static bool on_host(const uint8_t *code, size_t length, struct state *s) {
  static uint8_t *page;
  static const uint8_t before[] = {0xdd, 0x27, 0x49, 0x8b, 0x00, 0x41, 0xff, 0x31, 0x9d};
  static const uint8_t after[] = {0x9c, 0x41, 0x8f, 0x01, 0x49, 0x89, 0x00, 0xdd, 0x36, 0xc3};
  if (!page) {
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
  }
  memcpy(page, before, sizeof before);
  memcpy(page + sizeof before, code, length);
  memcpy(page + sizeof before + length, after, sizeof after);
  struct save_image in = {s->control, s->status, s->tags, {0}, {0}}, out;
  for (unsigned i = 0; i < 8; i++) {
    memcpy(in.st + 10 * i, &s->st[i].significand, 8);
    memcpy(in.st + 10 * i + 8, &s->st[i].sign_exponent, 2);
  }
  uint64_t ax = s->ax, flags = s->flags | 2;
  void (*run)(const void *, void *, void *, uint64_t, uint64_t *, uint64_t *);
  memcpy(&run, &page, sizeof run);
  run(&in, &out, s->operand, 0, &ax, &flags);
  s->control = (uint16_t)out.control;
  s->status = (uint16_t)out.status;
  s->tags = (uint16_t)out.tags;
  for (unsigned i = 0; i < 8; i++) {
    memcpy(&s->st[i].significand, out.st + 10 * i, 8);
    memcpy(&s->st[i].sign_exponent, out.st + 10 * i + 8, 2);
  }
  s->ax = (uint16_t)ax;
  s->flags = flags & FLAGS_ARITHMETIC;
  return true;
}
#else
static bool on_host(const uint8_t *code, size_t length, struct state *s) {
  (void)code, (void)length, (void)s;
  return false;
}
#endif

/* --- random states --------------------------------------------------------------------------------------------------
 */

static unsigned below(unsigned n) {
  return (unsigned)(next_random() >> 33) % n;
}

static uint64_t random_significand(void) {
  static const uint64_t corners[] = {0x8000000000000000, 0x8000000000000001, 0xffffffffffffffff, 0xc000000000000000,
                                     0xfffffffffffffffe, 0x8000000000000400, 0x8000008000000000, 0xa000000000000000,
                                     0xfffffffffffffc00, 0xffffff8000000000, 0xb504f333f9de6484, 0x9249249249249249};
  const uint64_t r = next_random();
  switch (below(5)) {
  case 0: return corners[below(sizeof corners / sizeof *corners)];
  case 1: return r << 40 | FLOAT80_INTEGER_BIT;
  case 2: return r << 11 | FLOAT80_INTEGER_BIT;
  default: return r | FLOAT80_INTEGER_BIT;
  }
}

/* Compilers differ in the order in which they evaluate arguments: random values are drawn one a statement. */
static float80 with_exponent(unsigned exponent) {
  const bool sign = below(2);
  const uint64_t significand = random_significand();
  return float80_make(sign, exponent, significand);
}

static float80 random_special(void) {
  const bool sign = below(2);
  const uint64_t r = next_random();
  switch (below(10)) {
  case 0: return float80_zero(sign);
  case 1: return float80_one(sign);
  case 2: return float80_infinity(sign);
  case 3: return with_exponent(0x7fff);
  case 4: return float80_make(sign, 0x7fff, (r >> below(63) | 3) >> 2 | FLOAT80_INTEGER_BIT);
  case 5: return float80_make(sign, 0, r >> below(64));
  case 6: return with_exponent(0);
  case 7: return float80_make(sign, (unsigned)(r >> 48) & 0x7fff, r & INT64_MAX);
  case 8: return with_exponent(0x7ffe);
  default: return with_exponent(1 + below(66));
  }
}

static float80 random_number(void) {
  static const uint16_t centers[] = {FLOAT80_BIAS,       FLOAT80_BIAS,        FLOAT80_BIAS + 63,   FLOAT80_BIAS + 31,
                                     FLOAT80_BIAS + 15,  FLOAT80_BIAS - 1022, FLOAT80_BIAS + 1023, FLOAT80_BIAS + 127,
                                     FLOAT80_BIAS - 126, FLOAT80_BIAS - 8192, FLOAT80_BIAS + 8192};
  if (below(4) == 0) return random_special();
  if (below(8) == 0) return with_exponent(1 + below(0x7ffe));
  const unsigned center = centers[below(sizeof centers / sizeof *centers)];
  const unsigned spread = below(2) ? 8 : 70;
  return with_exponent(center + below(spread) - 4);
}

static float80 random_moderate(void) {
  return below(12) == 0 ? random_special() : with_exponent(FLOAT80_BIAS - 40 + below(80));
}

/* An operand in memory of that many bytes, made of a number near its range. */
static void random_operand(uint8_t bytes[16], unsigned size) {
  struct float80_context context = {.precision = 64, .masks = 0x3f, .rounding = (uint8_t)below(4)};
  uint64_t bits = next_random();
  memset(bytes, 0, 16);
  if (size == 4 && below(2)) bits = float80_to_32(&context, random_number());
  if (size == 8 && below(2)) bits = float80_to_64(&context, random_number());
  if (below(8) == 0) bits >>= below(64);
  memcpy(bytes, &bits, 8);
  bytes[8] = (uint8_t)next_random(), bytes[9] = (uint8_t)next_random();
}

static float80 close_to(float80 a) {
  a.significand += (uint64_t)below(5) - 2;
  a.sign_exponent ^= (uint16_t)(below(2) << 15);
  a.sign_exponent = (uint16_t)(a.sign_exponent + (below(4) == 0));
  return a;
}

static struct state random_case(float80 (*number)(void)) {
  struct state s;
  memset(&s, 0, sizeof s);
  const unsigned masks = below(3) ? 0x3f : (unsigned)next_random() & 0x3f;
  const unsigned modes = below(16);
  const uint64_t r = next_random();
  s.control = (uint16_t)(0x40 | masks | modes << 8);
  s.status = (uint16_t)((r & 0x7f00) | (below(2) ? (r >> 16) & masks : 0));
  s.tags = below(10) ? 0 : (uint16_t)next_random();
  if (below(3) == 0) s.tags |= 3 << ((((s.status >> 11) + 7) & 7) * 2);
  for (unsigned i = 0; i < 8; i++) s.st[i] = number();
  if (below(8) == 0) s.st[1] = close_to(s.st[0]);
  s.ax = (uint16_t)next_random();
  s.flags = next_random() & FLAGS_ARITHMETIC;
  return s;
}

/* --- comparison -----------------------------------------------------------------------------------------------------
 */

static void print_state(const char *title, const struct state *s) {
  printf("%s control %04x status %04x tags %04x ax %04x flags %03x operand", title, s->control, s->status, s->tags,
         s->ax, (unsigned)s->flags);
  for (unsigned i = 0; i < 10; i++) printf(" %02x", s->operand[i]);
  printf("\n ");
  for (unsigned i = 0; i < 8; i++)
    printf(" %04x:%016llx", s->st[i].sign_exponent, (unsigned long long)s->st[i].significand);
  printf("\n");
}

/* How far apart two results are, in units of the last place; huge if they are of different kinds. */
static uint64_t distance(float80 a, float80 b) {
  if (a.sign_exponent == b.sign_exponent)
    return a.significand > b.significand ? a.significand - b.significand : b.significand - a.significand;
  if (!(a.significand << 1) || !(b.significand << 1))
    if ((a.sign_exponent ^ b.sign_exponent) < 0x8000 && abs(a.sign_exponent - b.sign_exponent) == 1) {
      const bool a_higher = a.sign_exponent > b.sign_exponent;
      const float80 high = a_higher ? a : b, low = a_higher ? b : a;
      if (high.significand == FLOAT80_INTEGER_BIT) return 0 - low.significand;
    }
  return UINT64_MAX;
}

static bool same(struct state host, struct state model, uint64_t tolerance) {
  if (tolerance) {
    /* Which way the last bit was rounded, and what follows from that. */
    host.status &= (uint16_t)~X87_C1, model.status &= (uint16_t)~X87_C1;
    for (unsigned i = 0; i < 2; i++) {
      if (distance(host.st[i], model.st[i]) <= tolerance) host.st[i] = model.st[i];
    }
  }
  if (memcmp(host.operand, model.operand, sizeof host.operand) != 0) return false;
  for (unsigned i = 0; i < 8; i++)
    if (host.st[i].significand != model.st[i].significand || host.st[i].sign_exponent != model.st[i].sign_exponent)
      return false;
  return host.control == model.control && host.status == model.status && host.tags == model.tags &&
         host.ax == model.ax && host.flags == model.flags;
}

/* FCOMI and its kin: the manual has C1 cleared, processors of AMD leave it; the manual has EFLAGS left by an invalid
 * operation that is not masked, processors of AMD set them. */
static bool is_fcomi(const uint8_t *code) {
  return (code[0] == 0xdb || code[0] == 0xdf) && code[1] >= 0xe8 && code[1] <= 0xf7;
}

/* Runs one instruction in both. False: there is no host to compare with. */
static bool agrees(struct vcpu *v, const uint8_t *code, size_t length, const struct state *start, uint64_t tolerance,
                   unsigned *failures) {
  struct state host = *start;
  into_model(v, start);
  v->s.gpr[VMXSIM_RDX] = OPERAND;
  execute(v, code, length);
  if (!on_host(code, length, &host)) return false;
  const struct state model = out_of_model(v);
  if (is_fcomi(code)) {
    host.status = (uint16_t)((host.status & ~X87_C1) | (model.status & X87_C1));
    if (model.status & ~model.control & FLOAT80_INVALID) host.flags = model.flags;
  }
  if (same(host, model, tolerance)) return true;
  if (++*failures > 5) return true;
  printf("%02x %02x\n", code[0], code[1]);
  print_state("start", start);
  print_state("host ", &host);
  print_state("model", &model);
  return true;
}

/* --- every instruction ----------------------------------------------------------------------------------------------
 */

static unsigned cases(void) {
  const char *setting = getenv("X87_CASES");
  return setting ? (unsigned)strtoul(setting, NULL, 10) : 3000;
}

static unsigned compare_register_form(struct vcpu *v, unsigned opcode, unsigned modrm) {
  unsigned failures = 0;
  for (unsigned i = 0; i < cases() / 8; i++) {
    const uint8_t code[] = {(uint8_t)opcode, (uint8_t)modrm};
    const struct state start = random_case(random_number);
    if (!agrees(v, code, 2, &start, 0, &failures)) skip();
  }
  return failures;
}

static void test_register_forms(void **unused) {
  /* First byte, first and last second byte. */
  static const uint8_t ranges[][3] = {{0xd8, 0xc0, 0xff}, {0xd9, 0xc0, 0xcf}, {0xd9, 0xd0, 0xd0}, {0xd9, 0xe0, 0xe1},
                                      {0xd9, 0xe4, 0xe5}, {0xd9, 0xe8, 0xee}, {0xd9, 0xf6, 0xf7}, {0xda, 0xc0, 0xdf},
                                      {0xda, 0xe9, 0xe9}, {0xdb, 0xc0, 0xdf}, {0xdb, 0xe2, 0xe3}, {0xdb, 0xe8, 0xf7},
                                      {0xdc, 0xc0, 0xcf}, {0xdc, 0xe0, 0xff}, {0xdd, 0xc0, 0xc7}, {0xdd, 0xd0, 0xef},
                                      {0xde, 0xc0, 0xcf}, {0xde, 0xd9, 0xd9}, {0xde, 0xe0, 0xff}, {0xdf, 0xe0, 0xe0},
                                      {0xdf, 0xe8, 0xf7}, {0x0f, 0x77, 0x77}};
  (void)unused;
  unsigned failures = 0;
  struct vcpu *v = create();
  for (unsigned i = 0; i < sizeof ranges / sizeof *ranges; i++)
    for (unsigned modrm = ranges[i][1]; modrm <= ranges[i][2]; modrm++)
      failures += compare_register_form(v, ranges[i][0], modrm);
  fake_destroy(v);
  assert_int_equal(failures, 0);
}

static void test_stack_operations(void **unused) {
  /* FXTRACT, FPREM1, FPREM, FSQRT, FRNDINT, FSCALE, FABS ... */
  static const uint8_t second[] = {0xf4, 0xf5, 0xf8, 0xfa, 0xfc, 0xfd};
  (void)unused;
  unsigned failures = 0;
  struct vcpu *v = create();
  for (unsigned k = 0; k < sizeof second; k++)
    for (unsigned i = 0; i < cases() * 2; i++) {
      const uint8_t code[] = {0xd9, second[k]};
      const struct state start = random_case(below(2) ? random_number : random_moderate);
      if (!agrees(v, code, 2, &start, 0, &failures)) skip();
    }
  fake_destroy(v);
  assert_int_equal(failures, 0);
}

static void test_memory_forms(void **unused) {
  /* First byte, digits as a bit mask, size of the operand. */
  static const uint8_t forms[][3] = {{0xd8, 0xff, 4}, {0xd9, 0x0d, 4},  {0xd9, 0x80, 2}, {0xda, 0xff, 4},
                                     {0xdb, 0x0f, 4}, {0xdb, 0xa0, 10}, {0xdc, 0xff, 8}, {0xdd, 0x0f, 8},
                                     {0xdd, 0x80, 2}, {0xde, 0xff, 2},  {0xdf, 0x0f, 2}, {0xdf, 0x20, 10},
                                     {0xdf, 0xa0, 8}, {0xdf, 0x40, 10}};
  (void)unused;
  unsigned failures = 0;
  struct vcpu *v = create();
  for (unsigned k = 0; k < sizeof forms / sizeof *forms; k++)
    for (unsigned digit = 0; digit < 8; digit++)
      for (unsigned i = 0; (forms[k][1] >> digit & 1) && i < cases(); i++) {
        const uint8_t code[] = {forms[k][0], (uint8_t)(digit << 3 | 2)};
        struct state start = random_case(random_number);
        random_operand(start.operand, forms[k][2]);
        /* FBLD of digits that are none is undefined. */
        const bool fbld = code[0] == 0xdf && digit == 4;
        for (unsigned b = 0; fbld && b < 9; b++) start.operand[b] = (uint8_t)(below(10) | below(10) << 4);
        if (!agrees(v, code, 2, &start, 0, &failures)) skip();
      }
  fake_destroy(v);
  assert_int_equal(failures, 0);
}

/* A moderate number of the range that most functions are for. */
static float80 random_fraction(void) {
  if (below(10) == 0) return random_special();
  if (below(10) == 0) return with_exponent(1 + below(FLOAT80_BIAS - 2));
  const unsigned spread = below(2) ? 4 : 70;
  return with_exponent(FLOAT80_BIAS - 1 - below(spread));
}

/* What FYL2XP1 is defined for, a little less. */
static float80 random_small(void) {
  float80 x = random_fraction();
  while (float80_exponent(x) >= FLOAT80_BIAS - 2 && float80_exponent(x) != FLOAT80_MAX_EXPONENT) x = random_fraction();
  return x;
}

static unsigned compare_function(struct vcpu *v, unsigned second, float80 (*first)(void), float80 (*other)(void)) {
  unsigned failures = 0;
  for (unsigned i = 0; i < cases(); i++) {
    const uint8_t code[] = {0xd9, (uint8_t)second};
    struct state start = random_case(other);
    start.st[0] = first();
    if (!agrees(v, code, 2, &start, 1, &failures)) return 0;
  }
  return failures;
}

static void test_functions(void **unused) {
  (void)unused;
  unsigned failures = 0;
  struct vcpu *v = create();
  failures += compare_function(v, 0xf0, random_fraction, random_number);   /* F2XM1 */
  failures += compare_function(v, 0xf1, random_moderate, random_moderate); /* FYL2X */
  failures += compare_function(v, 0xf1, random_number, random_number);
  failures += compare_function(v, 0xf2, random_moderate, random_number);   /* FPTAN */
  failures += compare_function(v, 0xf3, random_moderate, random_moderate); /* FPATAN */
  failures += compare_function(v, 0xf3, random_number, random_number);
  failures += compare_function(v, 0xf9, random_small, random_moderate);  /* FYL2XP1 */
  failures += compare_function(v, 0xfb, random_moderate, random_number); /* FSINCOS */
  failures += compare_function(v, 0xfe, random_moderate, random_number); /* FSIN */
  failures += compare_function(v, 0xff, random_moderate, random_number); /* FCOS */
  fake_destroy(v);
  assert_int_equal(failures, 0);
}

/* --- the same on every host ------------------------------------------------------------------------------------------
 */

static uint64_t hashed(uint64_t hash, uint64_t value) {
  return (hash ^ value) * 0x100000001b3;
}

static uint64_t hash_of(uint64_t hash, const struct state *s) {
  hash = hashed(hash, (uint64_t)s->control << 48 | (uint64_t)s->status << 32 | (uint64_t)s->tags << 16 | s->ax);
  for (unsigned i = 0; i < 8; i++) hash = hashed(hashed(hash, s->st[i].significand), s->st[i].sign_exponent);
  for (unsigned i = 0; i < 10; i++) hash = hashed(hash, s->operand[i]);
  return hashed(hash, s->flags);
}

/* What the comparison with processors has found right, as one number, for hosts that have no x87. */
static void test_golden(void **unused) {
  (void)unused;
  struct vcpu *v = create();
  uint64_t hash = 0xcbf29ce484222325;
  random_state = 0x123456789abcdef;
  for (unsigned opcode = 0xd8; opcode <= 0xdf; opcode++)
    for (unsigned second = 0xc0; second <= 0xff; second++)
      for (unsigned i = 0; i < 40; i++) {
        struct ir_op op = {.opcode = IR_INVALID};
        const uint8_t code[] = {(uint8_t)opcode, (uint8_t)second};
        struct decoder decoder;
        decoder_init(&decoder, UINT64_MAX);
        assert_int_equal(decode_instruction(&decoder, v->mode, code, 2, &op), DECODE_OK);
        if (!exec_bind_x87(&op)) continue;
        const struct state start = random_case(i & 1 ? random_moderate : random_number);
        into_model(v, &start);
        execute(v, code, 2);
        const struct state end = out_of_model(v);
        hash = hash_of(hash, &end);
      }
  fake_destroy(v);
  const uint64_t expected = 0xd7d1a14d9fb1a94f;
  if (hash != expected) printf("%llx\n", (unsigned long long)hash);
  assert_true(hash == expected);
}

/* --- what a host cannot show -----------------------------------------------------------------------------------------
 */

static void test_device_not_available(void **unused) {
  (void)unused;
  struct vcpu *v = create();
  x87_initialize(v);
  v->mode |= DECODE_CR0_TS;
  execute_2(v, 0xd9, 0xe8); /* FLD1 */
  assert_true(v->exception.pending);
  assert_int_equal(v->exception.vector, VECTOR_NM);
  assert_int_equal(v->s.rip, 0x1000);
  execute_memory(v, 0xd9, 7); /* FNSTCW does not wait, but wants the unit */
  assert_int_equal(v->exception.vector, VECTOR_NM);
  static const uint8_t wait = 0x9b;
  execute(v, &wait, 1);
  assert_false(v->exception.pending);
  v->mode |= DECODE_CR0_MP;
  execute(v, &wait, 1);
  assert_int_equal(v->exception.vector, VECTOR_NM);
  v->mode = (v->mode & ~(decode_mode)DECODE_CR0_TS) | DECODE_CR0_EM;
  execute(v, &wait, 1);
  assert_false(v->exception.pending);
  execute_2(v, 0x0f, 0x77); /* EMMS */
  assert_int_equal(v->exception.vector, VECTOR_UD);
  execute_2(v, 0xdb, 0xe3); /* FNINIT */
  assert_int_equal(v->exception.vector, VECTOR_NM);
  fake_destroy(v);
}

/* 1/0 with zero divide unmasked: the operands stay, and the next waiting instruction faults. */
static void divide_by_zero(struct vcpu *v) {
  x87_initialize(v);
  x87_set_control_word(v, X87_CONTROL_INITIAL & ~FLOAT80_ZERO_DIVIDE);
  execute_2(v, 0xd9, 0xee); /* FLDZ */
  execute_2(v, 0xd9, 0xe8); /* FLD1 */
  execute_2(v, 0xd8, 0xf1); /* FDIV ST(0), ST(1) */
}

static void test_deferred_exception(void **unused) {
  (void)unused;
  struct vcpu *v = create();
  divide_by_zero(v);
  assert_false(v->exception.pending);
  assert_int_equal(x87_status_word(v) & (X87_ES | X87_B | FLOAT80_ZERO_DIVIDE), X87_ES | X87_B | FLOAT80_ZERO_DIVIDE);
  assert_int_equal(x87_get(v, 0).sign_exponent, FLOAT80_BIAS);
  assert_int_equal(v->fpu.opcode, 0x0f1);
  execute_memory(v, 0xd9, 7);
  assert_false(v->exception.pending);
  execute_2(v, 0xdb, 0xe0); /* FENI */
  assert_false(v->exception.pending);
  execute_2(v, 0xd9, 0xe8);
  assert_true(v->exception.pending);
  assert_int_equal(v->exception.vector, VECTOR_MF);
  execute_2(v, 0xdb, 0xe2); /* FNCLEX */
  assert_false(v->exception.pending);
  execute_2(v, 0xd9, 0xe8);
  assert_false(v->exception.pending);
  assert_int_equal(v->s.rip, 0x1002);
  fake_destroy(v);
}

/* FSTP of an empty register is a stack underflow; D9 D8+i just pops. */
static void test_unchecked_store(void **unused) {
  (void)unused;
  for (unsigned checked = 0; checked < 2; checked++) {
    struct vcpu *v = create();
    x87_initialize(v);
    x87_set(v, 1, float80_zero(false));
    execute_2(v, checked ? 0xdd : 0xd9, 0xd9);
    assert_int_equal(x87_status_word(v) & X87_SF, checked ? X87_SF : 0);
    assert_int_equal(x87_get(v, 0).sign_exponent, checked ? 0xffff : 0);
    fake_destroy(v);
  }
}

/* The address of a store has to be good also where an unmasked exception keeps it from being written. */
static void test_store_of_exception(void **unused) {
  (void)unused;
  struct vcpu *v = create();
  x87_initialize(v);
  x87_set_control_word(v, 0x37e);
  memory_limit = 0;
  execute_memory(v, 0xdf, 3); /* FISTP of an empty register */
  assert_true(v->exception.pending);
  assert_int_equal(v->exception.vector, VECTOR_PF);
  assert_int_equal(x87_status_word(v), 0);
  fake_destroy(v);
}

/* FCOMI of a NaN leaves EFLAGS if the invalid operation is not masked. */
static void test_unordered_flags(void **unused) {
  (void)unused;
  for (unsigned masked = 0; masked < 2; masked++) {
    struct vcpu *v = create();
    x87_initialize(v);
    x87_set_control_word(v, masked ? 0x37f : 0x37e);
    x87_set(v, 0, (float80){UINT64_C(0xc000000000000000), 0x7fff});
    x87_set(v, 1, float80_zero(false));
    flags_write_arithmetic(v, FLAG_ZF);
    execute_2(v, 0xdb, 0xf1);
    assert_int_equal(flags_read(v) & FLAGS_ARITHMETIC, masked ? FLAG_ZF | FLAG_PF | FLAG_CF : FLAG_ZF);
    fake_destroy(v);
  }
}

static void count_call(void *context) {
  ++*(unsigned *)context;
}

static void test_external_error(void **unused) {
  (void)unused;
  unsigned calls = 0;
  struct vcpu *v = create();
  v->s.cr0 = 0;
  v->float_error = count_call;
  v->float_error_context = &calls;
  divide_by_zero(v);
  execute_2(v, 0xd9, 0xe8);
  assert_false(v->exception.pending);
  assert_int_equal(v->s.rip, 0x1000); /* it waits for the interrupt */
  v->attention = 0;
  assert_int_equal(calls, 1);
  v->ignne = true;
  execute_2(v, 0xd9, 0xe8);
  assert_int_equal(v->s.rip, 0x1002);
  assert_int_equal(calls, 1);
  execute_2(v, 0xdb, 0xe2); /* FNCLEX: the next error is one of its own */
  divide_by_zero(v);
  execute_2(v, 0xd9, 0xe8);
  assert_int_equal(calls, 2);
  fake_destroy(v);
}

/* Nothing changes if memory faults. */
static void test_memory_fault(void **unused) {
  (void)unused;
  struct vcpu *v = create();
  x87_initialize(v);
  execute_2(v, 0xd9, 0xe8);
  const struct fpu before = v->fpu;
  memory_limit = OPERAND + 3;
  static const uint8_t forms[][2] = {{0xd9, 3}, {0xd8, 0}, {0xdb, 7}, {0xdd, 4}, {0xdd, 6}, {0xdf, 6}, {0xd9, 6}};
  for (unsigned i = 0; i < sizeof forms / sizeof *forms; i++) {
    execute_memory(v, forms[i][0], forms[i][1]);
    assert_true(v->exception.pending);
    assert_int_equal(v->s.rip, 0x1000);
    assert_memory_equal(&v->fpu, &before, sizeof before);
  }
  fake_destroy(v);
}

static uint32_t field_32(unsigned i) {
  uint32_t value;
  memcpy(&value, memory + OPERAND + 4 * i, 4);
  return value;
}
static uint16_t field_16(unsigned i) {
  uint16_t value;
  memcpy(&value, memory + OPERAND + 2 * i, 2);
  return value;
}

static void test_environment_layouts(void **unused) {
  (void)unused;
  struct vcpu *v = create();
  v->s.segment[VMXSIM_CS].selector = 0x1234;
  v->s.segment[VMXSIM_DS].selector = 0x5678;
  divide_by_zero(v);
  execute_2(v, 0xdb, 0xe2);
  execute_memory(v, 0xd9, 0); /* FLD m32: FDP */
  v->fpu.opcode = 0x123;
  execute_memory(v, 0xd9, 6);
  assert_int_equal(field_32(0), 0xffff037b);
  assert_int_equal(field_32(2), 0xffff0000 | x87_tag_word(v));
  assert_int_equal(field_32(3), 0x1000);
  assert_int_equal(field_32(4), 0x01231234);
  assert_int_equal(field_32(5), OPERAND);
  assert_int_equal(field_32(6), 0xffff5678);
  assert_int_equal(v->fpu.control, 0x37f);
  /* Real-address mode: BX + SI is the address. */
  v->mode = 0;
  v->s.gpr[VMXSIM_RBX] = OPERAND;
  v->s.gpr[VMXSIM_RSI] = 0;
  execute_2(v, 0xd9, 0x30);
  assert_int_equal(field_16(3), 0x3340);
  assert_int_equal(field_16(4), 0x1123);
  assert_int_equal(field_16(5), 0x67c0);
  assert_int_equal(field_16(6), 0x5000);
  execute_2(v, 0xd9, 0x20); /* FLDENV */
  assert_int_equal(v->fpu.instruction, 0x13340);
  assert_int_equal(v->fpu.data, 0x567c0);
  assert_int_equal(v->fpu.opcode, 0x123);
  fake_destroy(v);
}

/* All of the state goes out and comes back, in both sizes. */
static void test_save_and_restore(void **unused) {
  (void)unused;
  struct vcpu *v = create();
  for (unsigned wide = 0; wide < 2; wide++) {
    const struct state s = random_case(random_number);
    into_model(v, &s);
    const struct fpu before = v->fpu;
    v->s.gpr[VMXSIM_RDX] = OPERAND;
    const uint8_t save[] = {0x66, 0xdd, 0x32}, restore[] = {0x66, 0xdd, 0x22};
    execute(v, save + wide, 3 - wide);
    assert_int_equal(v->fpu.control, X87_CONTROL_INITIAL);
    assert_int_equal(v->fpu.tags, 0);
    memset(v->fpu.st, 0, sizeof v->fpu.st);
    execute(v, restore + wide, 3 - wide);
    for (unsigned i = 0; i < 8; i++) {
      assert_int_equal(v->fpu.st[i].significand, before.st[i].significand);
      assert_int_equal(v->fpu.st[i].sign_exponent, before.st[i].sign_exponent);
    }
    assert_int_equal(v->fpu.tags, before.tags);
    assert_int_equal(v->fpu.top, before.top);
    assert_int_equal(v->fpu.control, before.control);
    assert_int_equal(v->fpu.status, before.status);
  }
  fake_destroy(v);
}

static void test_mmx_registers(void **unused) {
  (void)unused;
  struct vcpu *v = create();
  x87_initialize(v);
  execute_2(v, 0xd9, 0xe8);
  x87_enter_mmx(v);
  x87_write_mmx(v, 3, 0x1122334455667788);
  assert_int_equal(v->fpu.top, 0);
  assert_int_equal(v->fpu.tags, 0xff);
  assert_int_equal(x87_get(v, 3).sign_exponent, 0xffff);
  assert_int_equal(x87_get(v, 3).significand, 0x1122334455667788);
  execute_2(v, 0x0f, 0x77);
  assert_int_equal(x87_tag_word(v), 0xffff);
  fake_destroy(v);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_register_forms),
      cmocka_unit_test(test_stack_operations),
      cmocka_unit_test(test_memory_forms),
      cmocka_unit_test(test_functions),
      cmocka_unit_test(test_golden),
      cmocka_unit_test(test_device_not_available),
      cmocka_unit_test(test_deferred_exception),
      cmocka_unit_test(test_unchecked_store),
      cmocka_unit_test(test_store_of_exception),
      cmocka_unit_test(test_unordered_flags),
      cmocka_unit_test(test_external_error),
      cmocka_unit_test(test_memory_fault),
      cmocka_unit_test(test_environment_layouts),
      cmocka_unit_test(test_save_and_restore),
      cmocka_unit_test(test_mmx_registers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
