/* Zydis' mnemonics to ours: a table, and the few that need a look at the instruction. */
#include "decode/decoder_internal.h"

/* clang-format off */
#define FROM(mnemonic, opcode) [ZYDIS_MNEMONIC_##mnemonic] = IR_##opcode
#define FROM_CONDITIONS(prefix, opcode) \
  FROM(prefix##O, opcode), FROM(prefix##NO, opcode), FROM(prefix##B, opcode), FROM(prefix##NB, opcode), \
  FROM(prefix##Z, opcode), FROM(prefix##NZ, opcode), FROM(prefix##BE, opcode), FROM(prefix##NBE, opcode), \
  FROM(prefix##S, opcode), FROM(prefix##NS, opcode), FROM(prefix##P, opcode), FROM(prefix##NP, opcode), \
  FROM(prefix##L, opcode), FROM(prefix##NL, opcode), FROM(prefix##LE, opcode), FROM(prefix##NLE, opcode)

static const uint16_t opcodes[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define OPCODE(name) FROM(name, name),
#define OPCODE_OWN(name)
#include "decode/opcodes.def"
#undef OPCODE

  FROM_CONDITIONS(J, JCC), FROM_CONDITIONS(SET, SETCC), FROM_CONDITIONS(CMOV, CMOVCC),
  FROM(FCMOVB, FCMOVCC), FROM(FCMOVE, FCMOVCC), FROM(FCMOVBE, FCMOVCC), FROM(FCMOVU, FCMOVCC),
  FROM(FCMOVNB, FCMOVCC), FROM(FCMOVNE, FCMOVCC), FROM(FCMOVNBE, FCMOVCC), FROM(FCMOVNU, FCMOVCC),

  FROM(JMP, JMP_NEAR), FROM(CALL, CALL_NEAR), FROM(RET, RET_NEAR), FROM(JCXZ, JRCXZ), FROM(JECXZ, JRCXZ),
  FROM(IRETD, IRET), FROM(IRETQ, IRET),
  FROM(PUSHAD, PUSHA), FROM(POPAD, POPA), FROM(PUSHFD, PUSHF), FROM(PUSHFQ, PUSHF), FROM(POPFD, POPF), FROM(POPFQ, POPF),

  FROM(MOVSB, MOVS), FROM(MOVSW, MOVS), FROM(MOVSD, MOVS), FROM(MOVSQ, MOVS),
  FROM(CMPSB, CMPS), FROM(CMPSW, CMPS), FROM(CMPSD, CMPS), FROM(CMPSQ, CMPS),
  FROM(SCASB, SCAS), FROM(SCASW, SCAS), FROM(SCASD, SCAS), FROM(SCASQ, SCAS),
  FROM(LODSB, LODS), FROM(LODSW, LODS), FROM(LODSD, LODS), FROM(LODSQ, LODS),
  FROM(STOSB, STOS), FROM(STOSW, STOS), FROM(STOSD, STOS), FROM(STOSQ, STOS),
  FROM(INSB, INS), FROM(INSW, INS), FROM(INSD, INS), FROM(OUTSB, OUTS), FROM(OUTSW, OUTS), FROM(OUTSD, OUTS),

  FROM(INCSSPD, INCSSP), FROM(INCSSPQ, INCSSP), FROM(RDSSPD, RDSSP), FROM(RDSSPQ, RDSSP),
  FROM(WRSSD, WRSS), FROM(WRSSQ, WRSS), FROM(WRUSSD, WRUSS), FROM(WRUSSQ, WRUSS),
  FROM(FXSAVE64, FXSAVE), FROM(FXRSTOR64, FXRSTOR), FROM(XSAVE64, XSAVE), FROM(XSAVEC64, XSAVEC),
  FROM(XSAVEOPT64, XSAVEOPT), FROM(XSAVES64, XSAVES), FROM(XRSTOR64, XRSTOR), FROM(XRSTORS64, XRSTORS),

  FROM(PREFETCH, NOP), FROM(PREFETCHNTA, NOP), FROM(PREFETCHT0, NOP), FROM(PREFETCHT1, NOP), FROM(PREFETCHT2, NOP),
  FROM(PREFETCHW, NOP), FROM(PREFETCHWT1, NOP),

  /* No operations since the 387, and a second encoding of FSTP. */
  FROM(FENI8087_NOP, FNOP), FROM(FDISI8087_NOP, FNOP), FROM(FSETPM287_NOP, FNOP), FROM(FSTPNCE, FSTP),
};
/* clang-format on */

static unsigned mov_opcode(const ZydisDecodedInstruction *instruction) {
  if (instruction->opcode_map != ZYDIS_OPCODE_MAP_0F) return IR_MOV;
  if (instruction->opcode == 0x20 || instruction->opcode == 0x22) return IR_MOV_CR;
  return IR_MOV_DR;
}

/* F3 90 is PAUSE only without REX.B: 90 with it is XCHG of R8. */
static unsigned pause_opcode(const ZydisDecodedInstruction *instruction) {
  return instruction->raw.rex.B ? IR_XCHG : IR_PAUSE;
}

unsigned opcode_of(const struct decoding *decoding) {
  const ZydisDecodedInstruction *instruction = &decoding->instruction;
  const unsigned opcode = opcodes[instruction->mnemonic];
  const bool far = instruction->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
  const bool in_map_0f = instruction->opcode_map == ZYDIS_OPCODE_MAP_0F;
  switch (opcode) {
  case IR_MOV: return mov_opcode(instruction);
  case IR_MOVS: return in_map_0f ? IR_MOVSD_SSE : IR_MOVS;
  case IR_CMPS: return in_map_0f ? IR_CMPSD_SSE : IR_CMPS;
  case IR_JMP_NEAR: return far ? IR_JMP_FAR : IR_JMP_NEAR;
  case IR_CALL_NEAR: return far ? IR_CALL_FAR : IR_CALL_NEAR;
  case IR_RET_NEAR: return far ? IR_RET_FAR : IR_RET_NEAR;
  case IR_PAUSE: return pause_opcode(instruction);
  default: return opcode;
  }
}

unsigned condition_of(const ZydisDecodedInstruction *instruction, unsigned opcode) {
  switch (opcode) {
  case IR_JCC:
  case IR_SETCC:
  case IR_CMOVCC: return instruction->opcode & 15;
  case IR_FCMOVCC: return instruction->raw.modrm.reg + (instruction->opcode == 0xdb ? 4u : 0u);
  default: return 0;
  }
}
