/* Zydis appears here to name the instruction set of a form, and to tell whether bytes that are no instruction of the
 * model's may be one of the host's. */
#include "tests/conformance/forms.h"

#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "tests/conformance/assemble.h"

decode_mode forms_decode_mode(enum code_mode mode) {
  static const decode_mode widths[] = {DECODE_CODE_64, DECODE_CODE_32 | DECODE_STACK_32, 0};
  return widths[mode] | DECODE_PROTECTED | DECODE_CPL_3 | DECODE_OSFXSR | DECODE_OSXSAVE_AVX | DECODE_FSGSBASE;
}

/* --- what is left out -------------------------------------------------------------------------------------------- */

bool forms_is_excluded(const struct ir_op *op) {
  enum { LINUX_SYSTEM_CALL = 0x80 };
  switch (op->opcode) {
  case IR_SYSCALL: /* the operating system answers */
  case IR_SYSENTER:
  case IR_SGDT: /* or emulates, where UMIP makes them fault */
  case IR_SIDT:
  case IR_SLDT:
  case IR_STR:
  case IR_SMSW:
  case IR_INT1:
  case IR_VMCALL: /* the hypervisor of the host does */
  case IR_VMFUNC:
  case IR_CPUID:
  case IR_RDPMC:
  case IR_XGETBV: /* depends on the processor or on time */
  case IR_RDTSC:
  case IR_RDTSCP:
  case IR_RDPID:
  case IR_RDRAND:
  case IR_RDSEED: return true;
  case IR_INT: return op->immediate == LINUX_SYSTEM_CALL;
  default: return false;
  }
}

/* --- enumeration ------------------------------------------------------------------------------------------------- */

struct enumeration {
  const struct decoder *model;
  struct decoder common; /* what host and model have */
  ZydisDecoder zydis[CODE_MODES];
  struct forms *forms;
  bool out_of_memory;
};

static bool same_operands(const struct ir_op *a, const struct ir_op *b) {
  for (unsigned i = 0; i < IR_OPERANDS; i++) {
    if (a->operand[i].kind != b->operand[i].kind || a->operand[i].size != b->operand[i].size) return false;
  }
  return true;
}

/* Whether two ops differ at most in which registers, addresses and constants they name. */
static bool same_form(const struct ir_op *a, const struct ir_op *b) {
  return a->opcode == b->opcode && a->operand_size == b->operand_size && a->condition == b->condition &&
         a->vector_length == b->vector_length && same_operands(a, b);
}

static bool decode_form(const struct decoder *decoder, const struct form *form, struct ir_op *op) {
  struct assembly a;
  memset(op, 0, sizeof *op);
  assemble_plain(form, &a);
  return decode_instruction(decoder, forms_decode_mode(form->mode), a.bytes, sizeof a.bytes, op) == DECODE_OK;
}

/* Number of the form's instruction set; of bytes that Zydis knows no instruction for, 0. */
static uint8_t group_of_plain(const struct enumeration *e, const struct form *form) {
  struct assembly a;
  ZydisDecodedInstruction instruction;
  assemble_plain(form, &a);
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&e->zydis[form->mode], NULL, a.bytes, sizeof a.bytes, &instruction)))
    return 0;
  return (uint8_t)instruction.meta.isa_set;
}

/* Whatever a free member of ModRM is: the host's instruction may ask for one value of it. */
static uint8_t group_of(const struct enumeration *e, const struct form *form) {
  struct form fixed = *form;
  uint8_t group = group_of_plain(e, form);
  if (form->operation != IR_INVALID || !form->has_modrm) return group;
  for (unsigned i = 0; i < 64 && group == 0; i++) {
    if (form->reg == FREE) fixed.reg = (int8_t)(i / 8);
    if (form->rm == FREE) fixed.rm = (int8_t)(i % 8);
    group = group_of_plain(e, &fixed);
  }
  return group;
}

const char *forms_group_name(unsigned group) {
  return group ? ZydisISASetGetString((ZydisISASet)group) : "undefined opcodes";
}

static void add(struct enumeration *e, const struct form *form) {
  struct form_list *list = form->operation == IR_INVALID ? &e->forms->undefined : &e->forms->defined;
  if (list->count == list->room) {
    const size_t room = list->room ? 2 * list->room : 1024;
    struct form *grown = realloc(list->form, room * sizeof *grown);
    if (!grown) {
      e->out_of_memory = true;
      return;
    }
    list->form = grown;
    list->room = room;
  }
  list->form[list->count++] = *form;
}

/* 0F 01 C0 to C7 and D8 to DF, whatever the prefix: the hypervisor of the host may have its own answer to that. */
static bool is_hypercall(const struct form *form) {
  return form->map == MAP_0F && form->opcode == 1 && !form->in_memory && (form->reg == 0 || form->reg == 3);
}

/* Whether host and model both make the same of these bytes: what only one of them has is no matter for comparison.
 * Bytes that are no instruction of the model's may be one of the host's: then Zydis knows it. */
static bool is_comparable(const struct enumeration *e, struct form *form, struct ir_op *op) {
  struct ir_op common;
  if (!decode_form(e->model, form, op) || !decode_form(&e->common, form, &common)) return false;
  if (op->opcode != common.opcode || forms_is_excluded(op)) return false;
  form->operation = op->opcode;
  form->group = group_of(e, form);
  return op->opcode != IR_INVALID || (form->group == 0 && !is_hypercall(form));
}

static bool is_string(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_MOVS:
  case IR_CMPS:
  case IR_SCAS:
  case IR_LODS:
  case IR_STOS:
  case IR_INS:
  case IR_OUTS: return true;
  default: return false;
  }
}

