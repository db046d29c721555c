/* Which of several faults is raised, and what is done before it. Faults on executing an instruction are one class, and
 * "exceptions within each class are implementation-dependent and may vary from processor to processor" (SDM 3A,
 * "Priority Among Concurrent Events").
 */
#include <string.h>

#include "cpu/exec/flags.h"
#include "cpu/mmu/registers.h"
#include "tests/conformance/exceptions_internal.h"

enum { FRAME_WORDS = 5 };

static bool both_fault(const struct dispute *d, unsigned silicon, unsigned model) {
  return d->silicon->vector == silicon && d->model->vector == model;
}

/* --- CR2 of operands that are read or written in pieces ---------------------------------------------------------- */

static bool lies_within(uint64_t address, uint64_t first, uint64_t size) {
  return address - first < size;
}

/* The most that each reads or writes. */
enum { ENVIRONMENT = 28, X87_STATE = 108, FX_STATE = 512, X_STATE = 832 };
static unsigned state_size(const struct ir_op *op) {
  if (IS_ONE_OF(op, IR_FNSTENV, IR_FLDENV)) return ENVIRONMENT;
  if (IS_ONE_OF(op, IR_FNSAVE, IR_FRSTOR)) return X87_STATE;
  if (IS_ONE_OF(op, IR_FXSAVE, IR_FXRSTOR)) return FX_STATE;
  return IS_ONE_OF(op, IR_XSAVE, IR_XSAVEC, IR_XSAVEOPT, IR_XRSTOR) ? X_STATE : 0;
}

/* Addresses of 32 bits wrap around. */
static bool lies_within_operand(const struct dispute *d, uint64_t address, uint64_t size) {
  const uint64_t offset = address - operand_linear(d);
  const bool is_wide = d->test->mode == CODE_64 && d->op->address_size == 8;
  return (is_wide ? offset : (uint32_t)offset) < size;
}

/* CR2 is "the linear address that generated the exception" (SDM 3A, "Page-Fault Exception"). Which piece of 14 to 832
 * bytes on one page, or on two of which one may be there, is accessed first is not said: AMD's begin with the last
 * byte, or with the first. */
static bool is_large_operand(const struct dispute *d) {
  const uint64_t size = state_size(d->op);
  return both_fault(d, VECTOR_PF, VECTOR_PF) && !((d->silicon->error_code ^ d->model->error_code) & ~FAULT_PRESENT) &&
         lies_within_operand(d, d->silicon->cr2, size) && lies_within_operand(d, d->model->cr2, size);
}

/* Not all of it is within the segment, or canonical, and the rest is not there. Of #GP and #PF "this order [may] vary
 * for FXSAVE for different processor implementations" (SDM 2A, "FXSAVE", implementation note). */
static bool is_cut_operand(const struct dispute *d) {
  const uint64_t size = state_size(d->op);
  const unsigned alignment = size == X_STATE ? 64 : size == FX_STATE ? 16 : 1;
  return (both_fault(d, VECTOR_PF, VECTOR_GP) || both_fault(d, VECTOR_PF, VECTOR_SS)) &&
         operand_linear(d) % alignment == 0 && lies_within_operand(d, d->silicon->cr2, size);
}

/* IRET pops RIP first (SDM 2A, "IRET": "EIP := Pop()"); AMD's begin with RFLAGS. */
static bool is_return_frame(const struct dispute *d) {
  const uint64_t first = stack_linear(d, 0), size = (uint64_t)FRAME_WORDS * d->op->operand_size;
  return d->op->opcode == IR_IRET && both_fault(d, VECTOR_PF, VECTOR_PF) &&
         d->silicon->error_code == d->model->error_code && lies_within(d->silicon->cr2, first, size) &&
         lies_within(d->model->cr2, first, size);
}

static bool is_of_an_operand(unsigned vector) {
  return vector == VECTOR_PF || vector == VECTOR_GP || vector == VECTOR_SS;
}

/* CMPS reads two operands, and the manual does not say which first: AMD's that at rSI, but only with REPE and bytes. */
static bool is_other_operand(const struct dispute *d) {
  return d->op->opcode == IR_CMPS && d->op->operand[0].size == 1 && (d->op->prefixes & IR_REP) &&
         is_of_an_operand(d->silicon->vector) && is_of_an_operand(d->model->vector);
}

/* --- gathers ----------------------------------------------------------------------------------------------------- */

