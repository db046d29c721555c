/* Whether the processor at hand, in the mode at hand, has an instruction: the sets that CPUID announces, the modes that
 * instructions are limited to, and the control bits without which SSE, AVX and FSGSBASE are #UD.
 *
 * Zydis decodes what any processor ever had; only what is allowed here executes. CR0.EM and TS, CPL and the rest are
 * checked by who executes. */
#include "decode/decoder_internal.h"

/* --- by CPUID ---------------------------------------------------------------------------------------------------- */

#define HAS(name) (UINT64_C(1) << DECODE_FEATURE_##name)
#define ALWAYS (UINT64_C(1) << 63)
_Static_assert(DECODE_FEATURE_COUNT < 63, "features and ALWAYS share a word");

/* What an instruction set of Zydis needs, all of it; 0: no processor of ours has it. */
/* clang-format off */
static const uint64_t needed_by_set[ZYDIS_ISA_SET_MAX_VALUE + 1] = {
  [ZYDIS_ISA_SET_I86] = ALWAYS, [ZYDIS_ISA_SET_I186] = ALWAYS, [ZYDIS_ISA_SET_I286PROTECTED] = ALWAYS,
  [ZYDIS_ISA_SET_I286REAL] = ALWAYS, [ZYDIS_ISA_SET_I386] = ALWAYS, [ZYDIS_ISA_SET_I486] = ALWAYS,
  [ZYDIS_ISA_SET_I486REAL] = ALWAYS, [ZYDIS_ISA_SET_PENTIUMREAL] = ALWAYS, [ZYDIS_ISA_SET_PPRO] = ALWAYS,
  [ZYDIS_ISA_SET_LONGMODE] = ALWAYS, [ZYDIS_ISA_SET_CMOV] = ALWAYS, [ZYDIS_ISA_SET_RDPMC] = ALWAYS,
  [ZYDIS_ISA_SET_X87] = ALWAYS, [ZYDIS_ISA_SET_FCMOV] = ALWAYS,

  /* Hints in opcodes that were no-operations from the start. */
  [ZYDIS_ISA_SET_FAT_NOP] = ALWAYS, [ZYDIS_ISA_SET_PREFETCH_NOP] = ALWAYS, [ZYDIS_ISA_SET_PREFETCHWT1] = ALWAYS,
  [ZYDIS_ISA_SET_SSE_PREFETCH] = ALWAYS, [ZYDIS_ISA_SET_PAUSE] = ALWAYS,

  [ZYDIS_ISA_SET_ADOX_ADCX] = HAS(ADX), [ZYDIS_ISA_SET_BMI1] = HAS(BMI1), [ZYDIS_ISA_SET_BMI2] = HAS(BMI2),
  [ZYDIS_ISA_SET_CMPXCHG16B] = HAS(CMPXCHG16B), [ZYDIS_ISA_SET_LAHF] = HAS(LAHF_SAHF), [ZYDIS_ISA_SET_LZCNT] = HAS(LZCNT),
  [ZYDIS_ISA_SET_MOVBE] = HAS(MOVBE), [ZYDIS_ISA_SET_POPCNT] = HAS(POPCNT), [ZYDIS_ISA_SET_RDRAND] = HAS(RDRAND),
  [ZYDIS_ISA_SET_RDSEED] = HAS(RDSEED),

  [ZYDIS_ISA_SET_CLDEMOTE] = HAS(CLDEMOTE), [ZYDIS_ISA_SET_CLFLUSHOPT] = HAS(CLFLUSHOPT), [ZYDIS_ISA_SET_CLFSH] = HAS(CLFSH),
  [ZYDIS_ISA_SET_CLWB] = HAS(CLWB), [ZYDIS_ISA_SET_ENQCMD] = HAS(ENQCMD), [ZYDIS_ISA_SET_MOVDIR] = HAS(MOVDIRI),
  [ZYDIS_ISA_SET_CET] = HAS(CET_SS), [ZYDIS_ISA_SET_INVPCID] = HAS(INVPCID), [ZYDIS_ISA_SET_KEYLOCKER] = HAS(KEY_LOCKER),
  [ZYDIS_ISA_SET_MONITOR] = HAS(MONITOR), [ZYDIS_ISA_SET_PCONFIG] = HAS(PCONFIG), [ZYDIS_ISA_SET_PKU] = HAS(PKU),
  [ZYDIS_ISA_SET_PT] = HAS(PTWRITE), [ZYDIS_ISA_SET_RDPID] = HAS(RDPID), [ZYDIS_ISA_SET_RDTSCP] = HAS(RDTSCP),
  [ZYDIS_ISA_SET_RDWRFSGS] = HAS(FSGSBASE), [ZYDIS_ISA_SET_RTM] = HAS(RTM), [ZYDIS_ISA_SET_SERIALIZE] = HAS(SERIALIZE),
  [ZYDIS_ISA_SET_SGX] = HAS(SGX), [ZYDIS_ISA_SET_SGX_ENCLV] = HAS(SGX), [ZYDIS_ISA_SET_SMAP] = HAS(SMAP),
  [ZYDIS_ISA_SET_SMX] = HAS(SMX), [ZYDIS_ISA_SET_VMFUNC] = HAS(VMX), [ZYDIS_ISA_SET_VTX] = HAS(VMX),
  [ZYDIS_ISA_SET_WAITPKG] = HAS(WAITPKG),

  [ZYDIS_ISA_SET_FXSAVE] = HAS(FXSR), [ZYDIS_ISA_SET_FXSAVE64] = HAS(FXSR), [ZYDIS_ISA_SET_XSAVE] = HAS(XSAVE),
  [ZYDIS_ISA_SET_XSAVEC] = HAS(XSAVEC), [ZYDIS_ISA_SET_XSAVEOPT] = HAS(XSAVEOPT), [ZYDIS_ISA_SET_XSAVES] = HAS(XSAVES),

  [ZYDIS_ISA_SET_PENTIUMMMX] = HAS(MMX), [ZYDIS_ISA_SET_SSE] = HAS(SSE), [ZYDIS_ISA_SET_SSEMXCSR] = HAS(SSE),
  [ZYDIS_ISA_SET_SSE2] = HAS(SSE2), [ZYDIS_ISA_SET_SSE2MMX] = HAS(SSE2), [ZYDIS_ISA_SET_SSE3] = HAS(SSE3),
  [ZYDIS_ISA_SET_SSE3X87] = HAS(SSE3), [ZYDIS_ISA_SET_SSSE3] = HAS(SSSE3), [ZYDIS_ISA_SET_SSSE3MMX] = HAS(SSSE3),
  [ZYDIS_ISA_SET_SSE4] = HAS(SSE4_1), [ZYDIS_ISA_SET_SSE42] = HAS(SSE4_2), [ZYDIS_ISA_SET_AES] = HAS(AES),
  [ZYDIS_ISA_SET_PCLMULQDQ] = HAS(PCLMULQDQ), [ZYDIS_ISA_SET_SHA] = HAS(SHA),
  [ZYDIS_ISA_SET_AVX] = HAS(AVX), [ZYDIS_ISA_SET_AVXAES] = HAS(AVX) | HAS(AES), [ZYDIS_ISA_SET_AVX2] = HAS(AVX) | HAS(AVX2),
  [ZYDIS_ISA_SET_AVX2GATHER] = HAS(AVX) | HAS(AVX2), [ZYDIS_ISA_SET_FMA] = HAS(AVX) | HAS(FMA),
  [ZYDIS_ISA_SET_F16C] = HAS(AVX) | HAS(F16C),
};
/* clang-format on */

