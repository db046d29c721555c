/* Debug records: what happened on a processor, the last of it, to be dumped. */
#ifndef GUEST_DEBUG_RECORDS_H
#define GUEST_DEBUG_RECORDS_H

#include "kernel/width.h"

enum { DEBUG_RECORDS = 16 };

enum debug_event {
  DEBUG_STAGE,      /* the processor reached stage a */
  DEBUG_TASK_BEGIN, /* of task a */
  DEBUG_TASK_MOVE,  /* task a left for processor b */
  DEBUG_TASK_END,   /* of task a */
  DEBUG_CALL,       /* an IPI; a tasks are waiting */
  DEBUG_EXCEPTION,  /* vector a at address b; the context has the rest */
};

struct debug_record {
  uint64_t time; /* of the TSC */
  uint32_t event;
  word a, b;
};

struct debug_block {
  uint32_t count; /* ever; the last DEBUG_RECORDS are kept */
  struct debug_record record[DEBUG_RECORDS];
  struct interrupt_frame context; /* of the last exception */
};

/* On the processor that calls. */
void debug_record(enum debug_event event, word a, word b);

struct control_block;
void debug_dump(const struct control_block *block);
void debug_dump_all(void);

#endif
