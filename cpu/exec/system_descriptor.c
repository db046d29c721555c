/* Descriptor tables and selectors: LGDT, LIDT, SGDT, SIDT, LLDT, LTR, SLDT, STR, LAR, LSL, VERR, VERW, ARPL.
 *
 * SDM 2A and 2B, the instructions of these names.
 */
#include "cpu/exec/segments.h"
#include "cpu/exec/operand.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

/* Protected mode only: #UD in real-address and virtual-8086 mode. */
static bool protected_only(struct vcpu *v) {
  if (vcpu_in_protected_mode(v)) return true;
  vcpu_raise(v, VECTOR_UD);
  return false;
}

/* CR4.UMIP keeps what tells of the system from programs. */
bool system_umip_allows(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  if (!(v->s.cr4 & CR4_UMIP) || v->cpl == 0) return true;
  vcpu_raise_with_code(v, VECTOR_GP, 0);
  return false;
}

/* --- GDTR, IDTR ------------------------------------------------------------------------------------------------------
 */

static void load_table(struct vcpu *v, const struct ir_op *op, struct vmxsim_table_register *table) {
  const bool wide = vcpu_in_64_bit_mode(v);
  const uint64_t offset = mem_effective_address(v, op), mask = system_mask(op->address_size);
  uint64_t limit, base;
  v->current = op;
  if (!system_privileged(v)) return;
  if (!mem_read(v, op->memory.segment, offset, 2, &limit) ||
      !mem_read(v, op->memory.segment, (offset + 2) & mask, wide ? 8 : 4, &base))
    return;
  if (wide && !system_is_canonical(v, base)) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  table->limit = (uint16_t)limit;
  table->base = !wide && op->operand_size == 2 ? base & 0xffffff : base;
  system_end(v, op);
}

static void system_lgdt(struct vcpu *v, const struct ir_op *op) {
  load_table(v, op, &v->s.gdtr);
}

static void system_lidt(struct vcpu *v, const struct ir_op *op) {
  load_table(v, op, &v->s.idtr);
}

/* Today's processors store all 32 bits of the base also with an operand size of 16. */
static void store_table(struct vcpu *v, const struct ir_op *op, const struct vmxsim_table_register *table) {
  const unsigned size = vcpu_in_64_bit_mode(v) ? 8 : 4;
  const uint64_t offset = mem_effective_address(v, op), mask = system_mask(op->address_size);
  v->current = op;
  if (!system_umip_allows(v, op)) return;
  if (!mem_probe_write(v, op->memory.segment, offset, 2 + size, 1)) return;
  if (!mem_write(v, op->memory.segment, offset, 2, table->limit) ||
      !mem_write(v, op->memory.segment, (offset + 2) & mask, size, table->base & system_mask(size)))
    return;
  exec_next(v, op);
}

static void system_sgdt(struct vcpu *v, const struct ir_op *op) {
  store_table(v, op, &v->s.gdtr);
}

static void system_sidt(struct vcpu *v, const struct ir_op *op) {
  store_table(v, op, &v->s.idtr);
}

/* --- LDTR, TR --------------------------------------------------------------------------------------------------------
 */

/* In IA-32e mode these descriptors have 16 bytes; bits 12:8 of the last word are 0. */
static bool find_system_descriptor(struct vcpu *v, uint16_t selector, struct descriptor *d) {
  const uint32_t error = selector_error(selector);
  if (selector & SELECTOR_TI) return vcpu_raise_with_code(v, VECTOR_GP, error), false;
  if (!descriptor_get(v, selector, d, VECTOR_GP, error)) return false;
  if (descriptor_is_system(d) && !(vcpu_in_ia32e_mode(v) && d->words[3] & 0x1f00U)) return true;
  vcpu_raise_with_code(v, VECTOR_GP, error);
  return false;
}

static bool base_is_good(struct vcpu *v, const struct descriptor *d, uint16_t selector) {
  if (!vcpu_in_ia32e_mode(v) || system_is_canonical(v, descriptor_base(d))) return true;
  vcpu_raise_with_code(v, VECTOR_GP, selector_error(selector));
  return false;
}