/* Where Zydis' set says less than CPUID does. */
static uint64_t needed(const struct decoding *decoding, unsigned opcode) {
  switch (opcode) {
  case IR_SYSENTER:
  case IR_SYSEXIT: return HAS(SEP);
  case IR_SYSCALL:
  case IR_SYSRET: return decoding->mode & DECODE_CODE_64 ? HAS(SYSCALL) : 0; /* elsewhere AMD's only */
  case IR_LAHF:
  case IR_SAHF: return decoding->mode & DECODE_CODE_64 ? HAS(LAHF_SAHF) : ALWAYS;
  case IR_ENDBR32:
  case IR_ENDBR64: return HAS(CET_IBT);
  case IR_WBNOINVD: return HAS(WBNOINVD);
  case IR_MOVDIR64B: return HAS(MOVDIR64B);
  case IR_VPCLMULQDQ: return decoding->instruction.meta.isa_set == ZYDIS_ISA_SET_AVX ? HAS(AVX) | HAS(PCLMULQDQ) : 0;
  case IR_MASKMOVQ:
  case IR_MOVNTQ:
  case IR_PAVGB:
  case IR_PAVGW:
  case IR_PEXTRW:
  case IR_PINSRW:
  case IR_PMAXSW:
  case IR_PMAXUB:
  case IR_PMINSW:
  case IR_PMINUB:
  case IR_PMULHUW:
  case IR_PSADBW:
  case IR_PSHUFW:
    if (decoding->instruction.meta.isa_set == ZYDIS_ISA_SET_PENTIUMMMX) return HAS(MMX) | HAS(SSE);
    break;
  default: break;
  }
  return needed_by_set[decoding->instruction.meta.isa_set];
}