/* The same instruction as without the prefix, or without W: not a form of its own. */
static bool is_redundant(const struct enumeration *e, const struct form *form, const struct ir_op *op) {
  struct form simpler = *form;
  struct ir_op other;
  if (op->opcode == IR_INVALID) return false;
  if (form->prefix && !form->vex) {
    simpler.prefix = 0;
    if (!is_string(op) && decode_form(e->model, &simpler, &other) && same_form(op, &other)) return true;
  }
  simpler = *form;
  simpler.w = false;
  return form->w && decode_form(e->model, &simpler, &other) && same_form(op, &other);
}

static void add_if_comparable(struct enumeration *e, struct form form) {
  struct ir_op op;
  if (is_comparable(e, &form, &op) && !is_redundant(e, &form, &op)) add(e, &form);
}

/* --- what ModRM says --------------------------------------------------------------------------------------------- */

/* A member of ModRM: whether any value of it gives the same instruction. */
static bool is_free(const struct enumeration *e, const struct form *form, bool rm) {
  struct form other = *form;
  int8_t *member = rm ? &other.rm : &other.reg;
  struct ir_op first, op;
  *member = 0;
  if (!decode_form(e->model, &other, &first)) return false;
  for (*member = 1; *member < 8; (*member)++) {
    if (!decode_form(e->model, &other, &op) || !same_form(&first, &op)) return false;
  }
  return true;
}

static void enumerate_rm(struct enumeration *e, struct form form) {
  if (form.in_memory || is_free(e, &form, true)) {
    add_if_comparable(e, form);
    return;
  }
  for (form.rm = 0; form.rm < 8; form.rm++) add_if_comparable(e, form);
}

static void enumerate_modrm(struct enumeration *e, struct form form) {
  for (unsigned in_memory = 0; in_memory < 2; in_memory++) {
    form.in_memory = in_memory;
    form.reg = form.rm = FREE;
    if (is_free(e, &form, false)) {
      enumerate_rm(e, form);
      continue;
    }
    for (form.reg = 0; form.reg < 8; form.reg++) enumerate_rm(e, form);
  }
}

/* --- all opcodes ------------------------------------------------------------------------------------------------- */

static bool is_prefix_or_escape(const struct form *form) {
  if (form->vex) return false;
  if (form->map == MAP_0F) return form->opcode == 0x38 || form->opcode == 0x3a || form->opcode == 0x0f;
  if (form->map != MAP_ONE_BYTE) return false;
  switch (form->opcode) {
  case 0x0f:
  case 0x26:
  case 0x2e:
  case 0x36:
  case 0x3e:
  case 0x62: /* EVEX, or BOUND */
  case 0x64:
  case 0x65:
  case 0x66:
  case 0x67:
  case 0xc4: /* VEX, or LES and LDS */
  case 0xc5:
  case 0x8f: /* XOP, or POP */
  case 0xf0:
  case 0xf2:
  case 0xf3:
    return !(form->opcode == 0x8f || (form->mode != CODE_64 && (form->opcode & 0xf8) != 0xf0 &&
                                      (form->opcode == 0x62 || (form->opcode & 0xfe) == 0xc4)));
  default: return form->mode == CODE_64 && (form->opcode & 0xf0) == 0x40;
  }
}

static void enumerate_opcode(struct enumeration *e, struct form form) {
  form.has_modrm = has_modrm_byte(form.map, form.opcode, form.vex);
  form.reg = form.rm = FREE;
  if (is_prefix_or_escape(&form)) return;
  if (form.has_modrm) {
    enumerate_modrm(e, form);
  } else {
    add_if_comparable(e, form);
  }
}

static void enumerate_prefixes(struct enumeration *e, struct form form) {
  static const uint8_t prefixes[] = {0, 0x66, 0xf3, 0xf2};
  const unsigned widths = form.vex || form.mode == CODE_64 ? 2 : 1;
  for (unsigned i = 0; i < sizeof prefixes; i++) {
    form.prefix = prefixes[i];
    for (unsigned w = 0; w < widths; w++) {
      form.w = w;
      for (unsigned l = 0; l <= form.vex; l++) {
        form.l = l;
        enumerate_opcode(e, form);
      }
    }
  }
}

static void enumerate_mode(struct enumeration *e, enum code_mode mode) {
  struct form form = {.mode = (uint8_t)mode};
  for (unsigned vex = 0; vex < 2; vex++) {
    form.vex = vex;
    for (unsigned map = vex; map < OPCODE_MAPS; map++) {
      form.map = (uint8_t)map;
      for (unsigned opcode = 0; opcode < 256; opcode++) {
        form.opcode = (uint8_t)opcode;
        enumerate_prefixes(e, form);
      }
    }
  }
}

bool forms_enumerate(const struct decoder *model, uint64_t host_features, struct forms *forms) {
  struct enumeration e = {.model = model, .forms = forms};
  memset(forms, 0, sizeof *forms);
  decoder_init(&e.common, model->features & host_features);
  ZydisDecoderInit(&e.zydis[CODE_64], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  ZydisDecoderInit(&e.zydis[CODE_32], ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_STACK_WIDTH_32);
  ZydisDecoderInit(&e.zydis[CODE_16], ZYDIS_MACHINE_MODE_LONG_COMPAT_16, ZYDIS_STACK_WIDTH_16);
  for (unsigned mode = 0; mode < CODE_MODES; mode++) enumerate_mode(&e, mode);
  return !e.out_of_memory;
}

void forms_free(struct forms *forms) {
  free(forms->defined.form);
  free(forms->undefined.form);
  memset(forms, 0, sizeof *forms);
}
