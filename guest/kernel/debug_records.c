/* Debug records, and the dump of all blocks. */
#include "kernel/debug_records.h"

#include "kernel/blocks.h"
#include "kernel/console.h"

static const char *const event_names[] = {
    [DEBUG_STAGE] = "stage",
    [DEBUG_TASK_BEGIN] = "task begins",
    [DEBUG_TASK_MOVE] = "task moves",
    [DEBUG_TASK_END] = "task ends",
    [DEBUG_CALL] = "call",
    [DEBUG_EXCEPTION] = "exception",
};

void debug_record(enum debug_event event, word a, word b) {
  struct debug_block *debug = &this_processor()->debug;
  debug->record[debug->count++ % DEBUG_RECORDS] = (struct debug_record){read_tsc(), event, a, b};
}

static void dump_records(const struct debug_block *debug) {
  const uint32_t first = debug->count > DEBUG_RECORDS ? debug->count - DEBUG_RECORDS : 0;
  for (uint32_t i = first; i < debug->count; i++) {
    const struct debug_record *record = &debug->record[i % DEBUG_RECORDS];
    print("  record %u: time %q, %s, %x, %x\n", i, record->time, event_names[record->event], (uint32_t)record->a,
          (uint32_t)record->b);
  }
}

void debug_dump(const struct control_block *block) {
  print("processor %u: block %x, APIC %x, stage %u, ticks %u, calls %u, tasks ended %u, waiting %u\n", block->index,
        (uint32_t)(word)block, block->apic_id, block->local.stage, block->ticks, block->calls, block->tasks_ended,
        block->local.queue_count);
  dump_records(&block->debug);
}

void debug_dump_all(void) {
  print("system: %s, memory above 1 MiB %u KiB, processors %u, in service %u, command line \"%s\"\n", MODE_NAME,
        system_block.memory_upper, system_block.processors, system_block.started, system_block.command_line.text);
  for (uint32_t i = 0; i < system_block.started; i++) debug_dump(&system_block.control[i]);
}