/* What the bytes mean to a processor without the feature. */
static unsigned without_feature(unsigned opcode) {
  switch (opcode) {
  case IR_LZCNT: return IR_BSR;
  case IR_TZCNT: return IR_BSF;
  case IR_WBNOINVD: return IR_WBINVD;
  case IR_RDSSP:
  case IR_ENDBR32:
  case IR_ENDBR64:
  case IR_CLDEMOTE: return IR_NOP;
  default: return IR_INVALID;
  }
}

/* --- by mode ----------------------------------------------------------------------------------------------------- */

/* #UD in real-address and virtual-8086 mode, before anything else that may be wrong. */
static bool needs_protected_mode(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_ARPL:
  case IR_LAR:
  case IR_LSL:
  case IR_VERR:
  case IR_VERW:
  case IR_SLDT:
  case IR_STR:
  case IR_LLDT:
  case IR_LTR:
  case IR_ENCLS:
  case IR_ENCLU:
  case IR_ENCLV:
  case IR_INVEPT:
  case IR_INVVPID:
  case IR_VMCLEAR:
  case IR_VMLAUNCH:
  case IR_VMPTRLD:
  case IR_VMPTRST:
  case IR_VMREAD:
  case IR_VMRESUME:
  case IR_VMWRITE:
  case IR_VMXOFF:
  case IR_VMXON: return true;
  default: return op->prefixes & IR_VEX;
  }
}

static bool is_fsgsbase(unsigned opcode) {
  return opcode == IR_RDFSBASE || opcode == IR_RDGSBASE || opcode == IR_WRFSBASE || opcode == IR_WRGSBASE;
}

static bool has_vector_operand(const struct ir_op *op) {
  for (unsigned i = 0; i < IR_OPERANDS; i++) {
    if (op->operand[i].kind == IR_VECTOR) return true;
  }
  return false;
}

/* VEX without vectors: BMI. */
static bool is_vex_on_gprs(const struct decoding *decoding) {
  const ZydisISASet set = decoding->instruction.meta.isa_set;
  return set == ZYDIS_ISA_SET_BMI1 || set == ZYDIS_ISA_SET_BMI2;
}

static bool is_enabled(const struct decoding *decoding, const struct ir_op *op) {
  const decode_mode mode = decoding->mode;
  if (!(mode & DECODE_PROTECTED) && needs_protected_mode(op)) return false;
  if (is_fsgsbase(op->opcode)) return mode & DECODE_FSGSBASE;
  if (op->prefixes & IR_VEX) return (mode & DECODE_OSXSAVE_AVX) || is_vex_on_gprs(decoding);
  const bool is_sse = has_vector_operand(op) || op->opcode == IR_LDMXCSR || op->opcode == IR_STMXCSR;
  return !is_sse || (mode & DECODE_OSFXSR);
}

/* --- both -------------------------------------------------------------------------------------------------------- */

unsigned opcode_in_mode(const struct decoding *decoding, const struct ir_op *op) {
  const uint64_t need = needed(decoding, op->opcode);
  const uint64_t have = decoding->decoder->features | ALWAYS;
  if (need == 0) return IR_INVALID;
  if ((have & need) != need) return without_feature(op->opcode);
  return is_enabled(decoding, op) ? op->opcode : IR_INVALID;
}
