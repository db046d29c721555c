/* The x87 environment and the whole state in memory: FNSTENV, FLDENV, FNSAVE, FRSTOR.
 *
 * SDM 1, "Saving the x87 FPU's State with FSTENV/FNSTENV and FSAVE/FNSAVE": the environment has four layouts.
 */
#include "cpu/exec/x87.h"

enum { ENVIRONMENT_16 = 14, ENVIRONMENT_32 = 28, REGISTERS = 80, STATE_MAX = ENVIRONMENT_32 + REGISTERS };

static unsigned environment_size(const struct ir_op *op) {
  return op->operand_size == 2 ? ENVIRONMENT_16 : ENVIRONMENT_32;
}

/* The seven fields in order, wherever a layout puts them. */
struct environment {
  uint32_t field[7];
};
enum { CONTROL, STATUS, TAGS, POINTER, POINTER_SELECTOR, DATA, DATA_SELECTOR };

static struct environment environment_of(const struct vcpu *v) {
  const struct fpu *f = &v->fpu;
  struct environment e = {{f->control, x87_status_word(v), x87_tag_word(v)}};
  if (vcpu_in_protected_mode(v)) {
    e.field[POINTER] = (uint32_t)f->instruction;
    e.field[POINTER_SELECTOR] = f->instruction_selector | (uint32_t)f->opcode << 16;
    e.field[DATA] = (uint32_t)f->data;
    e.field[DATA_SELECTOR] = f->data_selector;
    return e;
  }
  /* Real-address and virtual-8086 mode have linear addresses. */
  const uint32_t instruction = (uint32_t)f->instruction + ((uint32_t)f->instruction_selector << 4);
  const uint32_t data = (uint32_t)f->data + ((uint32_t)f->data_selector << 4);
  e.field[POINTER] = instruction & 0xffff;
  e.field[POINTER_SELECTOR] = instruction >> 16 << 12 | f->opcode;
  e.field[DATA] = data & 0xffff;
  e.field[DATA_SELECTOR] = data >> 16 << 12;
  return e;
}

/* Of the 32-bit layouts, the fields whose upper halves are reserved have these all ones. */
static uint32_t reserved_ones(const struct vcpu *v, unsigned field) {
  const bool linear = !vcpu_in_protected_mode(v);
  switch (field) {
  case CONTROL:
  case STATUS:
  case TAGS: return 0xffff0000;
  case POINTER:
  case DATA: return linear ? 0xffff0000 : 0;
  case DATA_SELECTOR: return linear ? 0 : 0xffff0000;
  default: return 0;
  }
}

static void put_environment(const struct vcpu *v, unsigned size, uint8_t *bytes) {
  const struct environment e = environment_of(v);
  for (unsigned i = 0; i < 7; i++) {
    if (size == ENVIRONMENT_16)
      host_store(bytes + 2 * i, 2, e.field[i]);
    else
      host_store(bytes + 4 * i, 4, e.field[i] | reserved_ones(v, i));
  }
}

static void take_linear(struct fpu *f, const struct environment *e) {
  f->opcode = e->field[POINTER_SELECTOR] & 0x7ff;
  f->instruction = (e->field[POINTER] & 0xffff) | (e->field[POINTER_SELECTOR] & 0x0ffff000) << 4;
  f->data = (e->field[DATA] & 0xffff) | (e->field[DATA_SELECTOR] & 0x0ffff000) << 4;
  f->instruction_selector = f->data_selector = 0;
}

static void take_environment(struct vcpu *v, unsigned size, const uint8_t *bytes) {
  struct fpu *f = &v->fpu;
  struct environment e;
  for (unsigned i = 0; i < 7; i++)
    e.field[i] = (uint32_t)(size == ENVIRONMENT_16 ? host_load(bytes + 2 * i, 2) : host_load(bytes + 4 * i, 4));
  x87_set_tag_word(v, (uint16_t)e.field[TAGS]);
  x87_set_control_word(v, (uint16_t)e.field[CONTROL]);
  x87_set_status_word(v, (uint16_t)e.field[STATUS]);
  if (!vcpu_in_protected_mode(v)) return take_linear(f, &e);
  f->instruction = e.field[POINTER];
  f->instruction_selector = (uint16_t)e.field[POINTER_SELECTOR];
  if (size == ENVIRONMENT_32) f->opcode = e.field[POINTER_SELECTOR] >> 16 & 0x7ff;
  f->data = e.field[DATA];
  f->data_selector = (uint16_t)e.field[DATA_SELECTOR];
}

