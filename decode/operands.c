/* Operands. Registers and immediates are as Zydis finds them; the memory operand is built from ModRM, SIB and
 * displacement here, since Zydis 4.0.0 takes 67h with a SIB byte whose base is 101b for one with base R13 and drops its
 * displacement. */
#include "decode/decoder_internal.h"

#include "vmxsim/state.h"

enum { SIB_FOLLOWS = 4, NO_INDEX = 4, NO_BASE = 5, RSP = VMXSIM_RSP, RBP = VMXSIM_RBP };

/* --- memory ------------------------------------------------------------------------------------------------------ */

/* The fourth bits of register numbers. VEX has them inverted, and only 64-bit mode has registers for them. */
static unsigned extension_x(const struct decoding *decoding) {
  const ZydisDecodedInstruction *instruction = &decoding->instruction;
  if (!(decoding->mode & DECODE_CODE_64)) return 0;
  return instruction->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX ? !instruction->raw.vex.X : instruction->raw.rex.X;
}

static unsigned extension_b(const struct decoding *decoding) {
  const ZydisDecodedInstruction *instruction = &decoding->instruction;
  if (!(decoding->mode & DECODE_CODE_64)) return 0;
  return instruction->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX ? !instruction->raw.vex.B : instruction->raw.rex.B;
}

static void modrm_16(const ZydisDecodedInstruction *instruction, struct ir_memory *memory) {
  static const uint8_t base[8] = {VMXSIM_RBX, VMXSIM_RBX, VMXSIM_RBP, VMXSIM_RBP,
                                  VMXSIM_RSI, VMXSIM_RDI, VMXSIM_RBP, VMXSIM_RBX};
  static const uint8_t index[8] = {VMXSIM_RSI,     VMXSIM_RDI,     VMXSIM_RSI,     VMXSIM_RDI,
                                   IR_NO_REGISTER, IR_NO_REGISTER, IR_NO_REGISTER, IR_NO_REGISTER};
  const unsigned rm = instruction->raw.modrm.rm;
  const bool displacement_only = instruction->raw.modrm.mod == 0 && rm == 6;
  memory->base = displacement_only ? (uint8_t)IR_NO_REGISTER : base[rm];
  memory->index = index[rm];
}

static void sib(const struct decoding *decoding, struct ir_memory *memory) {
  const ZydisDecodedInstruction *instruction = &decoding->instruction;
  const unsigned index = instruction->raw.sib.index | extension_x(decoding) << 3;
  const bool no_base = instruction->raw.modrm.mod == 0 && instruction->raw.sib.base == NO_BASE;
  memory->base = no_base ? (uint8_t)IR_NO_REGISTER : (uint8_t)(instruction->raw.sib.base | extension_b(decoding) << 3);
  memory->index = index == NO_INDEX && !memory->vsib ? (uint8_t)IR_NO_REGISTER : (uint8_t)index;
  memory->scale = (uint8_t)(1u << instruction->raw.sib.scale);
}

static void modrm_32(const struct decoding *decoding, struct ir_memory *memory) {
  const ZydisDecodedInstruction *instruction = &decoding->instruction;
  const unsigned rm = instruction->raw.modrm.rm;
  if (rm == SIB_FOLLOWS) {
    sib(decoding, memory);
  } else if (rm == NO_BASE && instruction->raw.modrm.mod == 0) {
    memory->base = decoding->mode & DECODE_CODE_64 ? IR_RIP : IR_NO_REGISTER;
  } else {
    memory->base = (uint8_t)(rm | extension_b(decoding) << 3);
  }
}

/* Of an override, the segment; else SS for what is based on the stack and frame pointers (R12, R13 are not). */
static uint8_t segment_of(const struct prefixes *prefixes, unsigned base) {
  if (prefixes->segment != IR_NO_REGISTER) return prefixes->segment;
  return base == RSP || base == RBP ? VMXSIM_SS : VMXSIM_DS;
}

static void modrm_memory(const struct decoding *decoding, const struct prefixes *prefixes, bool vsib,
                         struct ir_op *op) {
  struct ir_memory *memory = &op->memory;
  memory->vsib = vsib;
  memory->displacement = decoding->instruction.raw.disp.value;
  if (op->address_size == 2) {
    modrm_16(&decoding->instruction, memory);
  } else {
    modrm_32(decoding, memory);
  }
  memory->segment = segment_of(prefixes, memory->base);
}

/* MOV with an absolute offset. */
static void offset_memory(const ZydisDecodedOperand *operand, const struct prefixes *prefixes, struct ir_op *op) {
  op->memory.displacement = operand->mem.disp.value;
  op->memory.segment = segment_of(prefixes, IR_NO_REGISTER);
}

