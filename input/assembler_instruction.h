/* An instruction inside the assembler: the files that see Zydis. */
#ifndef VMXSIM_INPUT_ASSEMBLER_INSTRUCTION_H
#define VMXSIM_INPUT_ASSEMBLER_INSTRUCTION_H

#include <Zydis/Zydis.h>

#include "assembler.h"

enum operand_kind { OPERAND_REGISTER, OPERAND_MEMORY, OPERAND_IMMEDIATE, OPERAND_FAR };

struct operand {
  enum operand_kind kind;
  unsigned size; /* in bytes, of a register or as written; 0: not said */
  ZydisRegister reg, base, index, segment;
  uint8_t scale;
  bool far, relative; /* "far [...]"; RIP-relative: `value` is the target */
  uint16_t selector;
  uint64_t value; /* immediate, displacement, offset of a far pointer, target of a branch */
};

enum { OPERANDS_MAX = 4 };

enum branch_form { BRANCH_ANY, BRANCH_SHORT, BRANCH_NEAR };

/* As the text has it. */
struct instruction {
  const char *at;
  size_t mnemonic_length;
  ZydisMnemonic mnemonic;
  bool far; /* RETF */
  ZydisInstructionAttributes prefixes;
  unsigned operand_bits, address_bits; /* o16 ... a64; 0: not said */
  enum branch_form branch;
  struct operand operands[OPERANDS_MAX];
  unsigned operand_count;
};

struct encoding {
  uint8_t bytes[16];
  unsigned size;
};

/* assembler_operand.c */
bool read_operand(struct assembler *as, struct instruction *instruction);
ZydisRegister register_of(const char *word, size_t length);
unsigned register_size(ZydisRegister reg); /* in bytes */

/* One encoding (assembler_encode.c): of exactly these operands, with memory operands of `memory_size` bytes and the
 * displacement of a branch in `form`. False if there is none; nothing is reported. */
struct encode_request {
  const struct instruction *instruction;
  unsigned bits;
  uint64_t address;
  unsigned memory_size;
  enum branch_form form;
};
bool encode(const struct encode_request *wanted, struct encoding *encoding);
/* The address size of the memory operand, or of the instruction, in bits. */
unsigned address_bits_of(const struct instruction *instruction, unsigned bits);
/* The size in bytes that an immediate is read in: that of the first other operand; 0 if there is none. */
unsigned immediate_size(const struct encode_request *wanted);
bool is_relative_branch(const struct instruction *instruction);

/* Whether the encoding decodes to what was asked for (assembler_verify.c). */
bool verify(const struct encode_request *wanted, const ZydisEncoderRequest *request, const struct encoding *encoding);

#endif
