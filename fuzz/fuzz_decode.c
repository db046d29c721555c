/* Any bytes in any mode on any processor: an op whose fields are in range, of a length that fits, and the same again
 * from exactly its bytes; a block cache that finds what was added. */
#include <stdlib.h>
#include <string.h>

#include "decode/blocks.h"
#include "vmxsim/state.h"

static void require(bool condition) {
  if (!condition) abort();
}

static void check(const struct ir_op *op, size_t available) {
  require(op->length >= 1 && op->length <= IR_LENGTH_MAX && op->length <= available);
  require(op->opcode < IR_OPCODE_COUNT && ir_opcode_name(op->opcode)[0]);
  if (op->opcode == IR_INVALID) return;
  require(op->operand_size == 2 || op->operand_size == 4 || op->operand_size == 8);
  require(op->address_size == 2 || op->address_size == 4 || op->address_size == 8);
  for (unsigned i = 0; i < IR_OPERANDS; i++) require(op->operand[i].kind <= IR_FAR && op->operand[i].reg < 16);
  require(op->memory.segment < VMXSIM_SEGMENTS && (op->memory.index < 16 || op->memory.index == IR_NO_REGISTER));
}

/* Feature bits, mode bits, code. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct decoder decoder;
  struct ir_op op, again;
  uint64_t features;
  decode_mode mode;
  if (size < sizeof features + sizeof mode) return 0;
  memcpy(&features, data, sizeof features);
  memcpy(&mode, data + sizeof features, sizeof mode);
  data += sizeof features + sizeof mode;
  size -= sizeof features + sizeof mode;
  features &= (UINT64_C(1) << DECODE_FEATURE_COUNT) - 1;
  decoder_init(&decoder, features);
  struct block_cache *cache = block_cache_create();
  require(cache);
  for (size_t at = 0; at < size; at += op.length) {
    const enum decode_result result = decode_instruction(&decoder, mode, data + at, size - at, &op);
    if (result != DECODE_OK) break;
    check(&op, size - at);
    require(decode_instruction(&decoder, mode, data + at, op.length, &again) == DECODE_OK);
    require(!memcmp(&op, &again, sizeof op));
    struct block *block = block_cache_add(cache, at, mode, 1);
    require(block && block_cache_find(cache, at, mode) == block);
    block->ops[0] = op;
    if (op.immediate & 1) block_cache_drop_page(cache, op.immediate);
  }
  block_cache_destroy(cache);
  return 0;
}
