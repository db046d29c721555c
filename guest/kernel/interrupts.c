/* What the kernel does about interrupts and exceptions. */
#include "kernel/interrupts.h"

#include "kernel/blocks.h"
#include "kernel/console.h"
#include "kernel/local_apic.h"

void interrupt_dispatch(struct interrupt_frame *frame);

/* No exception is expected: it is recorded, dumped, and ends the machine. */
static void exception(const struct interrupt_frame *frame) {
  struct control_block *block = this_processor();
  block->debug.context = *frame;
  debug_record(DEBUG_EXCEPTION, frame->vector, frame->ip);
  print("exception %u, error code %x at %x:%q, flags %x, CR2 %q\n", (uint32_t)frame->vector,
        (uint32_t)frame->error_code, (uint32_t)frame->cs, (uint64_t)frame->ip, (uint32_t)frame->flags,
        (uint64_t)read_cr2());
  print("AX %q BX %q CX %q DX %q\nSI %q DI %q BP %q\n", (uint64_t)frame->ax, (uint64_t)frame->bx, (uint64_t)frame->cx,
        (uint64_t)frame->dx, (uint64_t)frame->si, (uint64_t)frame->di, (uint64_t)frame->bp);
  debug_dump(block);
  exit_machine(EXIT_EXCEPTION);
}

void interrupt_dispatch(struct interrupt_frame *frame) {
  struct control_block *block = this_processor();
  if (frame->vector < VECTOR_EXCEPTIONS_END) exception(frame);
  if (frame->vector == VECTOR_SPURIOUS) return; /* has no EOI */
  if (frame->vector == VECTOR_TIMER) block->ticks++;
  if (frame->vector == VECTOR_CALL) {
    block->calls++; /* the interrupt itself ends HLT: the processor's loop looks into its queue */
    debug_record(DEBUG_CALL, block->local.queue_count, 0);
  }
  local_apic_end_of_interrupt();
}
