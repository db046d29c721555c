/* From RIP to a block of ops: translation, the block cache, decoding. */
#include "libvmxsim/machine/machine_internal.h"

#include <string.h>

#include "cpu/exec/exec.h"
#include "cpu/mmu/mmu_fast.h"

void fetch_end_of_block(struct vcpu *v, const struct ir_op *op) {
  v->s.rip = v->block_rip + op->offset;
  if (!(v->mode & DECODE_CODE_64)) v->s.rip &= UINT32_MAX; /* 16-bit code, too: past FFFFH there is the limit */
}

/* Bytes of code from `rip`, at most what is left of its page. */
static size_t page_bytes(struct vcpu *v, uint64_t rip, uint64_t physical, uint8_t *bytes, size_t want) {
  size_t left = PAGE_SIZE - (physical & (PAGE_SIZE - 1));
  if (!vcpu_in_64_bit_mode(v)) {
    const uint64_t to_limit = (uint64_t)v->s.segment[VMXSIM_CS].limit - rip + 1;
    if (to_limit < left) left = (size_t)to_limit;
  }
  if (left > want) left = want;
  physical_read(v->machine->memory, physical, bytes, left);
  return left;
}

static void set_end_marker(struct ir_op *op, unsigned offset, unsigned cycle) {
  memset(op, 0, sizeof *op);
  op->execute = fetch_end_of_block;
  op->offset = (uint16_t)offset;
  op->cycle = (uint16_t)cycle;
}

struct build {
  struct vmxsim_vcpu *vcpu;
  uint64_t second_page; /* BLOCK_NO_PAGE, or where an instruction that crosses ends */
  struct ir_op ops[BLOCK_OPS_MAX + 1];
  unsigned count, bytes, cycles;
};

static void take_op(struct build *build, struct ir_op *op) {
  op->execute = exec_bind(build->vcpu->cpu.mode, op);
  op->offset = (uint16_t)build->bytes;
  op->cycle = (uint16_t)build->cycles;
  op->cycles = (uint16_t)timing_of_op(build->vcpu->cpu.machine->timing, op);
  build->ops[build->count++] = *op;
  build->bytes += op->length;
  build->cycles += op->cycles;
}

/* An instruction that goes on in the next page, or whose bytes end at the limit of CS. */
static bool build_crossing(struct build *build, uint64_t rip, const uint8_t *bytes, size_t got) {
  struct vcpu *v = &build->vcpu->cpu;
  uint8_t all[IR_LENGTH_MAX];
  uint64_t linear, physical;
  struct ir_op op;
  memcpy(all, bytes, got);
  if (!mem_code_linear(v, rip + got, 1, &linear) || !mem_translate_fetch_inline(v, linear, &physical)) return false;
  got += page_bytes(v, rip + got, physical, all + got, IR_LENGTH_MAX - got);
  build->second_page = physical & PAGE_MASK;
  switch (decode_instruction(&v->decoder, v->mode, all, got, &op)) {
  case DECODE_OK: take_op(build, &op); return true;
  case DECODE_TOO_LONG:
  case DECODE_TRUNCATED: break;
  }
  vcpu_raise_with_code(v, VECTOR_GP, 0);
  return false;
}

/* Ops from `physical` to the end of the page, of the room, or of straight control. */
static bool build_ops(struct build *build, uint64_t rip, uint64_t physical) {
  struct vcpu *v = &build->vcpu->cpu;
  uint8_t bytes[PAGE_SIZE];
  const size_t got = page_bytes(v, rip, physical, bytes, BLOCK_OPS_MAX * IR_LENGTH_MAX);
  while (build->count < BLOCK_OPS_MAX) {
    struct ir_op op;
    if (build->count && hooks_may_be_at(v->machine, physical + build->bytes)) break;
    const enum decode_result result =
        decode_instruction(&v->decoder, v->mode, bytes + build->bytes, got - build->bytes, &op);
    if (result == DECODE_OK) {
      take_op(build, &op);
      if (ir_ends_block(&op)) break;
      continue;
    }
    if (build->count) break;
    if (result == DECODE_TRUNCATED) return build_crossing(build, rip, bytes, got);
    vcpu_raise_with_code(v, VECTOR_GP, 0);
    return false;
  }
  return true;
}

