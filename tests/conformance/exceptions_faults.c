/* Which of several faults is raised, and what is done before it: "the order in which exceptions and interrupts are
 * serviced" is the manual's down to "faults on executing an instruction", which are one class (SDM 3A, "Priority Among
 * Concurrent Events").
 */
#include <string.h>

#include "cpu/exec/flags.h"
#include "tests/conformance/exceptions_internal.h"

enum { FRAME_WORDS = 5 };
#define PRESENT UINT32_C(1) /* of a page fault's error code: one page may be there, the other not */

static bool both_fault(const struct dispute *d, unsigned silicon, unsigned model) {
  return d->silicon->vector == silicon && d->model->vector == model;
}

/* --- CR2 of operands that are read or written in pieces ---------------------------------------------------------- */

static bool lies_within(uint64_t address, uint64_t first, uint64_t size) {
  return address - first < size;
}

/* CR2 is "the linear address that generated the exception" (SDM 3A, "Page-Fault Exception"). Which piece of 14 to 832
 * bytes on one page, or on two, is accessed first is not said: AMD's begin with the last byte, or with the first. */
static bool is_large_operand(const struct dispute *d) {
  enum { LARGEST = 832 };
  const uint64_t first = operand_linear(d);
  return both_fault(d, VECTOR_PF, VECTOR_PF) && !((d->silicon->error_code ^ d->model->error_code) & ~PRESENT) &&
         IS_ONE_OF(d->op, IR_FNSTENV, IR_FLDENV, IR_FNSAVE, IR_FRSTOR, IR_FXSAVE, IR_FXRSTOR, IR_XSAVE, IR_XSAVEC,
                   IR_XSAVEOPT, IR_XRSTOR) &&
         lies_within(d->silicon->cr2, first, LARGEST) && lies_within(d->model->cr2, first, LARGEST);
}

/* IRET pops RIP first (SDM 2A, "IRET": "EIP := Pop()"); AMD's begin with RFLAGS. */
static bool is_return_frame(const struct dispute *d) {
  const uint64_t first = stack_linear(d), size = (uint64_t)FRAME_WORDS * d->op->operand_size;
  return d->op->opcode == IR_IRET && both_fault(d, VECTOR_PF, VECTOR_PF) &&
         d->silicon->error_code == d->model->error_code && lies_within(d->silicon->cr2, first, size) &&
         lies_within(d->model->cr2, first, size);
}

/* CMPS reads two operands, and the manual does not say which first: AMD's that at rSI, but only with REPE and bytes. */
static bool is_other_operand(const struct dispute *d) {
  return d->op->opcode == IR_CMPS && d->op->operand[0].size == 1 && (d->op->prefixes & IR_REP) &&
         has_faulted(d->silicon) && has_faulted(d->model);
}

/* --- gathers ----------------------------------------------------------------------------------------------------- */

/* "Elements may be gathered in any order, but faults must be delivered in a right-to-left order"; "a given element to
 * the left of a faulting one may be gathered before the fault is delivered"; "if any traps or interrupts are pending
 * from already gathered elements, they will be delivered in lieu of the exception" (SDM 2C, "VGATHERDPS/VGATHERDPD").
 */
static bool is_interrupted_gather(const struct dispute *d) {
  const bool trap = d->silicon->vector == VECTOR_DB && d->silicon->state.rip == d->test->state.rip;
  return d->op->memory.vsib && has_faulted(d->model) && (trap || d->silicon->vector == d->model->vector);
}

/* Of elements with different faults, AMD's raise #GP first, wherever it is. */
static bool is_other_element(const struct dispute *d) {
  return d->op->memory.vsib && both_fault(d, VECTOR_GP, VECTOR_PF);
}

static unsigned gather_element(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_VGATHERDPS, IR_VGATHERQPS, IR_VPGATHERDD, IR_VPGATHERQD) ? 4 : 8;
}

/* Elements left of the faulting one, which is the first that the model has left in the mask: those that silicon has
 * gathered, and the mask's bits below the sign, which only the pseudocode sets. */
static void forgive_gathered(const struct dispute *d) {
  const unsigned size = gather_element(d), to = d->op->operand[0].reg, masks = d->op->operand[2].reg;
  uint8_t *mask = d->model->state.ymm[masks], *value = d->model->state.ymm[to];
  const uint8_t *silicon = d->silicon->state.ymm[masks];
  unsigned at = 0;
  while (at < 32 && !(mask[at + size - 1] >> 7)) at += size;
  for (; at < 32; at += size) {
    const bool gathered = mask[at + size - 1] >> 7 && !(silicon[at + size - 1] >> 7);
    memcpy(mask + at, silicon + at, size);
    if (gathered) memcpy(value + at, d->silicon->state.ymm[to] + at, size);
  }
  if (d->silicon->vector == VECTOR_DB) forgive_fault(d);
}

static void forgive_other_element(const struct dispute *d) {
  forgive_gathered(d);
  forgive_fault(d);
}

