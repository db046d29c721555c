/* Gives registers and memory what makes an instruction do something: addresses in the arena, counts that end, selectors
 * that exist. */
#include "tests/conformance/generate.h"

#include <string.h>

#include "cpu/exec/flags.h"
#include "tests/conformance/values.h"

/* --- addresses --------------------------------------------------------------------------------------------------- */

static unsigned memory_size(const struct ir_op *op) {
  for (unsigned i = 0; i < IR_OPERANDS; i++) {
    if (op->operand[i].kind == IR_MEMORY && op->operand[i].size) return op->operand[i].size;
  }
  return op->operand_size;
}

static uint64_t non_canonical(struct rng *rng) {
  static const uint64_t edge[] = {UINT64_C(0x0000800000000000), UINT64_C(0x8000000000000000),
                                  UINT64_C(0xffff7fffffffff00)};
  return edge[rng_below(rng, 3)] + rng_below(rng, 64);
}

/* Where an access of `size` bytes is to go. */
static uint64_t choose_target(const struct placement *p, unsigned size) {
  struct rng *rng = p->rng;
  const unsigned inside = rng_below(rng, size + 1);
  switch (rng_below(rng, 40)) {
  case 0: return ARENA_DATA + ARENA_PAGE - inside; /* across two pages that can be written */
  case 1: return ARENA_READ_ONLY - inside;
  case 2: return ARENA_LAST - inside;
  case 3: return ARENA_READ_ONLY + rng_below(rng, ARENA_PAGE);
  case 4: return ARENA_END - inside; /* into nothing */
  case 5: return ARENA_DATA - inside;
  case 6: return ARENA_END + rng_below(rng, ARENA_PAGE);
  case 7: return p->test->mode == CODE_64 ? non_canonical(rng) : ARENA_LAST + rng_below(rng, ARENA_PAGE);
  case 8: return ARENA_CODE + rng_below(rng, 2 * ARENA_PAGE);
  case 9:
  case 10:
  case 11: return ARENA_DATA + rng_below(rng, 2 * ARENA_PAGE - size); /* of any alignment */
  case 12: return ARENA_DATA + (rng_below(rng, 2 * ARENA_PAGE - 64) & ~7u);
  case 13: return ARENA_DATA + (rng_below(rng, 2 * ARENA_PAGE - 64) & ~15u);
  default: return ARENA_DATA + (rng_below(rng, 2 * ARENA_PAGE - 64) & ~31u);
  }
}

static uint64_t segment_base(const struct placement *p, unsigned segment) {
  const struct user_state *s = &p->test->state;
  if (p->test->mode == CODE_16) return ARENA_BASE;
  if (p->test->mode == CODE_32) return 0;
  return segment == VMXSIM_FS ? s->fs_base : segment == VMXSIM_GS ? s->gs_base : 0;
}

static uint64_t width_mask(unsigned bytes) {
  return bytes == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;
}

/* The bits of a register that addresses are made of; those above stay, which addresses are to ignore. */
static void set_register(const struct placement *p, unsigned number, unsigned bytes, uint64_t value) {
  uint64_t *gpr = &p->test->state.gpr[number];
  const uint64_t mask = width_mask(bytes);
  *gpr = (*gpr & ~mask) | (value & mask);
  if (p->test->mode != CODE_64) *gpr = (uint32_t)*gpr;
}

/* A displacement without registers is in the code. */
static void set_displacement(const struct placement *p, uint64_t value) {
  const struct ir_op *op = p->op;
  const unsigned absolute = p->form->has_modrm ? (op->address_size == 2 ? 2 : 4) : op->address_size;
  if (op->memory.base == IR_RIP) value -= p->test->state.rip + op->length;
  if (p->displacement + absolute <= p->test->length) memcpy(p->test->code + p->displacement, &value, absolute);
}

/* x with x * (1 + scale) == value, which is odd unless scale is 1. */
static uint64_t divide_by_odd(uint64_t value, uint64_t divisor) {
  uint64_t inverse = divisor;
  for (unsigned i = 0; i < 6; i++) inverse *= 2 - divisor * inverse;
  return value * inverse;
}

