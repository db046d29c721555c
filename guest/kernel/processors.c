/* The processors. The first starts the others in stages (enum stage):
 *
 *   1  INIT to all of them; then, one by one, a start-up IPI: the processor goes from real mode to the kernel's mode,
 *      onto a stack of its own, and waits at the gate;
 *   2  the gate opens: all of them set up their own structures at the same time;
 *   3  the gate opens again: interrupts on, they serve tasks.
 */
#include "kernel/processors.h"

#include "kernel/acpi.h"
#include "kernel/descriptors.h"
#include "kernel/local_apic.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/tasks.h"
#include "kernel/timer.h"

enum { PIC_1_MASK = 0x21, PIC_2_MASK = 0xa1, INIT_WAIT_US = 10000, START_UP_WAIT_US = 200 };

struct system_block system_block;

/* For boot/ap_start.S: of the processor that is being started. */
extern const uint8_t ap_start_begin[], ap_start_end[];
uint32_t ap_stack_end, ap_control_block;
static uint8_t idle_stacks[PROCESSORS_MAX][IDLE_STACK_SIZE] __attribute__((aligned(16)));

_Noreturn void processor_start(uint32_t control_block);

/* A BIOS may leave caching off, and INIT does not turn it on. */
static void set_up_control_registers(void) {
  write_cr0((read_cr0() & ~(word)(CR0_EM | CR0_CD | CR0_NW)) | CR0_MP);
  write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
}

/* What every processor does for itself: segments, IDT, caches, SSE, local APIC. */
static void processor_init(uint32_t index) {
  struct control_block *block = &system_block.control[index];
  block->self = block;
  block->index = index;
  descriptors_load(block);
  set_up_control_registers();
  local_apic_enable();
  block->apic_id = local_apic_id();
}

static void reach(struct control_block *block, enum stage stage) {
  debug_record(DEBUG_STAGE, stage, 0);
  block->local.stage = stage;
}

static void wait_at_gate(enum stage stage) {
  while (system_block.gate < (uint32_t)stage) pause();
}

/* A started processor comes here from boot/enter_32.S or boot/enter_64.S. */
void processor_start(uint32_t control_block) {
  struct control_block *block = at_address(control_block);
  block->local.stage = STAGE_KERNEL_MODE;
  wait_at_gate(STAGE_OWN_STRUCTURES);
  processor_init(block->index);
  reach(block, STAGE_OWN_STRUCTURES);
  wait_at_gate(STAGE_SERVICE);
  reach(block, STAGE_SERVICE);
  processor_loop();
}

/* The first processor is number 0, whatever its place in the table. */
static void find_processors(void) {
  uint8_t ids[PROCESSORS_MAX];
  const unsigned found = acpi_find_processors(ids, PROCESSORS_MAX);
  const uint8_t own = (uint8_t)this_processor()->apic_id;
  system_block.apic_ids[0] = own;
  system_block.processors = 1;
  for (unsigned i = 0; i < found; i++) {
    if (ids[i] != own) system_block.apic_ids[system_block.processors++] = ids[i];
  }
}

static void wait_for(uint32_t index, enum stage stage) {
  while (system_block.control[index].local.stage < (uint32_t)stage) pause();
}

/* The second start-up IPI is for processors that missed the first. SDM 3A, "MP Initialization Example". */
static void start(uint32_t index) {
  struct control_block *block = &system_block.control[index];
  const uint8_t apic_id = system_block.apic_ids[index];
  block->index = index;
  ap_control_block = (uint32_t)(word)block;
  ap_stack_end = (uint32_t)(word)idle_stacks[index] + IDLE_STACK_SIZE;
  local_apic_send_start_up(apic_id, AP_START_ADDRESS >> 12);
  delay_us(START_UP_WAIT_US);
  if (block->local.stage == STAGE_NONE) local_apic_send_start_up(apic_id, AP_START_ADDRESS >> 12);
  wait_for(index, STAGE_KERNEL_MODE);
}

static void open_gate(enum stage stage) {
  system_block.gate = stage;
  for (uint32_t i = 1; i < system_block.processors; i++) wait_for(i, stage);
}

void processors_init(void) {
  out_8(PIC_1_MASK, 0xff);
  out_8(PIC_2_MASK, 0xff);
  processor_init(0);
  find_processors();
  reach(&system_block.control[0], STAGE_SERVICE);
  system_block.started = 1;
}

void processors_start(void) {
  if (system_block.started == system_block.processors) return;
  memcpy(at_address(AP_START_ADDRESS), ap_start_begin, (size_t)(ap_start_end - ap_start_begin));
  local_apic_send_init_to_others();
  delay_us(INIT_WAIT_US);
  for (uint32_t i = 1; i < system_block.processors; i++) start(i);
  open_gate(STAGE_OWN_STRUCTURES);
  open_gate(STAGE_SERVICE);
  system_block.started = system_block.processors;
}