/* Sizes that do not fit (FXSAVE, XSAVE) are the opcode's business. */
static uint8_t memory_size(const ZydisDecodedOperand *operand) {
  const unsigned bytes = operand->size / 8u;
  return operand->mem.type == ZYDIS_MEMOP_TYPE_AGEN || bytes > UINT8_MAX ? 0 : (uint8_t)bytes;
}

static void memory_operand(const struct decoding *decoding, const struct prefixes *prefixes,
                           const ZydisDecodedOperand *operand, struct ir_op *op, struct ir_operand *result) {
  *result = (struct ir_operand){IR_MEMORY, 0, memory_size(operand), 0};
  if (operand->encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM) {
    modrm_memory(decoding, prefixes, operand->mem.type == ZYDIS_MEMOP_TYPE_VSIB, op);
  } else {
    offset_memory(operand, prefixes, op);
  }
}

/* --- registers --------------------------------------------------------------------------------------------------- */

struct register_range {
  uint16_t first, last; /* of Zydis */
  struct ir_operand operand;
};

/* clang-format off */
static const struct register_range ranges[] = {
  {ZYDIS_REGISTER_EAX, ZYDIS_REGISTER_R15D, {IR_GPR, 0, 4, 0}},
  {ZYDIS_REGISTER_RAX, ZYDIS_REGISTER_R15, {IR_GPR, 0, 8, 0}},
  {ZYDIS_REGISTER_AX, ZYDIS_REGISTER_R15W, {IR_GPR, 0, 2, 0}},
  {ZYDIS_REGISTER_AL, ZYDIS_REGISTER_BL, {IR_GPR, 0, 1, 0}},
  {ZYDIS_REGISTER_AH, ZYDIS_REGISTER_BH, {IR_GPR, 0, 1, 1}},
  {ZYDIS_REGISTER_SPL, ZYDIS_REGISTER_R15B, {IR_GPR, VMXSIM_RSP, 1, 0}},
  {ZYDIS_REGISTER_XMM0, ZYDIS_REGISTER_XMM15, {IR_VECTOR, 0, 16, 0}},
  {ZYDIS_REGISTER_YMM0, ZYDIS_REGISTER_YMM15, {IR_VECTOR, 0, 32, 0}},
  {ZYDIS_REGISTER_ST0, ZYDIS_REGISTER_ST7, {IR_ST, 0, 10, 0}},
  {ZYDIS_REGISTER_MM0, ZYDIS_REGISTER_MM7, {IR_MMX, 0, 8, 0}},
  {ZYDIS_REGISTER_ES, ZYDIS_REGISTER_GS, {IR_SEGMENT, 0, 2, 0}},
  {ZYDIS_REGISTER_CR0, ZYDIS_REGISTER_CR15, {IR_CONTROL, 0, 0, 0}},
  {ZYDIS_REGISTER_DR0, ZYDIS_REGISTER_DR15, {IR_DEBUG, 0, 0, 0}},
};
/* clang-format on */

static struct ir_operand register_operand(ZydisRegister reg) {
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    if (reg < ranges[i].first || reg > ranges[i].last) continue;
    struct ir_operand result = ranges[i].operand;
    result.reg = (uint8_t)(result.reg + reg - ranges[i].first);
    return result;
  }
  return (struct ir_operand){IR_NONE, 0, 0, 0};
}

/* --- immediates -------------------------------------------------------------------------------------------------- */

/* A signed immediate is extended to what it is combined with: the first operand, or what PUSH pushes. */
static uint64_t immediate_value(const struct ir_op *op, const ZydisDecodedOperand *operand) {
  const unsigned size = op->operand[0].kind == IR_NONE ? op->operand_size : op->operand[0].size;
  if (!operand->imm.is_signed || size >= 8) return operand->imm.value.u;
  return operand->imm.value.u & ((UINT64_C(1) << 8 * size) - 1);
}

static bool has_immediate(const struct ir_op *op, unsigned before) {
  for (unsigned i = 0; i < before; i++) {
    if (op->operand[i].kind == IR_IMMEDIATE) return true;
  }
  return false;
}

static void immediate_operand(const ZydisDecodedOperand *operand, unsigned position, struct ir_op *op) {
  if (operand->imm.is_relative) {
    op->operand[position] = (struct ir_operand){IR_RELATIVE, 0, op->operand_size, 0};
    op->immediate = operand->imm.value.u;
    return;
  }
  const uint64_t value = immediate_value(op, operand);
  const bool second = has_immediate(op, position);
  *(second ? &op->immediate2 : &op->immediate) = value;
  op->operand[position] = (struct ir_operand){IR_IMMEDIATE, 0, (uint8_t)(operand->size / 8u), 0};
}

/* --- all together ------------------------------------------------------------------------------------------------ */

