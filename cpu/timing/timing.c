/* What an op costs, and the clocks that follow from cycles.
 *
 * `fixed` is 1 an instruction. `latency` is the tables latency.def and transitions.def. `memory` is the same, and what
 * caches.c charges for accesses. What a REP costs beyond its first iteration is charged by the handler.
 */
#include "cpu/timing/timing.h"

/* What each kind of line of the tables becomes where it is not wanted: nothing. */
#define TRANSITION(name, cycles, source)
#define PAGE_WALK(cycles, source)
#define VM_ROUND_TRIP(profile, cycles, source)
#define LATENCY(name, cycles, row)
#define LATENCY_WRITE(name, cycles, row)
#define LATENCY_64(name, cycles, row)
#define LATENCY_ACCESS(name, what)
#define LATENCY_LOCKED(cycles, row)
#define LATENCY_MEMORY(what, cycles, row)

enum access {
#undef LATENCY_MEMORY
#define LATENCY_MEMORY(what, cycles, row) ACCESS_##what,
#include "cpu/timing/latency.def"
#undef LATENCY_MEMORY
#define LATENCY_MEMORY(what, cycles, row)
};

static const uint8_t memory_cycles[] = {
#undef LATENCY_MEMORY
#define LATENCY_MEMORY(what, cycles, row) [ACCESS_##what] = cycles,
#include "cpu/timing/latency.def"
#undef LATENCY_MEMORY
#define LATENCY_MEMORY(what, cycles, row)
};

/* 0: not listed, which is 1 cycle. */
static const uint16_t register_cycles[IR_OPCODE_COUNT] = {
#undef LATENCY
#define LATENCY(name, cycles, row) [IR_##name] = cycles,
#include "cpu/timing/latency.def"
#include "cpu/timing/transitions.def"
#undef LATENCY
#define LATENCY(name, cycles, row)
};

/* Where the first operand is a control or debug register. */
static const uint8_t write_cycles[IR_OPCODE_COUNT] = {
#undef LATENCY_WRITE
#define LATENCY_WRITE(name, cycles, row) [IR_##name] = cycles,
#include "cpu/timing/transitions.def"
#undef LATENCY_WRITE
#define LATENCY_WRITE(name, cycles, row)
};

static const uint16_t register_cycles_64[IR_OPCODE_COUNT] = {
#undef LATENCY_64
#define LATENCY_64(name, cycles, row) [IR_##name] = cycles,
#include "cpu/timing/latency.def"
#undef LATENCY_64
#define LATENCY_64(name, cycles, row)
};

static const uint8_t access_of[IR_OPCODE_COUNT] = {
#undef LATENCY_ACCESS
#define LATENCY_ACCESS(name, what) [IR_##name] = ACCESS_##what,
#include "cpu/timing/latency.def"
#undef LATENCY_ACCESS
#define LATENCY_ACCESS(name, what)
};

enum {
#undef LATENCY_LOCKED
#define LATENCY_LOCKED(cycles, row) LOCKED_CYCLES = cycles
#include "cpu/timing/latency.def"
};

enum {
#undef PAGE_WALK
#define PAGE_WALK(cycles, source) PAGE_WALK_CYCLES = cycles
#include "cpu/timing/transitions.def"
#undef PAGE_WALK
#define PAGE_WALK(cycles, source)
};

/* The memory operand's place, -1 if the op accesses none (LEA and INVLPG have one of size 0). */
static int memory_operand(const struct ir_op *op) {
  for (int i = 0; i < IR_OPERANDS; i++) {
    if (op->operand[i].kind == IR_MEMORY && op->operand[i].size) return i;
  }
  return -1;
}

/* Stores and read-modify-writes are those whose first operand is the memory; elsewhere memory is a source. */
static enum access access_of_op(const struct ir_op *op, int operand) {
  const enum access access = access_of[op->opcode];
  return operand == 0 || access == ACCESS_INCLUDED ? access : ACCESS_LOAD;
}

/* What can store as well is a move, which does nothing but load. */
static bool is_plain_load(const struct ir_op *op, int operand) {
  return operand > 0 && access_of[op->opcode] == ACCESS_STORE;
}

static unsigned latency(const struct ir_op *op) {
  const int memory = memory_operand(op);
  if (is_plain_load(op, memory)) return memory_cycles[ACCESS_LOAD];
  if ((op->prefixes & IR_LOCK) || (op->opcode == IR_XCHG && memory >= 0)) return LOCKED_CYCLES;
  unsigned cycles = register_cycles[op->opcode];
  if (op->operand[0].kind == IR_CONTROL || op->operand[0].kind == IR_DEBUG) cycles = write_cycles[op->opcode];
  if (op->operand_size == 8 && register_cycles_64[op->opcode]) cycles = register_cycles_64[op->opcode];
  if (!cycles) cycles = 1;
  return memory < 0 ? cycles : cycles + memory_cycles[access_of_op(op, memory)];
}

unsigned timing_of_op(enum timing_model model, const struct ir_op *op) {
  return model == TIMING_FIXED ? 1 : latency(op);
}

/* In `memory` the accesses of the walk are charged one by one. */
unsigned timing_tlb_miss(enum timing_model model) {
  return model == TIMING_LATENCY ? PAGE_WALK_CYCLES : 0;
}

/* --- clocks ------------------------------------------------------------------------------------------------------- */

uint64_t timing_now(const struct vcpu *v) {
  return v->cycles + (v->current && !v->is_accounted ? v->current->cycle : 0);
}

uint64_t timing_tsc(const struct vcpu *v) {
  return timing_now(v) + v->s.tsc_offset;
}
