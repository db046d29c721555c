/* The local APIC, in xAPIC mode: registers in memory. SDM 3A, "Advanced Programmable Interrupt Controller (APIC)". */
#include "kernel/local_apic.h"

#include "kernel/cpu.h"
#include "kernel/interrupts.h"

#define LOCAL_APIC 0xfee00000
#define IA32_APIC_BASE 0x1b
enum { APIC_BASE_ENABLE = 1 << 11, APIC_BASE_X2APIC = 1 << 10 };
enum { ID = 0x20, END_OF_INTERRUPT = 0xb0, SPURIOUS = 0xf0, COMMAND = 0x300, COMMAND_DESTINATION = 0x310 };
enum { TIMER = 0x320, INITIAL_COUNT = 0x380, DIVIDE = 0x3e0 };
enum { SPURIOUS_ENABLE = 0x100, TIMER_PERIODIC = 1 << 17, TIMER_MASKED = 1 << 16, DIVIDE_BY_1 = 0xb };
enum { COMMAND_INIT = 0x500, COMMAND_START_UP = 0x600, COMMAND_PENDING = 1 << 12, COMMAND_ASSERT = 1 << 14 };
enum { COMMAND_OTHERS = 3 << 18 };

static volatile uint32_t *reg(unsigned offset) {
  return at_address(LOCAL_APIC + offset);
}

void local_apic_enable(void) {
  write_msr(IA32_APIC_BASE, (read_msr(IA32_APIC_BASE) & ~(uint64_t)APIC_BASE_X2APIC) | APIC_BASE_ENABLE);
  *reg(SPURIOUS) = SPURIOUS_ENABLE | VECTOR_SPURIOUS;
}

uint32_t local_apic_id(void) {
  return *reg(ID) >> 24;
}

void local_apic_end_of_interrupt(void) {
  *reg(END_OF_INTERRUPT) = 0;
}

static void command(uint32_t apic_id, uint32_t value) {
  *reg(COMMAND_DESTINATION) = apic_id << 24;
  *reg(COMMAND) = value;
  while (*reg(COMMAND) & COMMAND_PENDING) pause();
}

void local_apic_send(uint32_t apic_id, uint8_t vector) {
  command(apic_id, COMMAND_ASSERT | vector);
}

void local_apic_send_init_to_others(void) {
  command(0, COMMAND_OTHERS | COMMAND_ASSERT | COMMAND_INIT);
}

void local_apic_send_start_up(uint32_t apic_id, uint8_t vector) {
  command(apic_id, COMMAND_ASSERT | COMMAND_START_UP | vector);
}

void local_apic_timer(uint32_t period) {
  *reg(DIVIDE) = DIVIDE_BY_1;
  *reg(TIMER) = VECTOR_TIMER | (period ? TIMER_PERIODIC : TIMER_MASKED);
  *reg(INITIAL_COUNT) = period;
}