static void visible_operand(const struct decoding *decoding, const struct prefixes *prefixes, unsigned position,
                            struct ir_op *op) {
  const ZydisDecodedOperand *operand = &decoding->operand[position];
  struct ir_operand *result = &op->operand[position];
  switch (operand->type) {
  case ZYDIS_OPERAND_TYPE_REGISTER: *result = register_operand(operand->reg.value); break;
  case ZYDIS_OPERAND_TYPE_MEMORY: memory_operand(decoding, prefixes, operand, op, result); break;
  case ZYDIS_OPERAND_TYPE_IMMEDIATE: immediate_operand(operand, position, op); break;
  case ZYDIS_OPERAND_TYPE_POINTER:
    *result = (struct ir_operand){IR_FAR, 0, op->operand_size, 0};
    op->immediate = operand->ptr.offset;
    op->immediate2 = operand->ptr.segment;
    break;
  default: break;
  }
}

static void implicit_memory(const struct prefixes *prefixes, uint8_t base, struct ir_op *op) {
  op->memory.base = base;
  op->memory.segment = prefixes->segment == IR_NO_REGISTER ? VMXSIM_DS : prefixes->segment;
}

/* The element of a string instruction is operand 0. Memory is the source, and for the three that have none the
 * destination, which no override moves out of ES. */
static void string_operand(const struct decoding *decoding, const struct prefixes *prefixes, uint8_t base,
                           struct ir_op *op) {
  implicit_memory(prefixes, base, op);
  if (base == VMXSIM_RDI) op->memory.segment = VMXSIM_ES;
  const bool is_port = op->opcode == IR_INS || op->opcode == IR_OUTS;
  uint8_t size = op->operand_size;
  if (is_port && size == 8) size = 4; /* REX.W makes no port wider */
  if (decoding->instruction.operand_width == 8) size = 1;
  op->operand[0] = (struct ir_operand){IR_MEMORY, 0, size, 0};
}

/* Memory that an instruction accesses without saying so. */
static void implicit_operands(const struct decoding *decoding, const struct prefixes *prefixes, struct ir_op *op) {
  switch (op->opcode) {
  case IR_MOVS:
  case IR_CMPS:
  case IR_LODS:
  case IR_OUTS: string_operand(decoding, prefixes, VMXSIM_RSI, op); break;
  case IR_STOS:
  case IR_SCAS:
  case IR_INS: string_operand(decoding, prefixes, VMXSIM_RDI, op); break;
  case IR_MASKMOVQ:
  case IR_MASKMOVDQU:
  case IR_VMASKMOVDQU: implicit_memory(prefixes, VMXSIM_RDI, op); break;
  case IR_MONITOR: implicit_memory(prefixes, VMXSIM_RAX, op); break;
  case IR_UMONITOR: implicit_memory(prefixes, op->operand[0].reg, op); break;
  case IR_XLAT:
    implicit_memory(prefixes, VMXSIM_RBX, op);
    op->operand[0] = (struct ir_operand){IR_MEMORY, 0, 1, 0};
    break;
  case IR_INVLPG: op->operand[0].size = 0; break;
  case IR_FUCOMP: /* to Zydis FUCOMP ST(0), ST(i) */
    op->operand[0] = op->operand[1];
    op->operand[1] = (struct ir_operand){IR_NONE, 0, 0, 0};
    break;
  case IR_XCHG: /* F3 90 with REX.B, which Zydis takes for PAUSE */
    if (op->operand[0].kind != IR_NONE) break;
    op->operand[0] = (struct ir_operand){IR_GPR, VMXSIM_R8, op->operand_size, 0};
    op->operand[1] = (struct ir_operand){IR_GPR, VMXSIM_RAX, op->operand_size, 0};
    break;
  default: break;
  }
}

/* x87 instructions have no immediate: it is what FNSTENV calls the opcode. */
static void x87_opcode(const ZydisDecodedInstruction *instruction, struct ir_op *op) {
  const bool escape = instruction->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (instruction->opcode & 0xf8) == 0xd8;
  if (!escape) return;
  const unsigned mod = instruction->raw.modrm.mod, reg = instruction->raw.modrm.reg;
  op->immediate = (instruction->opcode & 7u) << 8 | mod << 6 | reg << 3 | instruction->raw.modrm.rm;
}

void decode_operands(const struct decoding *decoding, const struct prefixes *prefixes, struct ir_op *op) {
  op->memory = (struct ir_memory){0, IR_NO_REGISTER, IR_NO_REGISTER, 1, VMXSIM_DS, false};
  for (unsigned i = 0; i < decoding->instruction.operand_count_visible && i < IR_OPERANDS; i++) {
    visible_operand(decoding, prefixes, i, op);
  }
  implicit_operands(decoding, prefixes, op);
  x87_opcode(&decoding->instruction, op);
  /* Control and debug registers are as wide as what they are moved to or from. */
  if (op->opcode == IR_MOV_CR || op->opcode == IR_MOV_DR) {
    const uint8_t size = decoding->mode & DECODE_CODE_64 ? 8 : 4;
    op->operand[0].size = op->operand[1].size = size;
  }
}
