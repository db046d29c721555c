/* Tasks: functions with a stack of their own that run on a chosen processor and can move to another. */
#ifndef GUEST_TASKS_H
#define GUEST_TASKS_H

#include "kernel/types.h"

enum { TASK_STACK_SIZE = 8192 };

struct task {
  void (*function)(void *argument);
  void *argument;
  word stack_pointer; /* while it does not run */
  uint32_t next;      /* the processor that it moves to */
  volatile uint32_t ended;
  bool moves;
  uint8_t stack[TASK_STACK_SIZE] __attribute__((aligned(16)));
};

/* Puts the task into the queue of a processor and calls that by an IPI. */
void task_dispatch(struct task *task, void (*function)(void *), void *argument, uint32_t processor);

/* The calling task goes on on another processor; the one that it leaves is free for other tasks. */
void task_move(uint32_t processor);

/* The calling task lets others run until `task` has ended. */
void task_wait(const struct task *task);

/* What a processor in service does: runs the tasks of its queue, and halts while there is none. */
_Noreturn void processor_loop(void);

#endif