/* "Elements may be gathered in any order, but faults must be delivered in a right-to-left order; thus, elements to the
 * left of a faulting one may be gathered before the fault is delivered"; "if any traps or interrupts are pending from
 * already gathered elements, they will be delivered in lieu of the exception" (SDM 2C, "VGATHERDPS/VGATHERQPS"). */
static bool is_interrupted_gather(const struct dispute *d) {
  const bool trap = d->silicon->vector == VECTOR_DB && d->silicon->state.rip == d->test->state.rip;
  return d->op->memory.vsib && has_faulted(d->model) && (trap || d->silicon->vector == d->model->vector);
}

/* Of elements with different faults, AMD's raise #GP first, wherever it is. */
static bool is_other_element(const struct dispute *d) {
  return d->op->memory.vsib && both_fault(d, VECTOR_GP, VECTOR_PF) && d->silicon->error_code == 0;
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

/* --- PUSHA, POPA ------------------------------------------------------------------------------------------------- */

/* By a fault the state is to be that before the instruction (SDM 3A, "Exception Classifications"). AMD's keep what was
 * popped or pushed before it. */
static bool is_faulting_popa(const struct dispute *d) {
  return d->op->opcode == IR_POPA && both_fault(d, VECTOR_PF, VECTOR_PF);
}

static void forgive_popped(const struct dispute *d) {
  const unsigned size = d->op->operand_size;
  for (unsigned i = 0; i < 8; i++) {
    uint64_t popped = 0, *m = &d->model->state.gpr[7 - i];
    read_before(d, stack_linear(d, i * size), &popped, size);
    if (size == 2) popped |= *m & ~UINT64_C(0xffff);
    if (7 - i != VMXSIM_RSP && d->silicon->state.gpr[7 - i] == popped) *m = popped;
  }
}

static bool is_faulting_pusha(const struct dispute *d) {
  return d->op->opcode == IR_PUSHA && both_fault(d, VECTOR_PF, VECTOR_PF);
}

static void forgive_registers_pushed(const struct dispute *d) {
  forgive_pushed(d, d->test->state.gpr, 8, d->op->operand_size);
}

/* --- far and near transfers -------------------------------------------------------------------------------------- */

/* CALL checks its target before it pushes (SDM 2A, "CALL": the tests of the pseudocode come before "Push"); AMD's push
 * first: the fault of that, or what they have pushed when they find the other. */
static bool is_faulting_call(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_CALL_NEAR, IR_CALL_FAR) && has_faulted(d->silicon) &&
         (d->model->vector == VECTOR_GP || d->model->vector == VECTOR_NP);
}

static bool is_of_the_stack(unsigned vector) {
  return vector == VECTOR_PF || vector == VECTOR_SS || vector == VECTOR_AC;
}

static void forgive_push(const struct dispute *d) {
  const uint64_t next = d->test->state.rip + d->op->length, selector = d->test->state.selector[VMXSIM_CS];
  const uint64_t far[] = {selector, next}, near[] = {next};
  const bool is_far = d->op->opcode == IR_CALL_FAR;
  if (d->silicon->vector == d->model->vector)
    forgive_pushed(d, is_far ? far : near, is_far ? 2 : 1, d->op->operand_size);
  else if (is_of_the_stack(d->silicon->vector))
    forgive_fault(d);
}

/* The stack pointer of a far call from 64-bit mode to compatibility mode is RSP: "#SS(0): if a stack push is to a
 * non-canonical address" (SDM 2A, "CALL"); of AMD's it is ESP already. */
static bool is_call_to_other_mode(const struct dispute *d) {
  const uint64_t size = 2u * d->op->operand_size, esp = (uint32_t)d->test->state.gpr[VMXSIM_RSP];
  return d->op->opcode == IR_CALL_FAR && d->test->mode == CODE_64 && both_fault(d, VECTOR_PF, VECTOR_SS) &&
         lies_within(d->silicon->cr2, (uint32_t)(esp - size), size);
}

/* RET reads SP and SS of an outer level behind the tests of CS (SDM 2B, "RET": "return to outer privilege level");
 * AMD's before: the fault of that. They are above the return address and the parameters, whose size follows. */
