/* Vectors of 8, 16 and 32 bytes: what the files of MMX, SSE and AVX share. Private to simd*.c, sse*.c, aes.c, sha.c,
 * pclmul.c, xsave.c, fxsave.c.
 *
 * Most instructions are a function over elements, of the operands' values alone; legacy and VEX forms, registers and
 * memory, 8 to 32 bytes all go through simd_two(), which finds the operands, checks alignment and writes the result.
 */
#ifndef VMXSIM_CPU_EXEC_SIMD_H
#define VMXSIM_CPU_EXEC_SIMD_H

#include "cpu/exec/exec.h"
#include "cpu/exec/operand.h"
#include "cpu/exec/x87.h"
#include "cpu/registers.h"

/* Elements are in the host's byte order, which mmu_fast.h requires to be little-endian. */
union simd {
  _Alignas(32) uint8_t u8[32];
  int8_t s8[32];
  uint16_t u16[16];
  int16_t s16[16];
  uint32_t u32[8];
  int32_t s32[8];
  uint64_t u64[4];
  int64_t s64[4];
};

/* *d, which is none of the sources, out of *a (the destination, or the first source of VEX forms) and *b (the last
 * source that is no immediate). Only `bytes` of d have to be written. */
typedef void simd_compute(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate);

/* A row of a table for a mnemonic that VEX has with a V. */
#define SIMD_BOTH(name, value) [IR_##name] = value, [IR_V##name] = value
#define SIMD_UNUSED(x) (void)(x)

static inline int simd_clamp(int value, int least, int most) {
  return value < least ? least : value > most ? most : value;
}

/* --- may it execute? ---------------------------------------------------------------------------------------------- */

bool simd_available_slow(struct vcpu *v, const struct ir_op *op);

static inline bool simd_uses_mmx(const struct ir_op *op) {
  return op->operand[0].kind == IR_MMX || op->operand[1].kind == IR_MMX;
}

/* #UD by CR0.EM, #NM by CR0.TS, #MF before MMX; false: pending. What CR4 and XCR0 say decoding knows already. */
static inline bool simd_available(struct vcpu *v, const struct ir_op *op) {
  const bool plain = !(v->s.cr0 & (CR0_EM | CR0_TS)) && !simd_uses_mmx(op);
  return __builtin_expect(plain, 1) || simd_available_slow(v, op);
}

/* --- registers ---------------------------------------------------------------------------------------------------- */

static inline bool simd_is_vex(const struct ir_op *op) {
  return op->prefixes & IR_VEX;
}

/* The first `bytes` of a register; VEX forms clear the rest of the 32, legacy ones leave it. */
static inline void simd_set(struct vcpu *v, const struct ir_op *op, unsigned reg, const void *value, unsigned bytes) {
  memcpy(v->fpu.ymm[reg], value, bytes);
  if (simd_is_vex(op)) memset(v->fpu.ymm[reg] + bytes, 0, 32 - bytes);
}

/* --- operands ----------------------------------------------------------------------------------------------------- */

/* Memory of 1 to 32 bytes. */
EXEC_INLINE bool simd_load(struct vcpu *v, const struct ir_op *op, void *bytes, unsigned size, unsigned alignment) {
  return mem_read_bytes_inline(v, op->memory.segment, operand_address(v, op), bytes, size, alignment);
}
EXEC_INLINE bool simd_store(struct vcpu *v, const struct ir_op *op, const void *bytes, unsigned size,
                            unsigned alignment) {
  return mem_write_bytes_inline(v, op->memory.segment, operand_address(v, op), bytes, size, alignment);
}

/* The value of a register (vector, MMX, general); its first `size` bytes at least are valid. */
void simd_get(const struct vcpu *v, const struct ir_operand *operand, union simd *value);
/* Of any operand; memory is read in the operand's size. */
bool simd_read(struct vcpu *v, const struct ir_op *op, unsigned index, unsigned alignment, union simd *value);
/* Writes operand 0, a vector or MMX register, and does what MMX does besides. */
void simd_write(struct vcpu *v, const struct ir_op *op, const union simd *value);

/* Whether there is a second source besides the destination: then operands 1 and 2 are the sources. */
static inline bool simd_has_three(const struct ir_op *op) {
  return simd_is_vex(op) && op->operand[2].kind != IR_NONE && op->operand[2].kind != IR_IMMEDIATE;
}

/* Legacy forms want their 16 bytes of memory aligned. */
static inline unsigned simd_alignment(const struct ir_op *op, unsigned index) {
  return !simd_is_vex(op) && op->operand[index].size == 16 ? 16 : 0;
}

/* Both sources: false: exception pending. */
bool simd_sources(struct vcpu *v, const struct ir_op *op, union simd *a, union simd *b);
/* The whole way of most instructions. */
bool simd_two(struct vcpu *v, const struct ir_op *op, simd_compute *compute);

/* --- the subjects of exec_bind_simd(): NULL if the opcode is not theirs ------------------------------------------- */

ir_execute *simd_bind_arithmetic(const struct ir_op *op); /* additions, products, comparisons, logic */
ir_execute *simd_bind_shift(const struct ir_op *op);
ir_execute *simd_bind_shuffle(const struct ir_op *op); /* packs, unpacks, shuffles, blends, broadcasts, extensions */
ir_execute *simd_bind_move(const struct ir_op *op);
ir_execute *simd_bind_element(const struct ir_op *op); /* inserts, extracts, masks */
ir_execute *simd_bind_masked(const struct ir_op *op);  /* masked moves, gathers */
ir_execute *simd_bind_string(const struct ir_op *op);  /* PCMPxSTRx, PTEST, VTESTPS */
ir_execute *simd_bind_control(const struct ir_op *op); /* MXCSR, VZEROALL */
ir_execute *bind_aes(const struct ir_op *op);
ir_execute *bind_sha(const struct ir_op *op);
ir_execute *bind_pclmul(const struct ir_op *op);
ir_execute *bind_fxsave(const struct ir_op *op);
ir_execute *bind_xsave(const struct ir_op *op);

#endif
