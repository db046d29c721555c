/* Legacy prefixes: which of several counts. Of segment overrides the last; in 64-bit mode only those of FS and GS are
 * overrides at all, and the others do not take one back. */
#include "decode/decoder_internal.h"

#include "vmxsim/state.h"

static void override(struct prefixes *prefixes, decode_mode mode, uint8_t segment) {
  prefixes->last_segment_is_ds = segment == VMXSIM_DS;
  if ((mode & DECODE_CODE_64) && segment != VMXSIM_FS && segment != VMXSIM_GS) return;
  prefixes->segment = segment;
}

static void repeat(struct prefixes *prefixes, uint8_t bit) {
  prefixes->bits = (uint8_t)((prefixes->bits & ~(IR_REP | IR_REPNE)) | bit);
}

bool prefixes_add(struct prefixes *prefixes, decode_mode mode, uint8_t byte) {
  switch (byte) {
  case 0x26: override(prefixes, mode, VMXSIM_ES); break;
  case 0x2e: override(prefixes, mode, VMXSIM_CS); break;
  case 0x36: override(prefixes, mode, VMXSIM_SS); break;
  case 0x3e: override(prefixes, mode, VMXSIM_DS); break;
  case 0x64: override(prefixes, mode, VMXSIM_FS); break;
  case 0x65: override(prefixes, mode, VMXSIM_GS); break;
  case 0x66: prefixes->bits |= IR_OPERAND_SIZE; break;
  case 0x67: prefixes->bits |= IR_ADDRESS_SIZE; break;
  case 0xf0: prefixes->bits |= IR_LOCK; break;
  case 0xf2: repeat(prefixes, IR_REPNE); break;
  case 0xf3: repeat(prefixes, IR_REP); break;
  default: return false; /* REX, or an opcode */
  }
  return true;
}

bool decode_is_legacy_prefix(uint8_t byte) {
  struct prefixes any = {0, IR_NO_REGISTER, false};
  return prefixes_add(&any, 0, byte);
}

struct prefixes prefixes_of(const struct decoding *decoding) {
  struct prefixes prefixes = {0, IR_NO_REGISTER, false};
  const ZydisDecodedInstruction *instruction = &decoding->instruction;
  for (unsigned i = 0; i < instruction->raw.prefix_count; i++) {
    prefixes_add(&prefixes, decoding->mode, instruction->raw.prefixes[i].value);
  }
  return prefixes;
}