static bool is_outer_return(const struct dispute *d) {
  const unsigned size = 2u * d->op->operand_size;
  const unsigned parameters = d->op->operand[0].kind == IR_IMMEDIATE ? (uint16_t)d->op->immediate : 0;
  return d->op->opcode == IR_RET_FAR && (d->model->vector == VECTOR_GP || d->model->vector == VECTOR_NP) &&
         is_of_the_stack(d->silicon->vector) &&
         (d->silicon->vector != VECTOR_PF || lies_within(d->silicon->cr2, stack_linear(d, size + parameters), size));
}

/* IRET to 64-bit mode with a bad RIP and a bad SS, both #GP: the error code is 0 or SS. */
static bool is_doubly_bad_return(const struct dispute *d) {
  uint16_t ss;
  read_before(d, stack_linear(d, 4u * d->op->operand_size), &ss, sizeof ss);
  return d->op->opcode == IR_IRET && both_fault(d, VECTOR_GP, VECTOR_GP) &&
         (d->silicon->error_code | d->model->error_code) == (ss & ~3u) &&
         (d->silicon->error_code == 0 || d->model->error_code == 0);
}

/* --- repeated port instructions ---------------------------------------------------------------------------------- */

/* REP "repeats a string instruction the number of times specified in the count register" (SDM 2B, "REP"): with 0 there
 * is no access to a port whose permission could lack. AMD's check it. */
static bool is_empty_port_string(const struct dispute *d) {
  const unsigned shift = 64 - 8u * d->op->address_size;
  return IS_ONE_OF(d->op, IR_INS, IR_OUTS) && (d->op->prefixes & (IR_REP | IR_REPNE)) &&
         d->test->state.gpr[VMXSIM_RCX] << shift == 0 && d->silicon->vector == VECTOR_GP;
}

static bool is_canonical_48(uint64_t address) {
  const uint64_t top = address >> 47;
  return top == 0 || top == 0x1ffff;
}

/* A bit offset in a register is part of the address (SDM 2A, "BT"; SDM 1, "Bit(BitBase, BitOffset)"); AMD's also want
 * the address without it to be canonical. */
static bool is_bit_beside(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_BT, IR_BTS, IR_BTR, IR_BTC) && d->op->operand[1].kind == IR_GPR &&
         d->op->operand[0].kind == IR_MEMORY && d->test->mode == CODE_64 && !is_canonical_48(operand_linear(d)) &&
         d->silicon->vector == VECTOR_GP;
}

/* The linear address has to be canonical, that with the segment's base (SDM 1, "Canonical Addressing" and "Specifying a
 * Segment Selector"); AMD's also want the offset without it to be. Only addresses of the upper half can differ so. */
static bool is_offset_beyond(const struct dispute *d) {
  const unsigned segment = d->op->memory.segment;
  return d->test->mode == CODE_64 && (segment == VMXSIM_FS || segment == VMXSIM_GS) && d->op->address_size == 8 &&
         !is_canonical_48(operand_offset(d)) && d->model->vector == VECTOR_PF && d->silicon->vector == VECTOR_GP;
}

const struct exception_rule exceptions_of_faults[] = {
    {"x87 environment and state, FXSAVE, XSAVE: CR2", is_large_operand, forgive_fault},
    {"x87 state, FXSAVE, XSAVE past the limit: #PF", is_cut_operand, forgive_fault},
    {"REPE CMPSB: which operand faults", is_other_operand, forgive_fault},
    {"IRET: CR2", is_return_frame, forgive_fault},
    {"IRET with bad RIP and SS: error code", is_doubly_bad_return, forgive_fault},
    {"fault of a gather: elements left of it", is_interrupted_gather, forgive_gathered},
    {"gather with #PF and #GP: which; elements left of it", is_other_element, forgive_other_element},
    {"fault of POPA: registers popped before it", is_faulting_popa, forgive_popped},
    {"fault of PUSHA: registers pushed before it", is_faulting_pusha, forgive_registers_pushed},
    {"fault of CALL: fault of the push", is_faulting_call, forgive_push},
    {"far CALL to compatibility mode, bad RSP: its fault", is_call_to_other_mode, forgive_fault},
    {"fault of a far RET: that of the outer stack", is_outer_return, forgive_fault},
    {"REP INS, OUTS with a count of 0: #GP", is_empty_port_string, protection_fault_instead},
    {"offset not canonical, linear address is: #GP", is_offset_beyond, protection_fault_instead},
    {"BT beside its operand, not canonical: #GP", is_bit_beside, protection_fault_instead},
    {NULL, NULL, NULL},
};
