/* The kernel's data: a control block for each processor, in it a local block that other processors write to, and one
 * system block that all share.
 */
#ifndef GUEST_BLOCKS_H
#define GUEST_BLOCKS_H

#include "kernel/command_line.h"
#include "kernel/debug_records.h"
#include "kernel/lock.h"
#include "kernel/width.h"

enum { PROCESSORS_MAX = 16, QUEUE_SIZE = 16, IDLE_STACK_SIZE = 4096 };

/* How far a processor has come: processors.c. */
enum stage { STAGE_NONE, STAGE_KERNEL_MODE, STAGE_OWN_STRUCTURES, STAGE_SERVICE };

struct task;

/* The local shared block: what others may touch. */
struct local_block {
  volatile uint32_t stage;
  struct lock lock; /* of the queue */
  struct task *queue[QUEUE_SIZE];
  uint32_t queue_first, queue_count;
};

enum { GDT_NULL, GDT_CODE, GDT_DATA, GDT_OWN, GDT_TASK_STATE, GDT_ENTRIES = GDT_TASK_STATE + 2 };

/* The processor control block: GS points to it. Only its processor writes to it, but for the local block. */
struct control_block {
  struct control_block *self; /* first: what GS:0 reads */
  uint32_t index, apic_id;
  struct task *current;
  word idle_stack; /* where the processor's own loop was left when `current` began */
  volatile uint32_t ticks, calls, tasks_ended;
  uint64_t gdt[GDT_ENTRIES];
  struct task_state task_state;
  struct local_block local;
  struct debug_block debug;
};

/* The system-wide shared block. */
struct system_block {
  struct command_line command_line;
  uint32_t memory_upper; /* KiB from 1 MiB on */
  uint32_t processors;   /* that are there */
  uint32_t started;      /* that are in service: 1 before processors_start() */
  uint8_t apic_ids[PROCESSORS_MAX];
  volatile uint32_t gate; /* the stage that processors may go to */
  struct control_block control[PROCESSORS_MAX];
};

extern struct system_block system_block;

/* The block of the processor that asks. A task must ask again after it has moved. */
static inline struct control_block *this_processor(void) {
  struct control_block *block;
  __asm__ volatile("mov %%gs:0, %0" : "=r"(block));
  return block;
}

#endif
