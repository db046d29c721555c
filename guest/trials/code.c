/* The code of a trial: a few instructions with random prefixes and operands, then VMCALL. */
#include "kernel/memory.h"
#include "trials/layout.h"
#include "trials/menu.h"

enum { MOST_BYTES = 32 };        /* of a string, rounded up */
enum { CR4_VARYING = 0x404000 }; /* SMXE and PKE: not every processor has them */

enum width { BITS_16, BITS_32, BITS_64 };

struct writer {
  struct trial *t;
  enum width mode, address;
  bool small_operands;
  uint8_t rex;
};

static void emit(struct writer *w, uint32_t byte) {
  if (w->t->code_size < CODE_MAX - 4) w->t->code[w->t->code_size++] = (uint8_t)byte;
}

static void emit_number(struct writer *w, uint64_t value, uint32_t bytes) {
  for (; bytes; bytes--, value >>= 8) emit(w, (uint8_t)value);
}

static enum width default_width(const struct trial *t) {
  const uint64_t rights = t->vm.fields.guest_cs_access_rights;
  if (t->kind == GUEST_64) return BITS_64;
  return rights & 0x4000 && t->kind != GUEST_V8086 ? BITS_32 : BITS_16;
}

/* --- prefixes --- */

static void emit_prefixes(struct writer *w, uint32_t flags) {
  static const uint8_t segments[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
  struct generator *g = &w->t->random;
  w->mode = w->address = default_width(w->t);
  w->small_operands = w->mode == BITS_16;
  w->rex = 0;
  if (chance(g, 10)) emit(w, ANY_OF(g, segments));
  if (chance(g, 12)) emit(w, 0x67), w->address = w->mode == BITS_32 ? BITS_16 : BITS_32;
  if (!(flags & (HAS_PREFIX | PLAIN)) && chance(g, 12)) emit(w, 0x66), w->small_operands = !w->small_operands;
  if (flags & REPEATS ? chance(g, 50) : !(flags & HAS_PREFIX) && chance(g, 2)) emit(w, 0xf2 + below(g, 2));
  if (chance(g, 1)) emit(w, 0xf0);
}

static void emit_opcode(struct writer *w, const struct instruction *in) {
  uint32_t at = 0;
  if (in->flags & HAS_PREFIX) emit(w, in->opcode[at++]);
  if (w->mode == BITS_64 && !(in->flags & NO_REX) && chance(&w->t->random, 35)) {
    w->rex = (uint8_t)(0x40 | below(&w->t->random, 16));
    emit(w, w->rex);
  }
  while (at < in->size) emit(w, in->opcode[at++]);
}

/* --- operands --- */

static uint32_t any_address(struct generator *g) {
  static const uint32_t addresses[] = {G_DATA,        G_DATA + 0xffe, G_READ_ONLY, G_SUPERVISOR,
                                       G_NOT_PRESENT, G_STACK - 0x20, G_GDT,       WINDOW_SIZE - 2};
  const uint32_t address = ANY_OF(g, addresses);
  return address + below(g, 8);
}

/* Below 0 so that it makes no operand that wraps around of a register with a small number or a selector. */
static uint64_t small_displacement(struct generator *g) {
  const uint64_t number = below(g, 64);
  return chance(g, 30) ? 0 - 32 * (1 + number % 4) : number;
}

/* Not so near to the end of 64 KiB that a part of the operand is beyond it. */
static uint64_t direct_displacement(struct writer *w) {
  return any_address(&w->t->random) & (w->address == BITS_16 ? 0xffef : UINT64_MAX);
}

static void emit_displacement(struct writer *w, uint32_t mod, bool direct) {
  struct generator *g = &w->t->random;
  const uint32_t bytes = mod == 1 ? 1 : mod == 2 || direct ? (w->address == BITS_16 ? 2 : 4) : 0;
  if (direct && w->mode != BITS_64)
    emit_number(w, direct_displacement(w), bytes);
  else
    emit_number(w, small_displacement(g), bytes);
}

static void emit_memory(struct writer *w, uint32_t reg) {
  struct generator *g = &w->t->random;
  const uint32_t mod = below(g, 3), rm = below(g, 8);
  emit(w, mod << 6 | reg << 3 | rm);
  if (w->address == BITS_16) return emit_displacement(w, mod, mod == 0 && rm == 6);
  if (rm != 4) return emit_displacement(w, mod, mod == 0 && rm == 5);
  const uint32_t base = below(g, 8), index = chance(g, 60) ? 4 : below(g, 8);
  emit(w, below(g, 4) << 6 | index << 3 | base);
  emit_displacement(w, mod, mod == 0 && base == 5);
}

/* That of the stack is no root of paging structures. */
static uint32_t register_operand(struct generator *g, uint32_t flags) {
  const uint32_t chosen = below(g, 8);
  return flags & ROOT_REGISTER && chosen == SP ? AX : chosen;
}

static void emit_operand(struct writer *w, const struct instruction *in) {
  struct generator *g = &w->t->random;
  const uint32_t reg = in->flags & DIGIT ? in->digit : below(g, 8);
  const bool memory = !(in->flags & REGISTER) && (!(in->flags & EITHER) || chance(g, 50));
  if (memory)
    emit_memory(w, reg);
  else
    emit(w, 0xc0 | reg << 3 | register_operand(g, in->flags));
}

static void emit_immediate(struct writer *w, uint32_t flags) {
  static const uint16_t far[] = {S_CODE32, S_CODE32_3 | 3, S_CODE64,     S_CALL_GATE,   S_TASK_GATE, S_OTHER_TASK,
                                 S_TASK16, S_BUSY_TASK,    S_CONFORMING, S_NOT_PRESENT, S_DATA,      0};
  struct generator *g = &w->t->random;
  if (flags & FAR) emit_number(w, G_HANDLERS, w->small_operands ? 2 : 4), emit_number(w, ANY_OF(g, far), 2);
  if (flags & BYTE) emit(w, below(g, 256));
  if (flags & IMMEDIATE_PORT) emit(w, 0xa8 + below(g, 8)); /* nothing is there */
  if (flags & ZERO) emit(w, 0);
  if (flags & NEAR) emit_number(w, 0, w->small_operands && w->mode != BITS_64 ? 2 : 4);
  if (flags & FRAME) emit_number(w, below(g, 16), 2), emit(w, below(g, 3));
}

/* --- registers that an instruction takes for granted --- */

/* Strings that do not overlap: elsewhere they are not moved element by element (docs/comparison.md). */
static void choose_strings(struct generator *g, word *gpr) {
  gpr[CX] = 1 + below(g, 4);
  gpr[SI] = any_address(g);
  gpr[DI] = any_address(g);
  if (gpr[SI] - gpr[DI] + MOST_BYTES < 2 * MOST_BYTES) gpr[DI] += 2 * MOST_BYTES;
}

static void choose_registers(struct trial *t, uint32_t flags) {
  static const uint32_t msrs[] = {0x174,      0x175,      0x176,      0x277,      0xc0000080, 0xc0000081, 0xc0000082,
                                  0xc0000100, 0xc0000101, 0xc0000102, 0x40000000, 0xc0002000, 0x2000};
  static const uint16_t ports[] = {0x300, 0x301, 0x310, 0x3fd - 0x100, 0x7fe, 0x7ff, 0xf900, 0xfffe, 0xffff, 0xf901};
  static const uint16_t loaded[] = {
      S_DATA, S_DATA_3 | 3, S_CODE32, S_READ_ONLY, S_EXECUTE_ONLY, S_NOT_PRESENT, S_TASK,
      S_LDT,  S_OTHER_TASK, 0,        3,           S_END,          S_DATA | 4,    S_CONFORMING};
  struct generator *g = &t->random;
  word *gpr = t->vm.gpr;
  if (flags & MSR) gpr[CX] = ANY_OF(g, msrs), gpr[DX] = chance(g, 80) ? 0 : gpr[DX];
  if (flags & PORT) gpr[DX] = ANY_OF(g, ports);
  if (flags & REPEATS) choose_strings(g, gpr);
  if (flags & TO_CR4) {
    for (unsigned i = 0; i < GPRS; i++) gpr[i] &= ~(word)CR4_VARYING;
  }
  if (flags & SELECTOR && chance(g, 70)) {
    for (unsigned i = 0; i < 8; i++) {
      if (i != SP && chance(g, 50)) gpr[i] = ANY_OF(g, loaded);
    }
  }
}

/* --- what must not run or be compared, or differs elsewhere (docs/comparison.md) --- */

enum { VECTOR_GP = 13 };

static void contain(struct trial *t, uint32_t flags) {
  struct vmcs_fields *f = &t->vm.fields;
  if (flags & RANDOM_NUMBER) {
    f->primary_processor_based_vm_execution_controls |= 1U << VMXSIM_BIT_primary_activate_secondary_controls;
    f->secondary_processor_based_vm_execution_controls |= 1U << VMXSIM_BIT_secondary_rdrand_exiting;
  }
  if (flags & HALTS && f->guest_rflags & RFLAGS_TF)
    f->primary_processor_based_vm_execution_controls |= 1U << VMXSIM_BIT_primary_hlt_exiting;
  if (flags & SOFTWARE_INTERRUPT && t->kind == GUEST_V8086 && (f->guest_rflags & RFLAGS_IOPL) != RFLAGS_IOPL)
    f->exception_bitmap &= ~(1U << VECTOR_GP);
  if (flags & FRAME) t->debug[2] = G_NOTHING; /* not on the stack */
  if (flags & REPEATS) f->guest_interruptibility_state &= ~BLOCKING_STI_MOV_SS;
  if (flags & COUNTER) f->primary_processor_based_vm_execution_controls |= 1U << VMXSIM_BIT_primary_rdpmc_exiting;
  if (flags & TIME) t->reads_time = true;
  if (flags & ROOT_REGISTER) { /* what is loaded to CR3 must be a root, or too large */
    static const uint32_t roots[] = {ROOT_LONG, ROOT_PAE, ROOT_LEGACY, ROOT_PAE_RESERVED, ROOT_LONG | 0x18};
    for (unsigned i = 0; i < GPRS; i++) {
      if (chance(&t->random, 98) || t->vm.gpr[i] == (uint32_t)t->vm.gpr[i]) t->vm.gpr[i] = ANY_OF(&t->random, roots);
    }
    if (chance(&t->random, 50) && t->code_size == 0 && chance(&t->random, 98)) {
      f->primary_processor_based_vm_execution_controls &= ~(1U << VMXSIM_BIT_primary_cr3_load_exiting);
    }
  }
}

/* Registers that an instruction needs with the values that it is given. */
static uint32_t needs(uint32_t flags) {
  return (flags & (MSR | REPEATS) ? 1U << CX : 0) | (flags & (MSR | PORT) ? 1U << DX : 0);
}

/* Registers that an instruction is given: no later one may give them another value. */
static uint32_t claims(uint32_t flags) {
  return needs(flags) | (flags & (SELECTOR | ROOT_REGISTER | TO_CR4) ? ~0U : 0);
}

static uint32_t writes(uint32_t flags) {
  return (flags & WRITES_CX ? 1U << CX : 0) | (flags & WRITES_DX ? 1U << DX : 0);
}

static bool fits(const struct trial *t, const struct instruction *in, bool last) {
  if (in->flags & NOT_64 && t->kind == GUEST_64) return false;
  if (in->flags & ONLY_64 && t->kind != GUEST_64) return false;
  if (in->flags & TIME && !last) return false;
  if (in->flags & SUPERVISOR && t->vm.fields.guest_ss_access_rights & 0x60) return false;
  if (t->claimed & claims(in->flags) || t->written & needs(in->flags)) return false;
  return !(in->flags & ROOT_REGISTER) || t->code_size == 0;
}

static const struct instruction *choose(struct trial *t, bool last) {
  const struct instruction *in;
  do in = menu_choose(&t->random);
  while (!fits(t, in, last));
  return in;
}

static void write_instruction(struct trial *t, bool last) {
  struct writer w = {.t = t};
  const struct instruction *in = choose(t, last);
  t->claimed |= claims(in->flags);
  t->written |= writes(in->flags);
  contain(t, in->flags);
  choose_registers(t, in->flags);
  emit_prefixes(&w, in->flags);
  emit_opcode(&w, in);
  if (in->flags & (EITHER | MEMORY | REGISTER)) emit_operand(&w, in);
  emit_immediate(&w, in->flags);
}

/* Mostly at the beginning of a page; now and then so that the first instruction crosses into the next. */
static uint32_t choose_place(struct trial *t) {
  return chance(&t->random, 90) ? G_CODE : G_CODE + PAGE - 1 - below(&t->random, 4);
}

void write_code(struct trial *t) {
  static const uint8_t end[] = {0x0f, 0x01, 0xc1};
  t->code_size = t->claimed = t->written = 0;
  t->code_at = choose_place(t);
  for (unsigned left = 1 + below(&t->random, 3); left; left--) write_instruction(t, left == 1);
  memcpy(t->code + t->code_size, end, sizeof end);
  t->code_size += sizeof end;
  t->vm.fields.guest_rip ^= G_CODE ^ t->code_at;
  memcpy(guest_memory(t->code_at), t->code, t->code_size);
}