static void set_base_and_index(const struct placement *p, uint64_t value) {
  const struct ir_memory *m = &p->op->memory;
  const unsigned width = p->op->address_size;
  if (m->base == m->index) {
    set_register(p, m->base, width, m->scale == 1 ? value / 2 : divide_by_odd(value, 1u + m->scale));
    return;
  }
  set_register(p, m->index, width, value_integer(p->rng));
  set_register(p, m->base, width, value - p->test->state.gpr[m->index] * m->scale);
}

/* Elements of a VSIB index: near each other. */
static void set_vector_index(const struct placement *p, unsigned number) {
  uint8_t *ymm = p->test->state.ymm[number];
  const unsigned element = p->form->opcode & 1 ? 8 : 4;
  for (unsigned i = 0; i < 32; i += element) {
    const int64_t value =
        rng_chance(p->rng, 950) ? (int64_t)rng_below(p->rng, 200) - 100 : (int64_t)value_integer(p->rng);
    memcpy(ymm + i, &value, element);
  }
}

static void set_address(const struct placement *p, uint64_t linear) {
  const struct ir_memory *m = &p->op->memory;
  const uint64_t offset = linear - segment_base(p, m->segment);
  const uint64_t value = offset - (uint64_t)m->displacement;
  const unsigned width = p->op->address_size;
  if (m->vsib) {
    set_vector_index(p, m->index);
    if (m->base < 16) set_register(p, m->base, width, value);
    return;
  }
  const bool has_base = m->base < 16, has_index = m->index < 16;
  if (!has_base && !has_index) set_displacement(p, offset);
  if (has_base && !has_index) set_register(p, m->base, width, value);
  if (!has_base && has_index) set_register(p, m->index, width, (value & width_mask(width)) / m->scale);
  if (has_base && has_index) set_base_and_index(p, value);
}

/* --- memory contents --------------------------------------------------------------------------------------------- */

static void patch(const struct placement *p, uint64_t linear, const void *bytes, unsigned length) {
  struct patch *patch = &p->test->patch;
  if (linear < ARENA_DATA || linear + length > ARENA_END) return;
  patch->at = (uint32_t)linear;
  patch->length = length;
  memcpy(patch->bytes, bytes, length);
}

static uint16_t choose_selector(struct rng *rng) {
  static const uint16_t selectors[] = {0,
                                       SELECTOR_CODE_32,
                                       SELECTOR_DATA,
                                       SELECTOR_CODE_64,
                                       SELECTOR_CODE_16,
                                       SELECTOR_DATA_16,
                                       1,
                                       3,
                                       0x10,
                                       0x18,
                                       0x20,
                                       0x28,
                                       0x13,
                                       0x1b,
                                       0x08,
                                       0x30,
                                       0x40,
                                       0x50,
                                       0x0c,
                                       0x04};
  return rng_chance(rng, 50) ? (uint16_t)(rng_next(rng) | 0x100)
                             : selectors[rng_below(rng, sizeof selectors / sizeof *selectors)];
}

static uint64_t choose_code_address(struct rng *rng) {
  if (rng_chance(rng, 100)) return value_integer(rng);
  return ARENA_CODE + rng_below(rng, 2 * ARENA_PAGE);
}

/* Words of `size` bytes, as a far pointer or a frame on the stack has them. */
static void patch_words(const struct placement *p, uint64_t linear, unsigned size, const uint64_t *words,
                        unsigned count) {
  uint8_t bytes[PATCH_MAX];
  for (unsigned i = 0; i < count; i++) memcpy(bytes + i * size, &words[i], size);
  patch(p, linear, bytes, count * size);
}

