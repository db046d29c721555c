/* From bytes to the IR (ir.h), and what the decoder needs to know of the processor's mode.
 *
 * decode/ knows no processor: which instructions a processor has (CPUID) is given as a set of features. An instruction
 * outside it decodes to IR_INVALID, or to what processors without it make of its bytes (LZCNT to BSR, ENDBR64 to NOP).
 */
#ifndef VMXSIM_DECODE_DECODE_H
#define VMXSIM_DECODE_DECODE_H

#include <stddef.h>

#include "decode/ir.h"

/* Everything that the meaning of bytes depends on: the part of a block's key besides its address. */
enum decode_mode_bit {
  DECODE_CODE_32 = 1 << 0,   /* CS.D = 1, outside 64-bit mode */
  DECODE_CODE_64 = 1 << 1,   /* 64-bit mode */
  DECODE_STACK_32 = 1 << 2,  /* SS.B = 1, outside 64-bit mode */
  DECODE_PROTECTED = 1 << 3, /* CR0.PE = 1 and not virtual-8086 */
  DECODE_V86 = 1 << 4,       /* virtual-8086 mode */
  DECODE_CPL_3 = 1 << 5,
  DECODE_CR0_EM = 1 << 6,
  DECODE_CR0_TS = 1 << 7,
  DECODE_CR0_MP = 1 << 8,
  DECODE_OSFXSR = 1 << 9,
  DECODE_OSXSAVE_AVX = 1 << 10, /* CR4.OSXSAVE = 1 and XCR0[2:1] = 11b */
  DECODE_FSGSBASE = 1 << 11,
  DECODE_UMIP = 1 << 12,
  DECODE_SHADOW_STACK = 1 << 13, /* CET: in effect at this CPL */
  DECODE_INDIRECT_BRANCH = 1 << 14,
  DECODE_IOPL_OK = 1 << 15,  /* CPL <= IOPL */
  DECODE_NON_ROOT = 1 << 16, /* VMX non-root operation: who executes asks first whether a VM exit comes instead */
};
typedef uint32_t decode_mode;

/* Sets of instructions that CPUID announces. Bits of decoder.features. */
enum decode_feature {
#define DECODE_FEATURE(name, leaf, subleaf, register, bit) DECODE_FEATURE_##name,
#include "decode/features.def"
#undef DECODE_FEATURE
  DECODE_FEATURE_COUNT
};

/* Immutable after decoder_init(); may be shared by vCPUs. Opaque contents: Zydis decoders for the three widths. */
struct decoder {
  uint64_t features; /* 1 << DECODE_FEATURE_... */
  _Alignas(16) unsigned char state[64];
};

void decoder_init(struct decoder *decoder, uint64_t features);

/* IR_INVALID also stands for: LOCK where it may not be, what the mode does not have (VEX, ARPL, most of VMX in
 * real-address and virtual-8086 mode ...), SSE without DECODE_OSFXSR, AVX without DECODE_OSXSAVE_AVX, RDFSBASE without
 * DECODE_FSGSBASE. CPL, CR0.EM and TS, CR4.VMXE and all else are for who executes. */
enum decode_result {
  DECODE_OK,        /* *op is complete but for execute, offset, cycle, cycles; opcode may be IR_INVALID (#UD) */
  DECODE_TRUNCATED, /* the instruction goes on beyond the bytes given */
  DECODE_TOO_LONG,  /* more than 15 bytes: #GP(0) */
};

/* Decodes one instruction from at most `available` bytes (15 are always enough). */
enum decode_result decode_instruction(const struct decoder *decoder, decode_mode mode, const uint8_t *bytes,
                                      size_t available, struct ir_op *op);

/* LOCK, the repeat prefixes, segment overrides, operand size and address size. */
bool decode_is_legacy_prefix(uint8_t byte);

/* Whether control may not simply go on to the next instruction: branches, far transfers, HLT, writes to CR and MSRs,
 * everything that can change the mode, interrupt shadows, serializing instructions. Such an op is the last of its
 * block. */
bool ir_ends_block(const struct ir_op *op);

const char *ir_opcode_name(unsigned opcode);

#endif
