/* The command `shared[=ROUNDS]`: all processors work on the same memory, under a lock and with locked instructions,
 * while the local APICs' timers interrupt them. The sums are the same however the processors meet; the order in which
 * they took the lock, and when ticks came, differ from machine to machine, and are the same where a machine is
 * deterministic.
 */
#include "kernel/blocks.h"
#include "kernel/console.h"
#include "kernel/demonstrations.h"
#include "kernel/local_apic.h"
#include "kernel/processors.h"
#include "kernel/tasks.h"

enum { SLOTS = 1 << 14, TICK = 20000 };

static struct task tasks[PROCESSORS_MAX];

static struct {
  struct lock lock;
  uint32_t rounds;
  uint32_t under_lock;         /* counted with plain instructions, under the lock */
  volatile uint32_t with_lock; /* counted with locked ones */
  volatile uint32_t ticks;
  uint64_t order; /* of who took the lock, and after how many ticks */
  volatile uint32_t slot[SLOTS];
} state;

static uint64_t mix(uint64_t hash, uint64_t value) {
  return (hash ^ value) * UINT64_C(0x100000001b3);
}

static void take_turn(const struct control_block *block) {
  const bool were_on = interrupts_disable();
  lock_take(&state.lock);
  state.under_lock++;
  state.order = mix(mix(state.order, block->index), block->ticks);
  lock_release(&state.lock);
  if (were_on) interrupts_on();
}

/* Each round: places of the shared memory by a generator, and every 16 rounds the lock. */
static void work(void *argument) {
  struct control_block *block = this_processor();
  uint32_t x = (uint32_t)(word)argument;
  const uint32_t ticks_before = block->ticks;
  local_apic_timer(TICK);
  for (uint32_t round = 0; round < state.rounds; round++) {
    x = x * 1664525 + 1013904223;
    fetch_add(&state.slot[x >> 18], 1);
    fetch_add(&state.with_lock, 1);
    if (round % 16 == 0) take_turn(block);
  }
  local_apic_timer(0);
  fetch_add(&state.ticks, block->ticks - ticks_before);
}

static uint64_t hash_of_slots(uint32_t *total) {
  uint64_t hash = 0;
  *total = 0;
  for (uint32_t i = 0; i < SLOTS; i++) {
    hash = mix(hash, state.slot[i]);
    *total += state.slot[i];
  }
  return hash;
}

bool shared(uint32_t rounds) {
  uint32_t total;
  processors_start();
  state.rounds = rounds;
  state.order = rounds;
  for (uint32_t i = 0; i < system_block.started; i++) task_dispatch(&tasks[i], work, (void *)(word)(i + 1), i);
  for (uint32_t i = 0; i < system_block.started; i++) task_wait(&tasks[i]);
  const uint64_t sum = hash_of_slots(&total);
  const uint32_t expected = rounds * system_block.started, turns = (rounds + 15) / 16 * system_block.started;
  print("shared: %u processors, rounds %u, sum %q\n", system_block.started, rounds, sum);
  print("shared: order %q, ticks %u, time %q\n", state.order, state.ticks, read_tsc());
  return total == expected && state.with_lock == expected && state.under_lock == turns;
}