static void far_frame(const struct placement *p, uint64_t linear, bool with_flags) {
  struct rng *rng = p->rng;
  const struct user_state *s = &p->test->state;
  uint64_t words[5] = {choose_code_address(rng), s->selector[VMXSIM_CS]};
  unsigned count = 2;
  if (p->test->mode == CODE_16) words[0] -= ARENA_BASE;
  if (rng_chance(rng, 300)) words[1] = choose_selector(rng);
  if (with_flags) words[count++] = FLAG_IF | 2 | (rng_next(rng) & (FLAGS_ARITHMETIC | FLAG_DF | FLAG_AC));
  words[count++] = s->gpr[VMXSIM_RSP];
  words[count++] = rng_chance(rng, 800) ? s->selector[VMXSIM_SS] : choose_selector(rng);
  patch_words(p, linear, p->op->operand_size, words, count);
}

/* --- by instruction ---------------------------------------------------------------------------------------------- */

static void set_stack(const struct placement *p, uint64_t linear) {
  const unsigned width = p->test->mode == CODE_64 ? 8 : p->test->mode == CODE_32 ? 4 : 2;
  set_register(p, VMXSIM_RSP, width, linear - segment_base(p, VMXSIM_SS));
}

/* Whether `count` elements to both sides are where the instruction is. Silicon repeats what it has decoded, the model
 * fetches it anew as a processor does that was interrupted: no case overwrites itself and goes on. */
static bool reaches_itself(const struct placement *p, uint64_t linear, unsigned count) {
  const uint64_t reach = (uint64_t)count * p->op->operand[0].size + CASE_CODE_MAX;
  const uint64_t code = p->test->state.rip + (p->test->mode == CODE_16 ? ARENA_BASE : 0);
  return linear - code + reach <= 2 * reach;
}

static void string_operands(const struct placement *p, uint64_t linear) {
  struct rng *rng = p->rng;
  const unsigned width = p->op->address_size;
  unsigned count = rng_chance(rng, 900) ? rng_below(rng, 40) : rng_below(rng, 2000);
  uint64_t other = choose_target(p, p->op->operand[0].size);
  if (rng_chance(rng, 400)) other = linear + rng_below(rng, 40) - 20;
  if (rng_chance(rng, 300)) other = linear;
  if (rng_chance(rng, 300)) p->test->state.rflags ^= FLAG_DF;
  if (reaches_itself(p, other, count)) count = 1;
  set_register(p, VMXSIM_RCX, width, count);
  set_register(p, VMXSIM_RDI, width, other - segment_base(p, VMXSIM_ES));
}

static void division_operands(const struct placement *p) {
  uint64_t *rdx = &p->test->state.gpr[VMXSIM_RDX], *rax = &p->test->state.gpr[VMXSIM_RAX];
  if (rng_chance(p->rng, 300)) return;
  *rdx = rng_chance(p->rng, 500) ? 0 : (uint64_t)((int64_t)*rax >> 63);
  if (rng_chance(p->rng, 300)) *rdx = rng_below(p->rng, 100);
  if (p->test->mode != CODE_64) *rdx = (uint32_t)*rdx;
}

/* A comparison that succeeds. */
static void exchange_operands(const struct placement *p, uint64_t linear) {
  const struct user_state *s = &p->test->state;
  const unsigned size = memory_size(p->op);
  uint64_t words[2] = {s->gpr[VMXSIM_RAX], s->gpr[VMXSIM_RDX]};
  if (rng_chance(p->rng, 500)) return;
  if (size == 8 && p->op->opcode == IR_CMPXCHG8B) words[0] = (uint32_t)words[0] | words[1] << 32;
  patch(p, linear, words, size);
}

static void saved_state_operands(const struct placement *p, uint64_t linear) {
  const bool is_fx = p->op->opcode == IR_FXRSTOR;
  p->test->state.gpr[VMXSIM_RDX] = 0;
  p->test->state.gpr[VMXSIM_RAX] = rng_below(p->rng, 8);
  if (p->op->opcode != IR_FXRSTOR && p->op->opcode != IR_XRSTOR) return;
  p->test->image = is_fx ? IMAGE_FXSAVE : IMAGE_XSAVE;
  p->test->image_at = (uint32_t)linear;
}