static bool load_ldt(struct vcpu *v, uint16_t selector) {
  struct descriptor d;
  if (selector_is_null(selector)) {
    v->s.ldtr.selector = selector;
    v->s.ldtr.access_rights = (uint32_t)AR_UNUSABLE;
    return true;
  }
  const uint32_t error = selector_error(selector);
  if (!find_system_descriptor(v, selector, &d)) return false;
  if (descriptor_type(&d) != DESCRIPTOR_LDT) return vcpu_raise_with_code(v, VECTOR_GP, error), false;
  if (!descriptor_present(&d)) return vcpu_raise_with_code(v, VECTOR_NP, error), false;
  if (!base_is_good(v, &d, selector)) return false;
  segment_from_descriptor(&v->s.ldtr, selector, d.words);
  v->s.ldtr.base = descriptor_base(&d);
  return true;
}

static bool load_task(struct vcpu *v, uint16_t selector) {
  struct descriptor d;
  const uint32_t error = selector_error(selector);
  if (selector_is_null(selector)) return vcpu_raise_with_code(v, VECTOR_GP, 0), false;
  if (!find_system_descriptor(v, selector, &d)) return false;
  const unsigned type = descriptor_type(&d);
  if (type != DESCRIPTOR_TSS && (type != DESCRIPTOR_TSS_16 || vcpu_in_ia32e_mode(v)))
    return vcpu_raise_with_code(v, VECTOR_GP, error), false;
  if (!descriptor_present(&d)) return vcpu_raise_with_code(v, VECTOR_NP, error), false;
  if (!base_is_good(v, &d, selector) || !descriptor_set_busy(v, &d, true)) return false;
  segment_from_descriptor(&v->s.tr, selector, d.words);
  v->s.tr.base = descriptor_base(&d);
  return true;
}

static void load_system_register(struct vcpu *v, const struct ir_op *op, bool (*load)(struct vcpu *, uint16_t)) {
  uint64_t selector;
  v->current = op;
  if (!protected_only(v) || !system_privileged(v) || !system_read(v, op, &op->operand[0], 2, &selector)) return;
  if (load(v, (uint16_t)selector)) system_end(v, op);
}

static void system_lldt(struct vcpu *v, const struct ir_op *op) {
  load_system_register(v, op, load_ldt);
}

static void system_ltr(struct vcpu *v, const struct ir_op *op) {
  load_system_register(v, op, load_task);
}

static void store_selector(struct vcpu *v, const struct ir_op *op, uint16_t selector) {
  const bool memory = op->operand[0].kind == IR_MEMORY;
  v->current = op;
  if (!protected_only(v) || !system_umip_allows(v, op)) return;
  if (!system_write(v, op, &op->operand[0], memory ? 2 : op->operand_size, selector)) return;
  exec_next(v, op);
}

static void system_sldt(struct vcpu *v, const struct ir_op *op) {
  store_selector(v, op, v->s.ldtr.selector);
}

static void system_str(struct vcpu *v, const struct ir_op *op) {
  store_selector(v, op, v->s.tr.selector);
}

/* --- questions about selectors
 * ---------------------------------------------------------------------------------------- */

static void set_zf(struct vcpu *v, bool zf) {
  const uint64_t flags = flags_read(v);
  flags_write_arithmetic(v, zf ? flags | RFLAGS_ZF : flags & ~RFLAGS_ZF);
}

/* False: an exception of the access is pending. *visible: there is a descriptor that CPL and RPL may look at. */
static bool look_up(struct vcpu *v, uint16_t selector, struct descriptor *d, bool *visible) {
  *visible = false;
  if (selector_is_null(selector)) return true;
  const enum descriptor_result result = descriptor_fetch(v, selector, d);
  if (result != DESCRIPTOR_FOUND) return result != DESCRIPTOR_FAULT;
  const unsigned rpl = selector & SELECTOR_RPL;
  *visible = descriptor_is_conforming(d) || (v->cpl <= descriptor_dpl(d) && rpl <= descriptor_dpl(d));
  return true;
}