/* Registers by a fault of POPA: the state is to be that before the instruction (SDM 3A, "Exception Classifications").
 * AMD's keep what was popped before the fault. */
static bool is_faulting_popa(const struct dispute *d) {
  return d->op->opcode == IR_POPA && both_fault(d, VECTOR_PF, VECTOR_PF);
}

static void forgive_popped(const struct dispute *d) {
  for (unsigned i = 0; i < 8; i++) {
    if (i != VMXSIM_RSP) d->model->state.gpr[i] = d->silicon->state.gpr[i];
  }
}

/* --- far and near transfers -------------------------------------------------------------------------------------- */

/* CALL checks its target before it pushes (SDM 2A, "CALL": the tests of the pseudocode come before "Push"); AMD's push
 * first: the fault of that, or what they have pushed when they find the other. */
static bool is_faulting_call(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_CALL_NEAR, IR_CALL_FAR) && has_faulted(d->silicon) &&
         (d->model->vector == VECTOR_GP || d->model->vector == VECTOR_NP);
}

/* The stack pointer of a far call from 64-bit mode to compatibility mode is RSP: "#SS(0): if a stack push is to a
 * non-canonical address" (SDM 2A, "CALL"); of AMD's it is ESP already. */
static bool is_call_to_other_mode(const struct dispute *d) {
  return d->op->opcode == IR_CALL_FAR && d->test->mode == CODE_64 && both_fault(d, VECTOR_PF, VECTOR_SS) &&
         d->silicon->cr2 == (uint32_t)d->silicon->cr2;
}

static void forgive_push(const struct dispute *d) {
  const unsigned size = d->op->operand_size * (d->op->opcode == IR_CALL_FAR ? 2u : 1u);
  const unsigned vector = d->silicon->vector;
  if (vector == d->model->vector)
    forgive_bytes(d, stack_linear(d) - size, size);
  else if (vector == VECTOR_PF || vector == VECTOR_SS || vector == VECTOR_AC)
    forgive_fault(d);
}

/* RET reads SP and SS of an outer level behind the tests of CS (SDM 2B, "RET": "return to outer privilege level");
 * AMD's before: the fault of that. */
static bool is_outer_return(const struct dispute *d) {
  const unsigned vector = d->silicon->vector;
  return d->op->opcode == IR_RET_FAR && (d->model->vector == VECTOR_GP || d->model->vector == VECTOR_NP) &&
         (vector == VECTOR_PF || vector == VECTOR_SS || vector == VECTOR_AC);
}

/* IRET to 64-bit mode with a bad RIP and a bad SS, both #GP: the error code is 0 or SS. */
static bool is_doubly_bad_return(const struct dispute *d) {
  return d->op->opcode == IR_IRET && both_fault(d, VECTOR_GP, VECTOR_GP) &&
         (d->silicon->error_code == 0 || d->model->error_code == 0);
}

/* --- where AMD's processors do not do as the manual says --------------------------------------------------------- */

/* SHA instructions are of exception class 4 (SDM 2B, "SHA1MSG1"), whose legacy forms want 16 bytes aligned (SDM 2A,
 * "Type 4 Class Exception Conditions"). AMD's do not. */
static bool is_misaligned_sha(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_SHA1MSG1, IR_SHA1MSG2, IR_SHA1NEXTE, IR_SHA1RNDS4, IR_SHA256MSG1, IR_SHA256MSG2,
                   IR_SHA256RNDS2) &&
         d->op->operand[1].kind == IR_MEMORY && operand_linear(d) % 16 && d->model->vector == VECTOR_GP;
}

/* "The REP prefix [repeats] the number of times specified in the count register" (SDM 2B, "REP"): with 0 there is no
 * access to a port whose permission could lack. AMD's check it. */
static bool is_empty_port_string(const struct dispute *d) {
  const unsigned shift = 64 - 8u * d->op->address_size;
  return IS_ONE_OF(d->op, IR_INS, IR_OUTS) && (d->op->prefixes & (IR_REP | IR_REPNE)) &&
         d->test->state.gpr[VMXSIM_RCX] << shift == 0 && d->silicon->vector == VECTOR_GP && d->silicon->error_code == 0;
}

/* A bit offset in a register is part of the address (SDM 2A, "BT"; SDM 1, "Bit(BitBase, BitOffset)"); AMD's also want
 * the address without it to be canonical, or within the limit. */
static bool is_bit_beside(const struct dispute *d) {
  const uint64_t linear = operand_linear(d), top = linear >> 47;
  const bool canonical = top == 0 || top == 0x1ffff;
  const bool good = d->test->mode == CODE_64   ? canonical
                    : d->test->mode == CODE_16 ? operand_offset(d) + d->op->operand[0].size - 1 <= LDT_DATA_LIMIT
                                               : true;
  return IS_ONE_OF(d->op, IR_BT, IR_BTS, IR_BTR, IR_BTC) && d->op->operand[1].kind == IR_GPR &&
         d->op->operand[0].kind == IR_MEMORY && !good &&
         (d->silicon->vector == VECTOR_GP || d->silicon->vector == VECTOR_SS);
}