/* MXCSR with reserved bits, but for bit 17, which AMD's have. */
static void reserved_mxcsr(const struct placement *p, uint64_t linear) {
  const uint32_t mxcsr = (uint32_t)rng_next(p->rng) & ~(UINT32_C(1) << 17);
  patch(p, linear, &mxcsr, sizeof mxcsr);
}

/* Control words without reserved bits, an environment that is possible. */
static void control_operands(const struct placement *p, uint64_t linear) {
  struct user_state other;
  state_fill(p->test->mode, rng_next(p->rng), &other);
  uint32_t words[3] = {other.x87.control, other.x87.status, (uint32_t)rng_next(p->rng) & 0xffff};
  switch (p->op->opcode) {
  case IR_FLDCW: patch(p, linear, &other.x87.control, 2); break;
  case IR_LDMXCSR:
  case IR_VLDMXCSR: patch(p, linear, &other.mxcsr, 4); break;
  default:
    if (p->op->operand_size == 2) words[0] |= words[1] << 16, words[1] = words[2];
    patch(p, linear, words, p->op->operand_size == 2 ? 6 : 12);
    break;
  }
}

static void decimal_operand(const struct placement *p, uint64_t linear) {
  uint8_t bytes[10];
  for (unsigned i = 0; i < 10; i++) bytes[i] = (uint8_t)(rng_below(p->rng, 10) << 4 | rng_below(p->rng, 10));
  if (rng_chance(p->rng, 100)) memset(bytes, 0, 9);
  patch(p, linear, bytes, 10);
}

/* Far calls of 16-bit code to a 64-bit segment do not end on AMD's processors: their pushes fault at addresses that the
 * system finds nothing wrong with. */
static bool never_ends(const struct placement *p, uint16_t selector) {
  enum { RPL = 3 };
  return p->op->opcode == IR_CALL_FAR && p->test->mode == CODE_16 && (selector | RPL) == SELECTOR_CODE_64;
}

/* A selector in a register, or in memory as the whole of it or behind an offset. */
static void selector_operands(const struct placement *p, uint64_t linear, unsigned before) {
  const uint16_t chosen = choose_selector(p->rng);
  const uint64_t selector = never_ends(p, chosen) ? SELECTOR_CODE_32 : chosen;
  uint8_t bytes[16] = {0};
  const uint64_t offset = choose_code_address(p->rng);
  memcpy(bytes, &offset, 8);
  memcpy(bytes + before, &selector, 2);
  patch(p, linear, bytes, before + 2);
  for (unsigned i = 0; i < IR_OPERANDS; i++) {
    const struct ir_operand *operand = &p->op->operand[i];
    if (operand->kind == IR_GPR && operand->size >= 2) set_register(p, operand->reg, 2, selector);
  }
}

static void branch_operands(const struct placement *p, uint64_t linear) {
  uint64_t target = choose_code_address(p->rng);
  if (p->test->mode == CODE_16) target -= ARENA_BASE;
  if (p->op->operand[0].kind == IR_GPR) set_register(p, p->op->operand[0].reg, p->op->operand_size, target);
  if (p->op->operand[0].kind == IR_MEMORY) patch(p, linear, &target, p->op->operand_size);
}

/* BT and its like reach beyond the operand by a register. */
static void bit_operands(const struct placement *p) {
  const struct ir_operand *bit = &p->op->operand[1];
  if (bit->kind != IR_GPR || p->op->operand[0].kind != IR_MEMORY) return;
  if (rng_chance(p->rng, 900)) set_register(p, bit->reg, bit->size, (uint64_t)rng_below(p->rng, 4000) - 2000);
}

static bool uses_stack(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_PUSH:
  case IR_POP:
  case IR_PUSHA:
  case IR_POPA:
  case IR_PUSHF:
  case IR_POPF:
  case IR_ENTER:
  case IR_LEAVE:
  case IR_CALL_NEAR:
  case IR_CALL_FAR:
  case IR_RET_NEAR:
  case IR_RET_FAR:
  case IR_IRET: return true;
  default: return false;
  }
}

