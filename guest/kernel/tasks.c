/* Tasks. Each processor has a loop on a stack of its own; it changes to the stack of a task, and comes back when the
 * task ends or moves. Only then is the task, or its end, made known to others: nobody runs on its stack any more.
 */
#include "kernel/tasks.h"

#include "kernel/blocks.h"
#include "kernel/interrupts.h"
#include "kernel/local_apic.h"
#include "kernel/memory.h"

enum { PRESERVED_REGISTERS = sizeof(word) == 8 ? 6 : 4 }; /* what switch_stack() pushes */

void switch_stack(word *saved, word next);

/* --- queues --- */

static void append(struct local_block *local, struct task *task) {
  lock_take(&local->lock);
  local->queue[(local->queue_first + local->queue_count++) % QUEUE_SIZE] = task;
  lock_release(&local->lock);
}

static struct task *take_first(struct local_block *local) {
  struct task *task = NULL;
  lock_take(&local->lock);
  if (local->queue_count) {
    task = local->queue[local->queue_first];
    local->queue_first = (local->queue_first + 1) % QUEUE_SIZE;
    local->queue_count--;
  }
  lock_release(&local->lock);
  return task;
}

/* With interrupts off. A processor needs no IPI for its own queue: its loop looks into it before it halts. */
static void post(struct task *task, uint32_t processor) {
  struct control_block *target = &system_block.control[processor];
  append(&target->local, task);
  if (target != this_processor()) local_apic_send(target->apic_id, VECTOR_CALL);
}

/* --- a task's own side --- */

static void leave(struct task *task) {
  switch_stack(&task->stack_pointer, this_processor()->idle_stack);
}

/* The first thing on a new stack. */
static void task_begin(void) {
  struct task *task = this_processor()->current;
  debug_record(DEBUG_TASK_BEGIN, (word)task, 0);
  interrupts_on();
  task->function(task->argument);
  interrupts_off();
  task->moves = false;
  leave(task);
}

/* As switch_stack() leaves a stack: preserved registers, and above them where to return to. A function expects the
 * stack as after a call: one word below a multiple of 16. */
static void lay_out_stack(struct task *task) {
  word *top = (word *)(void *)(task->stack + TASK_STACK_SIZE) - 2;
  *top = (word)task_begin;
  memset(top - PRESERVED_REGISTERS, 0, PRESERVED_REGISTERS * sizeof(word));
  task->stack_pointer = (word)(top - PRESERVED_REGISTERS);
}

void task_dispatch(struct task *task, void (*function)(void *), void *argument, uint32_t processor) {
  task->function = function;
  task->argument = argument;
  task->ended = 0;
  lay_out_stack(task);
  const bool were_on = interrupts_disable();
  post(task, processor);
  if (were_on) interrupts_on();
}

void task_move(uint32_t processor) {
  interrupts_off();
  struct task *task = this_processor()->current;
  task->moves = true;
  task->next = processor;
  leave(task);
  interrupts_on(); /* of the other processor */
}

void task_wait(const struct task *task) {
  while (!task->ended) {
    pause();
    task_move(this_processor()->index);
  }
}

/* --- the processor's side --- */

static void run(struct control_block *block, struct task *task) {
  block->current = task;
  switch_stack(&block->idle_stack, task->stack_pointer);
  block->current = NULL;
  if (task->moves) {
    if (task->next != block->index) debug_record(DEBUG_TASK_MOVE, (word)task, task->next);
    post(task, task->next);
  } else {
    debug_record(DEBUG_TASK_END, (word)task, 0);
    block->tasks_ended++;
    task->ended = 1;
  }
}

void processor_loop(void) {
  struct control_block *block = this_processor();
  for (;;) {
    interrupts_off();
    struct task *task = take_first(&block->local);
    if (task) {
      run(block, task);
    } else {
      interrupts_on_and_halt();
    }
  }
}
