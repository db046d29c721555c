/* Bytes of one encoding, put together from its parts. */
#ifndef VMXSIM_TESTS_CONFORMANCE_ASSEMBLE_H
#define VMXSIM_TESTS_CONFORMANCE_ASSEMBLE_H

#include "tests/conformance/forms.h"

enum { ASSEMBLY_MAX = 40, PREFIXES_MAX = 16 };

struct assembly {
  uint8_t bytes[ASSEMBLY_MAX]; /* followed by what serves as displacement and immediate */
  unsigned length;             /* up to and with ModRM */
};

/* What a form leaves open. */
struct encoding {
  uint8_t prefix[PREFIXES_MAX]; /* before the mandatory one */
  unsigned prefixes;
  uint8_t rex; /* its low bits, W apart; with `has_rex` */
  bool has_rex;
  uint8_t vvvv;   /* as in the prefix, inverted */
  bool short_vex; /* C5H where it can say the same */
  uint8_t mod, reg, rm, sib;
  uint8_t tail[12]; /* displacement and immediate */
};

void assemble(const struct form *form, const struct encoding *encoding, struct assembly *assembly);
/* The simplest: register 2, and memory at [eax+ecx], or [si]. */
void assemble_plain(const struct form *form, struct assembly *assembly);

bool has_modrm_byte(enum opcode_map map, uint8_t opcode, bool vex);

#endif