static void stack_operands(const struct placement *p) {
  const uint64_t stack = choose_target(p, p->op->operand_size);
  const unsigned width = p->test->mode == CODE_64 ? 8 : p->test->mode == CODE_32 ? 4 : 2;
  const uint64_t target = choose_code_address(p->rng) - (p->test->mode == CODE_16 ? ARENA_BASE : 0);
  set_stack(p, stack);
  switch (p->op->opcode) {
  case IR_ENTER:
  case IR_LEAVE: set_register(p, VMXSIM_RBP, width, choose_target(p, 8) - segment_base(p, VMXSIM_SS)); break;
  case IR_RET_NEAR: patch(p, stack, &target, p->op->operand_size); break;
  case IR_RET_FAR: far_frame(p, stack, false); break;
  case IR_IRET: far_frame(p, stack, true); break;
  case IR_POP:
    if (p->op->operand[0].kind == IR_SEGMENT) selector_operands(p, stack, 0);
    break;
  default: break;
  }
}

static void special_operands(const struct placement *p, uint64_t linear) {
  switch (p->op->opcode) {
  case IR_MOVS:
  case IR_CMPS:
  case IR_SCAS:
  case IR_LODS:
  case IR_STOS:
  case IR_INS:
  case IR_OUTS: string_operands(p, linear); break;
  case IR_DIV:
  case IR_IDIV: division_operands(p); break;
  case IR_CMPXCHG:
  case IR_CMPXCHG8B:
  case IR_CMPXCHG16B: exchange_operands(p, linear); break;
  case IR_FXRSTOR:
  case IR_XSAVE:
  case IR_XSAVEC:
  case IR_XSAVEOPT:
  case IR_XRSTOR: saved_state_operands(p, linear); break;
  case IR_FLDCW:
  case IR_LDMXCSR:
  case IR_VLDMXCSR:
  case IR_FLDENV:
  case IR_FRSTOR:
    if (rng_chance(p->rng, 850))
      control_operands(p, linear);
    else if (p->op->opcode == IR_LDMXCSR || p->op->opcode == IR_VLDMXCSR)
      reserved_mxcsr(p, linear);
    break;
  case IR_FBLD: decimal_operand(p, linear); break;
  case IR_LDS:
  case IR_LES:
  case IR_LFS:
  case IR_LGS:
  case IR_LSS:
  case IR_CALL_FAR:
  case IR_JMP_FAR: selector_operands(p, linear, p->op->operand_size); break;
  case IR_LAR:
  case IR_LSL:
  case IR_VERR:
  case IR_VERW: selector_operands(p, linear, 0); break;
  case IR_MOV:
    if (p->op->operand[0].kind == IR_SEGMENT) selector_operands(p, linear, 0);
    break;
  case IR_CALL_NEAR:
  case IR_JMP_NEAR: branch_operands(p, linear); break;
  case IR_BT:
  case IR_BTS:
  case IR_BTR:
  case IR_BTC: bit_operands(p); break;
  default: break;
  }
}

static bool has_memory(const struct ir_op *op) {
  const struct ir_memory *m = &op->memory;
  if (m->base != IR_NO_REGISTER || m->index != IR_NO_REGISTER) return true;
  for (unsigned i = 0; i < IR_OPERANDS; i++) {
    if (op->operand[i].kind == IR_MEMORY) return true;
  }
  return false;
}

/* FS and GS are as good as any other segment once their bases are known to it; those in 64-bit mode are random. */
static bool is_saved_state(const struct ir_op *op) {
  return op->opcode == IR_XSAVE || op->opcode == IR_XSAVEC || op->opcode == IR_XSAVEOPT || op->opcode == IR_XRSTOR;
}

void place_operands(const struct placement *p) {
  uint64_t linear = choose_target(p, memory_size(p->op));
  if (is_saved_state(p->op) && rng_chance(p->rng, 850)) linear &= ~UINT64_C(63);
  if (uses_stack(p->op)) stack_operands(p);
  if (has_memory(p->op)) set_address(p, linear);
  special_operands(p, linear);
}
