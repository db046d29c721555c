/* What the IR itself knows of its opcodes: names, and which of them end a block. */
#include "decode/decode.h"

#include "vmxsim/state.h"

const char *ir_opcode_name(unsigned opcode) {
  static const char *const names[] = {
      "(invalid)",
#define OPCODE(name) #name,
#include "decode/opcodes.def"
#undef OPCODE
  };
  return opcode < IR_OPCODE_COUNT ? names[opcode] : "(unknown)";
}

/* Opcodes after which something else than the next instruction may be due, whatever their operands. */
static const bool ends_block[IR_OPCODE_COUNT] = {
    /* nothing is after them */
    [IR_INVALID] = true,
    [IR_UD0] = true,
    [IR_UD1] = true,
    [IR_UD2] = true,
    /* branches */
    [IR_JMP_NEAR] = true,
    [IR_JMP_FAR] = true,
    [IR_JCC] = true,
    [IR_JRCXZ] = true,
    [IR_LOOP] = true,
    [IR_LOOPE] = true,
    [IR_LOOPNE] = true,
    [IR_CALL_NEAR] = true,
    [IR_CALL_FAR] = true,
    [IR_RET_NEAR] = true,
    [IR_RET_FAR] = true,
    [IR_INT] = true,
    [IR_INT1] = true,
    [IR_INT3] = true,
    [IR_INTO] = true,
    [IR_IRET] = true,
    [IR_SYSCALL] = true,
    [IR_SYSRET] = true,
    [IR_SYSENTER] = true,
    [IR_SYSEXIT] = true,
    [IR_ERETS] = true,
    [IR_ERETU] = true,
    [IR_RSM] = true,
    /* interrupts may be let in, or the processor waits */
    [IR_STI] = true,
    [IR_POPF] = true,
    [IR_LSS] = true,
    [IR_HLT] = true,
    [IR_MWAIT] = true,
    [IR_UMWAIT] = true,
    [IR_TPAUSE] = true,
    /* the mode, translations or what is serialized change */
    [IR_CLTS] = true,
    [IR_LMSW] = true,
    [IR_LGDT] = true,
    [IR_LIDT] = true,
    [IR_LLDT] = true,
    [IR_LTR] = true,
    [IR_INVLPG] = true,
    [IR_INVPCID] = true,
    [IR_INVD] = true,
    [IR_WBINVD] = true,
    [IR_WBNOINVD] = true,
    [IR_WRMSR] = true,
    [IR_WRMSRNS] = true,
    [IR_RDMSRLIST] = true,
    [IR_WRMSRLIST] = true,
    [IR_CPUID] = true,
    [IR_CLAC] = true,
    [IR_STAC] = true,
    [IR_WRPKRU] = true,
    [IR_XSETBV] = true,
    [IR_XRSTOR] = true,
    [IR_XRSTORS] = true,
    [IR_SERIALIZE] = true,
    /* VMX and its like */
    [IR_VMCALL] = true,
    [IR_VMCLEAR] = true,
    [IR_VMFUNC] = true,
    [IR_VMLAUNCH] = true,
    [IR_VMPTRLD] = true,
    [IR_VMRESUME] = true,
    [IR_VMXOFF] = true,
    [IR_VMXON] = true,
    [IR_INVEPT] = true,
    [IR_INVVPID] = true,
    [IR_GETSEC] = true,
    [IR_ENCLS] = true,
    [IR_ENCLU] = true,
    [IR_ENCLV] = true,
    [IR_PCONFIG] = true,
    [IR_PBNDKB] = true,
    [IR_SEAMCALL] = true,
    [IR_TDCALL] = true,
    [IR_XBEGIN] = true,
    [IR_XEND] = true,
    [IR_XABORT] = true,
};

bool ir_ends_block(const struct ir_op *op) {
  const struct ir_operand *destination = &op->operand[0];
  switch (op->opcode) {
  case IR_MOV_CR: return destination->kind == IR_CONTROL;
  case IR_MOV_DR: return destination->kind == IR_DEBUG;
  case IR_MOV:
  case IR_POP: return destination->kind == IR_SEGMENT && destination->reg == VMXSIM_SS;
  default: return op->opcode < IR_OPCODE_COUNT && ends_block[op->opcode];
  }
}