/* --- images in memory ------------------------------------------------------------------------------------------------
 */

enum { PIECE = 64 };

/* #AC asks for 2 or 4, by operand size (SDM 3A, "Alignment Requirements by Data Type"), not for more. */
static bool state_reachable(struct vcpu *v, const struct ir_op *op, unsigned size, bool write) {
  const unsigned unit = op->operand_size == 2 ? 2 : 4;
  return mem_check_operand(v, op->memory.segment, operand_address(v, op), size, unit, write);
}

static bool write_state(struct vcpu *v, const struct ir_op *op, const uint8_t *bytes, unsigned size) {
  const uint64_t offset = operand_address(v, op);
  const unsigned segment = op->memory.segment;
  if (!state_reachable(v, op, size, true) || !mem_probe_write(v, segment, offset, size, 1)) return false;
  for (unsigned at = 0; at < size; at += PIECE) {
    const unsigned piece = size - at < PIECE ? size - at : PIECE;
    if (!mem_write_bytes(v, segment, offset + at, bytes + at, piece, 1)) return false;
  }
  return true;
}

static bool read_state(struct vcpu *v, const struct ir_op *op, uint8_t *bytes, unsigned size) {
  const uint64_t offset = operand_address(v, op);
  if (!state_reachable(v, op, size, false)) return false;
  for (unsigned at = 0; at < size; at += PIECE) {
    const unsigned piece = size - at < PIECE ? size - at : PIECE;
    if (!mem_read_bytes(v, op->memory.segment, offset + at, bytes + at, piece, 1)) return false;
  }
  return true;
}

static bool fnstenv_step(struct vcpu *v, const struct ir_op *op) {
  uint8_t bytes[ENVIRONMENT_32];
  const unsigned size = environment_size(op);
  if (!x87_exists(v)) return false;
  put_environment(v, size, bytes);
  if (!write_state(v, op, bytes, size)) return false;
  x87_set_control_word(v, v->fpu.control | X87_EXCEPTIONS);
  return true;
}

static bool fldenv_step(struct vcpu *v, const struct ir_op *op) {
  uint8_t bytes[ENVIRONMENT_32];
  const unsigned size = environment_size(op);
  if (!x87_available(v, op) || !read_state(v, op, bytes, size)) return false;
  take_environment(v, size, bytes);
  return true;
}

static bool fnsave_step(struct vcpu *v, const struct ir_op *op) {
  uint8_t bytes[STATE_MAX];
  const unsigned size = environment_size(op);
  if (!x87_exists(v)) return false;
  put_environment(v, size, bytes);
  for (unsigned i = 0; i < 8; i++) {
    const float80 value = x87_get(v, i);
    host_store(bytes + size + 10 * i, 8, value.significand);
    host_store(bytes + size + 10 * i + 8, 2, value.sign_exponent);
  }
  if (!write_state(v, op, bytes, size + REGISTERS)) return false;
  x87_initialize(v);
  return true;
}

static bool frstor_step(struct vcpu *v, const struct ir_op *op) {
  uint8_t bytes[STATE_MAX];
  const unsigned size = environment_size(op);
  if (!x87_available(v, op) || !read_state(v, op, bytes, size + REGISTERS)) return false;
  take_environment(v, size, bytes);
  for (unsigned i = 0; i < 8; i++) {
    const uint8_t *from = bytes + size + 10 * i;
    v->fpu.st[x87_physical(v, i)] = (float80){host_load(from, 8), (uint16_t)host_load(from + 8, 2)};
  }
  return true;
}

EXEC_HANDLER(fnstenv, fnstenv_step)
EXEC_HANDLER(fldenv, fldenv_step)
EXEC_HANDLER(fnsave, fnsave_step)
EXEC_HANDLER(frstor, frstor_step)

ir_execute *x87_bind_environment(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_FNSTENV: return fnstenv;
  case IR_FLDENV: return fldenv;
  case IR_FNSAVE: return fnsave;
  case IR_FRSTOR: return frstor;
  default: return NULL;
  }
}