/* The system descriptors that LAR and LSL know, as sets of types, outside and in IA-32e mode. */
enum { LAR_TYPES = 0x1a3e, LAR_TYPES_64 = 0x1a04, LSL_TYPES = 0x0a0e, LSL_TYPES_64 = 0x0a04 };

static bool known_type(const struct vcpu *v, const struct descriptor *d, unsigned types, unsigned types_64) {
  if (!descriptor_is_system(d)) return true;
  const bool ia32e = vcpu_in_ia32e_mode(v);
  if (ia32e && (d->words[3] & 0x1f00U)) return false;
  return ((ia32e ? types_64 : types) >> descriptor_type(d)) & 1;
}

static bool read_question(struct vcpu *v, const struct ir_op *op, unsigned operand, struct descriptor *d,
                          bool *visible) {
  uint64_t selector;
  v->current = op;
  return protected_only(v) && system_read(v, op, &op->operand[operand], 2, &selector) &&
         look_up(v, (uint16_t)selector, d, visible);
}

static void system_lar(struct vcpu *v, const struct ir_op *op) {
  struct descriptor d;
  bool visible;
  if (!read_question(v, op, 1, &d, &visible)) return;
  visible = visible && known_type(v, &d, LAR_TYPES, LAR_TYPES_64);
  if (visible) system_set_gpr(v, op->operand[0].reg, op->operand_size, d.words[1] & 0x00ffff00U);
  set_zf(v, visible);
  exec_next(v, op);
}

static void system_lsl(struct vcpu *v, const struct ir_op *op) {
  struct descriptor d;
  bool visible;
  if (!read_question(v, op, 1, &d, &visible)) return;
  visible = visible && known_type(v, &d, LSL_TYPES, LSL_TYPES_64);
  if (visible) system_set_gpr(v, op->operand[0].reg, op->operand_size, descriptor_limit(&d));
  set_zf(v, visible);
  exec_next(v, op);
}

static void system_verr(struct vcpu *v, const struct ir_op *op) {
  struct descriptor d;
  bool visible;
  if (!read_question(v, op, 0, &d, &visible)) return;
  set_zf(v, visible && !descriptor_is_system(&d) && (descriptor_type(&d) & 10) != 8);
  exec_next(v, op);
}

static void system_verw(struct vcpu *v, const struct ir_op *op) {
  struct descriptor d;
  bool visible;
  if (!read_question(v, op, 0, &d, &visible)) return;
  set_zf(v, visible && descriptor_is_writable_data(&d));
  exec_next(v, op);
}

static void system_arpl(struct vcpu *v, const struct ir_op *op) {
  const uint64_t rpl = system_gpr(v, op->operand[1].reg, 2) & SELECTOR_RPL;
  uint64_t value;
  v->current = op;
  if (!protected_only(v) || !system_read(v, op, &op->operand[0], 2, &value)) return;
  const bool raised = (value & SELECTOR_RPL) < rpl;
  if (raised && !system_write(v, op, &op->operand[0], 2, (value & ~SELECTOR_RPL) | rpl)) return;
  set_zf(v, raised);
  exec_next(v, op);
}

ir_execute *system_bind_descriptor(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_LGDT: return system_lgdt;
  case IR_LIDT: return system_lidt;
  case IR_SGDT: return system_sgdt;
  case IR_SIDT: return system_sidt;
  case IR_LLDT: return system_lldt;
  case IR_LTR: return system_ltr;
  case IR_SLDT: return system_sldt;
  case IR_STR: return system_str;
  case IR_LAR: return system_lar;
  case IR_LSL: return system_lsl;
  case IR_VERR: return system_verr;
  case IR_VERW: return system_verw;
  case IR_ARPL: return system_arpl;
  default: return NULL;
  }
}
