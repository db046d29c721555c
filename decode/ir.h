/* The form of a decoded instruction: what cpu/exec executes and what a VM exit reports of it.
 *
 * No Zydis type appears here. An op is made by decode.h from bytes and the mode, once, and is then constant; only
 * `execute` is filled in by cpu/exec.
 */
#ifndef VMXSIM_DECODE_IR_H
#define VMXSIM_DECODE_IR_H

#include <stdbool.h>
#include <stdint.h>

/* IR_ADD and so on: one number a mnemonic. */
enum ir_opcode {
  IR_INVALID, /* #UD */
#define OPCODE(name) IR_##name,
#include "decode/opcodes.def"
#undef OPCODE
  IR_OPCODE_COUNT
};

enum ir_operand_kind {
  IR_NONE,
  IR_GPR,       /* reg: 0-15; with size 1 and high8, AH CH DH BH are 0-3 */
  IR_MEMORY,    /* the op's memory operand */
  IR_IMMEDIATE, /* the op's immediate; of a second one, immediate2 */
  IR_VECTOR,    /* XMM or YMM register 0-15, by size 16 or 32 */
  IR_MMX,       /* reg 0-7 */
  IR_ST,        /* ST(reg) */
  IR_SEGMENT,   /* enum vmxsim_segment_number */
  IR_CONTROL,   /* CR0, CR2, CR3, CR4, CR8 by number */
  IR_DEBUG,     /* DR0-DR7 */
  IR_RELATIVE,  /* a branch target: immediate is relative to the next instruction */
  IR_FAR,       /* ptr16:16 or ptr16:32: immediate is the offset, immediate2 the selector */
};

struct ir_operand {
  uint8_t kind;
  uint8_t reg;
  uint8_t size; /* bytes: 1, 2, 4, 8, 10, 16, 32; of IR_MEMORY, what is accessed; 0 for none (LEA, INVLPG) */
  uint8_t high8;
};

/* seg:[base + index * scale + displacement], truncated to the address size. */
struct ir_memory {
  int64_t displacement; /* sign-extended; of RIP-relative ones, relative to the next instruction */
  uint8_t base;         /* 0-15, IR_NO_REGISTER, IR_RIP */
  uint8_t index;        /* 0-15, IR_NO_REGISTER; a vector register for VSIB (vsib set) */
  uint8_t scale;        /* 1, 2, 4, 8 */
  uint8_t segment;      /* enum vmxsim_segment_number, default or override. In 64-bit mode only FS and GS override */
  bool vsib;
};
enum { IR_NO_REGISTER = 0xff, IR_RIP = 0xfe };

enum ir_prefix {
  IR_LOCK = 1,
  IR_REP = 2,
  IR_REPNE = 4,
  IR_OPERAND_SIZE = 8,
  IR_ADDRESS_SIZE = 16,
  IR_REX_W = 32,
  IR_VEX = 64,
  IR_NOTRACK = 128
};

enum { IR_OPERANDS = 4, IR_LENGTH_MAX = 15 };

struct vcpu;
struct ir_op;
/* Executes the op and goes on to the next one by calling it (vcpu_next()), or returns: a fault is pending, the block
 * ends, something is to be looked at. */
typedef void ir_execute(struct vcpu *vcpu, const struct ir_op *op);

struct ir_op {
  ir_execute *execute;
  uint16_t opcode;       /* enum ir_opcode */
  uint8_t length;        /* bytes, 1-15 */
  uint8_t prefixes;      /* enum ir_prefix */
  uint8_t operand_size;  /* 2, 4, 8: of the instruction, after prefixes and defaults (64-bit branches and stack: 8) */
  uint8_t address_size;  /* 2, 4, 8 */
  uint8_t condition;     /* Jcc, SETcc, CMOVcc: 0-15 as in the opcode */
  uint8_t vector_length; /* VEX.L: 16 or 32; 0 for legacy SSE and everything else */
  uint16_t offset;       /* of the instruction from the start of its block */
  uint16_t cycle;        /* cycles of the ops before it in the block */
  uint16_t cycles;       /* its own, by the timing model */
  struct ir_operand
      operand[IR_OPERANDS]; /* explicit operands in Intel order; implicit ones are the opcode's business */
  struct ir_memory memory;
  uint64_t immediate;  /* sign-extended to the operand size as the instruction does it, or zero-extended */
  uint64_t immediate2; /* ENTER's nesting level, selector of a far pointer, EXTRQ... */
};

#endif
