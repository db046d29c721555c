/* FXSAVE, FXRSTOR, and the legacy area of XSAVE. */
#include "cpu/exec/simd.h"
#include "cpu/exec/x87.h"
#include "cpu/exec/xsave.h"
#include "cpu/registers.h"

enum { PIECE = 64 };

static void put(uint8_t *area, unsigned size, uint64_t value) {
  host_store(area, size, value);
}

/* --- x87 -------------------------------------------------------------------------------------------------------------
 */

static void put_pointers(const struct fpu *f, bool wide, uint8_t *area) {
  const unsigned size = wide ? 8 : 4;
  memset(area + 8, 0, 16);
  put(area + 8, size, f->instruction);
  put(area + 16, size, f->data);
  if (wide) return;
  put(area + 12, 2, f->instruction_selector);
  put(area + 20, 2, f->data_selector);
}

void fxsave_put_x87(const struct vcpu *v, bool wide, uint8_t *area) {
  const struct fpu *f = &v->fpu;
  put(area, 2, f->control);
  put(area + 2, 2, x87_status_word(v));
  put(area + 4, 2, f->tags);
  put(area + 6, 2, f->opcode & 0x7ff);
  put_pointers(f, wide, area);
  for (unsigned i = 0; i < 8; i++) {
    const struct x87_register *st = &f->st[(f->top + i) & 7];
    uint8_t *to = area + FXSAVE_ST + 16 * i;
    put(to, 8, st->significand);
    put(to + 8, 8, st->sign_exponent);
  }
}

void fxsave_get_x87(struct vcpu *v, bool wide, const uint8_t *area) {
  struct fpu *f = &v->fpu;
  x87_set_control_word(v, (uint16_t)host_load(area, 2));
  x87_set_status_word(v, (uint16_t)host_load(area + 2, 2));
  f->tags = area[4];
  f->opcode = (uint16_t)(host_load(area + 6, 2) & 0x7ff);
  f->instruction = host_load(area + 8, wide ? 8 : 4);
  f->data = host_load(area + 16, wide ? 8 : 4);
  f->instruction_selector = wide ? 0 : (uint16_t)host_load(area + 12, 2);
  f->data_selector = wide ? 0 : (uint16_t)host_load(area + 20, 2);
  for (unsigned i = 0; i < 8; i++) {
    struct x87_register *st = &f->st[(f->top + i) & 7];
    const uint8_t *from = area + FXSAVE_ST + 16 * i;
    st->significand = host_load(from, 8);
    st->sign_exponent = (uint16_t)host_load(from + 8, 2);
  }
}

/* --- SSE -------------------------------------------------------------------------------------------------------------
 */

unsigned fxsave_registers(const struct vcpu *v) {
  return v->mode & DECODE_CODE_64 ? 16 : 8;
}

void fxsave_put_xmm(const struct vcpu *v, uint8_t *area) {
  for (unsigned i = 0; i < fxsave_registers(v); i++) memcpy(area + FXSAVE_XMM + 16 * i, v->fpu.ymm[i], 16);
}

void fxsave_get_xmm(struct vcpu *v, const uint8_t *area) {
  for (unsigned i = 0; i < fxsave_registers(v); i++) memcpy(v->fpu.ymm[i], area + FXSAVE_XMM + 16 * i, 16);
}

void fxsave_put_mxcsr(const struct vcpu *v, uint8_t *area) {
  put(area + FXSAVE_MXCSR, 4, v->fpu.mxcsr);
  put(area + FXSAVE_MXCSR + 4, 4, MXCSR_MASK);
}

/* --- memory ----------------------------------------------------------------------------------------------------------
 */

bool xsave_read(struct vcpu *v, unsigned segment, uint64_t offset, uint8_t *bytes, size_t size) {
  for (size_t at = 0; at < size; at += PIECE) {
    const size_t piece = size - at < PIECE ? size - at : PIECE;
    if (!mem_read_bytes(v, segment, offset + at, bytes + at, piece, 1)) return false;
  }
  return true;
}

bool xsave_write(struct vcpu *v, unsigned segment, uint64_t offset, const uint8_t *bytes, size_t size) {
  for (size_t at = 0; at < size; at += PIECE) {
    const size_t piece = size - at < PIECE ? size - at : PIECE;
    if (!mem_write_bytes(v, segment, offset + at, bytes + at, piece, 1)) return false;
  }
  return true;
}

bool xsave_aligned(struct vcpu *v, unsigned segment, uint64_t offset, unsigned alignment) {
  return segment_aligned(v, segment, offset, alignment) || exec_raise_with_code(v, VECTOR_GP, 0);
}

/* --- FXSAVE and FXRSTOR ----------------------------------------------------------------------------------------------
 */

/* A misaligned area is #AC where that is enabled, else #GP; "signaling of #AC is not guaranteed", nor its width (SDM
 * 2A, "FXSAVE"): as on silicon, 4 bytes. Where the area begins is looked at before that, its end behind it. */
static bool area_at(struct vcpu *v, const struct ir_op *op, bool write, uint64_t *offset) {
  enum { ALIGNMENT = 16, CHECKED = 4 };
  *offset = operand_address(v, op);
  if (v->s.cr0 & (CR0_EM | CR0_TS)) return exec_raise(v, VECTOR_NM);
  return mem_check_operand(v, op->memory.segment, *offset, ALIGNMENT, CHECKED, write) &&
         xsave_aligned(v, op->memory.segment, *offset, ALIGNMENT);
}

static bool fxsave_step(struct vcpu *v, const struct ir_op *op) {
  uint8_t area[FXSAVE_SIZE];
  uint64_t offset;
  const unsigned used = FXSAVE_XMM + 16 * fxsave_registers(v);
  if (!area_at(v, op, true, &offset) || !mem_probe_write(v, op->memory.segment, offset, FXSAVE_SIZE, 1)) return false;
  fxsave_put_x87(v, op->operand_size == 8, area);
  fxsave_put_mxcsr(v, area);
  fxsave_put_xmm(v, area);
  return xsave_write(v, op->memory.segment, offset, area, used);
}
EXEC_HANDLER(fxsave, fxsave_step)

static bool fxrstor_step(struct vcpu *v, const struct ir_op *op) {
  uint8_t area[FXSAVE_SIZE];
  uint64_t offset;
  if (!area_at(v, op, false, &offset) || !xsave_read(v, op->memory.segment, offset, area, FXSAVE_SIZE)) return false;
  const uint32_t mxcsr = (uint32_t)host_load(area + FXSAVE_MXCSR, 4);
  if (mxcsr & ~MXCSR_MASK) return exec_raise_with_code(v, VECTOR_GP, 0);
  fxsave_get_x87(v, op->operand_size == 8, area);
  fxsave_get_xmm(v, area);
  v->fpu.mxcsr = mxcsr;
  return true;
}
EXEC_HANDLER(fxrstor, fxrstor_step)

ir_execute *bind_fxsave(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_FXSAVE: return fxsave;
  case IR_FXRSTOR: return fxrstor;
  default: return NULL;
  }
}
