#include "tests/conformance/assemble.h"

#include <string.h>

static void emit(struct assembly *a, uint8_t byte) {
  a->bytes[a->length++] = byte;
}

/* --- which opcodes have a ModRM byte: SDM 2D, "Opcode Map" ---------------------------------------------------------
 */

static bool one_byte_has_modrm(uint8_t opcode) {
  if (opcode < 0x40) return (opcode & 7) < 4;
  switch (opcode) {
  case 0x62:
  case 0x63:
  case 0x69:
  case 0x6b:
  case 0xc0:
  case 0xc1:
  case 0xc4:
  case 0xc5:
  case 0xc6:
  case 0xc7:
  case 0xf6:
  case 0xf7:
  case 0xfe:
  case 0xff: return true;
  default: return (opcode & 0xf0) == 0x80 || (opcode & 0xfc) == 0xd0 || (opcode & 0xf8) == 0xd8;
  }
}

static bool map_0f_has_modrm(uint8_t opcode) {
  switch (opcode & 0xf8) {
  case 0x30:
  case 0xc8: return false;
  case 0x80:
  case 0x88: return false;
  default: break;
  }
  switch (opcode) {
  case 0x05:
  case 0x06:
  case 0x07:
  case 0x08:
  case 0x09:
  case 0x0b:
  case 0x0e:
  case 0x77:
  case 0xa0:
  case 0xa1:
  case 0xa2:
  case 0xa8:
  case 0xa9:
  case 0xaa: return false;
  default: return true;
  }
}

bool has_modrm_byte(enum opcode_map map, uint8_t opcode, bool vex) {
  if (vex) return map != MAP_0F || opcode != 0x77;
  if (map == MAP_ONE_BYTE) return one_byte_has_modrm(opcode);
  return map != MAP_0F || map_0f_has_modrm(opcode);
}

/* --- prefixes and opcode ----------------------------------------------------------------------------------------- */

static void emit_legacy(const struct form *form, const struct encoding *e, struct assembly *a) {
  if (form->prefix) emit(a, form->prefix);
  if (form->mode == CODE_64 && (e->has_rex || form->w)) emit(a, (uint8_t)(0x40 | form->w << 3 | (e->rex & 7)));
  if (form->map != MAP_ONE_BYTE) emit(a, 0x0f);
  if (form->map == MAP_0F38) emit(a, 0x38);
  if (form->map == MAP_0F3A) emit(a, 0x3a);
}

static uint8_t vex_pp(uint8_t prefix) {
  return prefix == 0x66 ? 1 : prefix == 0xf3 ? 2 : prefix == 0xf2 ? 3 : 0;
}

/* Outside 64-bit mode R and X are 1, which tells VEX from LES and LDS, and only eight registers exist. */
static void emit_vex(const struct form *form, const struct encoding *e, struct assembly *a) {
  const uint8_t rex = form->mode == CODE_64 && e->has_rex ? e->rex & 7 : 0;
  const uint8_t vvvv = form->mode == CODE_64 ? e->vvvv : e->vvvv | 8;
  const uint8_t last = (uint8_t)((vvvv & 15) << 3 | form->l << 2 | vex_pp(form->prefix));
  if (e->short_vex && form->map == MAP_0F && !form->w && !(rex & 3)) {
    emit(a, 0xc5);
    emit(a, (uint8_t)((rex & 4 ? 0 : 0x80) | last));
    return;
  }
  emit(a, 0xc4);
  emit(a, (uint8_t)((~rex & 7) << 5 | form->map));
  emit(a, (uint8_t)(form->w << 7 | last));
}

void assemble(const struct form *form, const struct encoding *e, struct assembly *a) {
  memset(a, 0, sizeof *a);
  for (unsigned i = 0; i < e->prefixes; i++) emit(a, e->prefix[i]);
  if (form->vex) {
    emit_vex(form, e, a);
  } else {
    emit_legacy(form, e, a);
  }
  emit(a, form->opcode);
  if (form->has_modrm) emit(a, (uint8_t)(e->mod << 6 | (e->reg & 7) << 3 | (e->rm & 7)));
  unsigned end = a->length;
  if (form->has_modrm && e->mod != 3 && (e->rm & 7) == 4) a->bytes[end++] = e->sib;
  memcpy(a->bytes + end, e->tail, sizeof e->tail);
}

void assemble_plain(const struct form *form, struct assembly *a) {
  enum { SIB = 1 << 3 };
  struct encoding e = {.vvvv = 15, .mod = form->in_memory ? 0 : 3, .reg = 2, .rm = form->in_memory ? 4 : 1, .sib = SIB};
  if (form->reg != FREE) e.reg = (uint8_t)form->reg;
  if (form->rm != FREE) e.rm = (uint8_t)form->rm;
  assemble(form, &e, a);
}