/* The page after that of `linear`, where it is; false: exception pending. */
static bool next_page(struct vcpu *v, uint64_t *page) {
  const uint64_t next = (v->s.rip & PAGE_MASK) + PAGE_SIZE;
  uint64_t linear;
  if (!mem_code_linear(v, next, 1, &linear) || !mem_translate_fetch_inline(v, linear, page)) return false;
  *page &= PAGE_MASK;
  return true;
}

/* Stores into these bytes have to be noticed. */
static void watch(struct physical_memory *memory, const struct block *block) {
  const uint64_t left = PAGE_SIZE - (block->physical & (PAGE_SIZE - 1));
  const uint64_t first = block->bytes < left ? block->bytes : left;
  physical_watch_code_bytes(memory, block->physical, first);
  if (block->second_page != BLOCK_NO_PAGE) physical_watch_code_bytes(memory, block->second_page, block->bytes - first);
}

/* The op that has run last when a block was run whole, if nothing but where it goes on depends on that op: the end
 * marker or a near branch. NULL for other blocks. */
static const struct ir_op *last_of(const struct block *block) {
  const struct ir_op *op = &block->ops[block->op_count - 1];
  if (!ir_ends_block(op)) return op + 1;
  switch (op->opcode) {
  case IR_JCC:
  case IR_JMP_NEAR:
  case IR_CALL_NEAR:
  case IR_RET_NEAR:
  case IR_LOOP:
  case IR_LOOPE:
  case IR_LOOPNE:
  case IR_JRCXZ: return op;
  default: return NULL;
  }
}

static struct block *build_block(struct vmxsim_vcpu *vcpu, uint64_t physical) {
  struct build build = {.vcpu = vcpu, .second_page = BLOCK_NO_PAGE};
  struct vcpu *v = &vcpu->cpu;
  if (!build_ops(&build, v->s.rip, physical)) return NULL;
  const uint64_t generation = block_cache_generation(vcpu->blocks);
  struct block *block =
      build.second_page == BLOCK_NO_PAGE
          ? block_cache_add(vcpu->blocks, physical, v->mode, build.count + 1)
          : block_cache_add_crossing(vcpu->blocks, physical, build.second_page, v->mode, build.count + 1);
  if (!block) return NULL;
  if (generation != block_cache_generation(vcpu->blocks)) v->code_changes++;
  exec_bind_block(build.ops, build.count);
  set_end_marker(&build.ops[build.count], build.bytes, build.cycles);
  memcpy(block->ops, build.ops, (build.count + 1) * sizeof *build.ops);
  block->op_count = (uint16_t)build.count;
  block->bytes = (uint16_t)build.bytes;
  block->cycles = build.cycles;
  block->is_hooked = hooks_may_be_at(v->machine, physical);
  block->last = last_of(block);
  watch(v->machine->memory, block);
  return block;
}

static struct block *find_block(struct vmxsim_vcpu *vcpu) {
  struct vcpu *v = &vcpu->cpu;
  uint64_t linear, physical, second_page;
  if (!mem_code_linear(v, v->s.rip, 1, &linear) || !mem_translate_fetch_inline(v, linear, &physical)) return NULL;
  struct block *block = block_cache_find(vcpu->blocks, physical, v->mode);
  if (block && block->second_page != BLOCK_NO_PAGE) {
    /* What it decoded depends on where the next page is now. */
    if (!next_page(v, &second_page)) return NULL;
    block = block_cache_find_crossing(vcpu->blocks, physical, second_page, v->mode);
  }
  return block && fetch_within_limit(v, block) ? block : build_block(vcpu, physical);
}

bool fetch_renew(struct vmxsim_vcpu *vcpu, struct block_link *link) {
  struct vcpu *v = &vcpu->cpu;
  const struct block *const block = link->block;
  if (!block || link->generation != block_cache_generation(vcpu->blocks)) return false;
  if (block->mode != v->mode || block->second_page != BLOCK_NO_PAGE) return false;
  if (!mem_fetch_is_at(v, link->linear, block->physical)) return false;
  link->key = fetch_key(v);
  return true;
}

/* What was found is noted only if nothing changed on the way: the walk to a second page can displace the translation
 * of the first, which the next fetch then has to make again. */
struct block *fetch_unknown(struct vmxsim_vcpu *vcpu) {
  struct vcpu *v = &vcpu->cpu;
  const uint64_t linear = fetch_linear(v), key = fetch_key(v);
  struct block *const block = find_block(vcpu);
  if (block && key == fetch_key(v))
    *fetch_entry(vcpu, linear) = (struct block_link){linear, key, block_cache_generation(vcpu->blocks), block};
  return block;
}