/* 0F 0D takes a register, too ("prefetchw(/1) Ev": SDM 2D, "Opcode Map"), and does nothing; #UD with AMD's (AMD64
 * Architecture Programmer's Manual 3, "PREFETCHx"). */
static bool is_prefetch_of_register(const struct dispute *d) {
  const uint8_t *escape = memchr(d->test->code, 0x0f, d->test->length);
  return d->op->opcode == IR_NOP && escape && escape[1] == 0x0d && escape[2] >= 0xc0 && d->silicon->vector == VECTOR_UD;
}

/* The first byte that is no prefix. */
static const uint8_t *opcode_bytes(const struct test_case *test, bool *locked) {
  static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
  const uint8_t *at = test->code, *end = test->code + CASE_CODE_MAX - 2;
  *locked = false;
  while (at < end && (memchr(prefixes, *at, sizeof prefixes) || (test->mode == CODE_64 && (*at & 0xf0) == 0x40)))
    *locked |= *at++ == 0xf0;
  return at;
}

/* UD0 and UD1 have a ModRM byte (SDM 2B, "UD"), and what else that asks for: fetching it is a fault of its own. AMD's
 * have none. */
static bool is_ud_without_modrm(const struct dispute *d) {
  bool locked;
  const uint8_t *opcode = opcode_bytes(d->test, &locked);
  return opcode[0] == 0x0f && (opcode[1] == 0xff || opcode[1] == 0xb9) && d->silicon->vector == VECTOR_UD &&
         (d->model->vector == VECTOR_PF || d->model->vector == VECTOR_GP);
}

/* LOCK is #UD with instructions that the manual does not name (SDM 2A, "LOCK"). AMD's processors see that late in
 * groups 6 and 7, if at all, and take LOCK MOV CR0 for MOV CR8. */
static bool is_locked_system_instruction(const struct dispute *d) {
  bool locked;
  const uint8_t *opcode = opcode_bytes(d->test, &locked);
  return d->op->opcode == IR_INVALID && d->model->vector == VECTOR_UD && locked && opcode[0] == 0x0f &&
         (opcode[1] <= 1 || (opcode[1] & 0xfc) == 0x20);
}

/* VPERMQ and VPERMPD have VEX.W set (SDM 2C: "VEX.256.66.0F3A.W1 00 /r ib"); AMD's ignore it outside of 64-bit mode. */
static bool is_permutation_without_w(const struct dispute *d) {
  enum { MAP = 0x1f, MAP_0F3A_BITS = 3, W_AND_PREFIX = 0x83, PREFIX_66 = 1 };
  bool locked;
  const uint8_t *vex = opcode_bytes(d->test, &locked);
  return d->test->mode != CODE_64 && d->op->opcode == IR_INVALID && vex[0] == 0xc4 && (vex[1] & MAP) == MAP_0F3A_BITS &&
         (vex[2] & W_AND_PREFIX) == PREFIX_66 && vex[3] <= 1 && d->model->vector == VECTOR_UD;
}

const struct exception_rule exceptions_of_faults[] = {
    {"x87 environment and state, FXSAVE, XSAVE: CR2", is_large_operand, forgive_fault},
    {"REPE CMPSB: which operand faults", is_other_operand, forgive_fault},
    {"IRET: CR2", is_return_frame, forgive_fault},
    {"IRET with bad RIP and SS: error code", is_doubly_bad_return, forgive_fault},
    {"fault of a gather: elements left of it", is_interrupted_gather, forgive_gathered},
    {"gather with #PF and #GP: which; elements left of it", is_other_element, forgive_other_element},
    {"fault of POPA: registers popped before it", is_faulting_popa, forgive_popped},
    {"fault of CALL: fault of the push", is_faulting_call, forgive_push},
    {"far CALL to compatibility mode, bad RSP: its fault", is_call_to_other_mode, forgive_fault},
    {"fault of a far RET: that of the outer stack", is_outer_return, forgive_fault},
    {"SHA of misaligned memory: everything", is_misaligned_sha, forgive_all},
    {"REP INS, OUTS with a count of 0: #GP", is_empty_port_string, forgive_all},
    {"BT beside its operand: #GP, #SS", is_bit_beside, forgive_all},
    {"0F 0D of a register: #UD", is_prefetch_of_register, forgive_all},
    {"UD0, UD1: fault of fetching ModRM", is_ud_without_modrm, forgive_fault},
    {"VPERMQ, VPERMPD with W = 0 outside 64-bit mode: everything", is_permutation_without_w, forgive_all},
    {"LOCK in groups 6 and 7, MOV CR: everything", is_locked_system_instruction, forgive_all},
    {NULL, NULL, NULL},
};
