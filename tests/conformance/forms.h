/* Every encoding that the model's decoder knows and that user code can compare: what is left free in it is for cases.
 */
#ifndef VMXSIM_TESTS_CONFORMANCE_FORMS_H
#define VMXSIM_TESTS_CONFORMANCE_FORMS_H

#include "decode/decode.h"
#include "tests/conformance/case.h"

enum opcode_map { MAP_ONE_BYTE, MAP_0F, MAP_0F38, MAP_0F3A, OPCODE_MAPS };

enum { FREE = -1 };

struct form {
  uint8_t mode; /* enum code_mode */
  uint8_t map;  /* enum opcode_map */
  uint8_t opcode;
  uint8_t prefix; /* 0, 66H, F3H, F2H; of VEX as its pp stands for */
  bool vex, w, l;
  bool has_modrm, in_memory;
  int8_t reg, rm;     /* of ModRM, or FREE */
  uint16_t operation; /* enum ir_opcode; IR_INVALID: bytes that are no instruction */
  uint8_t group;      /* forms_group_name() */
};

struct form_list {
  struct form *form;
  size_t count, room;
};
struct forms {
  struct form_list defined, undefined;
};

/* Forms that both processors have, given the features of each; opcodes that are undefined on both. False: no memory. */
bool forms_enumerate(const struct decoder *model, uint64_t host_features, struct forms *forms);
void forms_free(struct forms *forms);

enum { FORM_GROUPS = 256 };
const char *forms_group_name(unsigned group);

decode_mode forms_decode_mode(enum code_mode mode);
/* What cases leave out: it does not depend on the state alone, or would be taken by the operating system. */
bool forms_is_excluded(const struct ir_op *op);

#endif
