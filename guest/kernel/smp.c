/* The command `smp`: a task on every processor, and a task that goes around. */
#include "kernel/blocks.h"
#include "kernel/console.h"
#include "kernel/demonstrations.h"
#include "kernel/processors.h"
#include "kernel/tasks.h"

static struct task tasks[PROCESSORS_MAX];

struct answer {
  uint32_t processor, apic_id;
};

static void say_where(void *argument) {
  const struct control_block *block = this_processor();
  *(struct answer *)argument = (struct answer){block->index, block->apic_id};
}

/* All at once; then the answers in order. */
static bool task_on_each(void) {
  struct answer answers[PROCESSORS_MAX];
  bool good = true;
  for (uint32_t i = 0; i < system_block.started; i++) task_dispatch(&tasks[i], say_where, &answers[i], i);
  for (uint32_t i = 0; i < system_block.started; i++) {
    task_wait(&tasks[i]);
    print("task for processor %u: ran on %u, APIC %u\n", i, answers[i].processor, answers[i].apic_id);
    good &= answers[i].processor == i;
  }
  return good;
}

static bool go_around(void) {
  const uint32_t home = this_processor()->index;
  bool good = true;
  print("on the way:");
  for (uint32_t step = 1; step <= system_block.started; step++) {
    const uint32_t next = (home + step) % system_block.started;
    task_move(next);
    good &= this_processor()->index == next;
    print(" %u", this_processor()->index);
  }
  print("\n");
  return good;
}

bool smp(void) {
  processors_start();
  print("%s, %u processors\n", MODE_NAME, system_block.started);
  const bool on_each = task_on_each();
  return go_around() && on_each;
}
