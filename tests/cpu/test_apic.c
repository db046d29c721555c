/* The local APIC on its own: with cpu/apic, cpu/timing, the interrupt bus, and fakes for events.
 *
 *   gcc -I. -Iinclude tests/cpu/test_apic.c cpu/apic/?*.c cpu/timing/timing.c libvmxsim/platform/interrupt_bus.c
 * -lcmocka
 */
#include "tests/cmocka_main.h"

#include <string.h>

#include "cpu/apic/apic.h"
#include "cpu/events/events.h"
#include "libvmxsim/machine/machine_internal.h"

enum {
  VCPUS = 3,
  ID = 0x20,
  VERSION = 0x30,
  TPR = 0x80,
  PPR = 0xa0,
  EOI = 0xb0,
  LDR = 0xd0,
  DFR = 0xe0,
  SVR = 0xf0,
  ISR = 0x100,
  TMR = 0x180,
  IRR = 0x200,
  ESR = 0x280,
  ICR = 0x300,
  ICR2 = 0x310,
  LVTT = 0x320,
  LVT0 = 0x350,
  LVT1 = 0x360,
  LVTERR = 0x370,
  TMICT = 0x380,
  TMCCT = 0x390,
  TDCR = 0x3e0,
  MSR_BASE = 0x1b,
  MSR_DEADLINE = 0x6e0,
  ENABLE = 1 << 11,
  EXTD = 1 << 10
};

/* --- fakes --- */

static unsigned nmis[VCPUS], inits[VCPUS], smis[VCPUS];
static int sipi[VCPUS];

void events_signal_nmi(struct vcpu *v) {
  nmis[v->index]++;
}
void events_signal_smi(struct vcpu *v) {
  smis[v->index]++;
}
void events_signal_init(struct vcpu *v) {
  inits[v->index]++;
}
void events_signal_sipi(struct vcpu *v, uint8_t vector) {
  sipi[v->index] = vector;
}
bool vmxsim_has_feature(const struct vmxsim_capabilities *capabilities, enum vmxsim_feature feature) {
  return capabilities->features >> feature & 1;
}

/* --- three vCPUs, software-enabled, xAPIC mode --- */

static struct machine machine;
static struct vmxsim_vcpu vcpus[VCPUS];
static int eoi_vector;

static void note_eoi(void *context, uint8_t vector) {
  (void)context;
  eoi_vector = vector;
}

static uint32_t get(unsigned cpu, unsigned offset) {
  return (uint32_t)apic_mmio_read(vcpus[cpu].cpu.apic, offset, 4);
}
static void set(unsigned cpu, unsigned offset, uint32_t value) {
  apic_mmio_write(vcpus[cpu].cpu.apic, offset, 4, value);
}
static bool wrmsr(unsigned cpu, uint32_t msr, uint64_t value) {
  return apic_msr_write(vcpus[cpu].cpu.apic, msr, value);
}
static uint64_t rdmsr(unsigned cpu, uint32_t msr) {
  uint64_t value = 0;
  assert_true(apic_msr_read(vcpus[cpu].cpu.apic, msr, &value));
  return value;
}

static int set_up(void **state) {
  (void)state;
  memset(&machine, 0, sizeof machine);
  memset(vcpus, 0, sizeof vcpus);
  memset(nmis, 0, sizeof nmis);
  memset(inits, 0, sizeof inits);
  memset(smis, 0, sizeof smis);
  memset(sipi, 0xff, sizeof sipi);
  eoi_vector = -1;
  machine.processor.phys_bits = 39;
  machine.processor.features = UINT64_C(1) << VMXSIM_FEATURE_x2apic | UINT64_C(1) << VMXSIM_FEATURE_tsc_deadline;
  machine.vcpus = VCPUS;
  for (unsigned i = 0; i < VCPUS; i++) {
    struct vcpu *v = &vcpus[i].cpu;
    v->index = i;
    v->machine = &machine;
    v->capabilities = &machine.processor;
    v->apic = apic_create(v, i);
    apic_on_eoi(v->apic, note_eoi, NULL);
    machine.vcpu[i] = &vcpus[i];
    set(i, SVR, 0x1ff);
  }
  return 0;
}
static int tear_down(void **state) {
  (void)state;
  for (unsigned i = 0; i < VCPUS; i++) apic_destroy(vcpus[i].cpu.apic);
  return 0;
}

static void send(unsigned cpu, uint32_t icr, uint32_t destination) {
  machine.running = cpu;
  set(cpu, ICR2, destination << 24);
  set(cpu, ICR, icr);
}

/* --- tests --- */

static void reset_state(void **state) {
  (void)state;
  assert_int_equal(rdmsr(0, MSR_BASE), 0xfee00900);
  assert_int_equal(rdmsr(1, MSR_BASE), 0xfee00800);
  assert_int_equal(get(1, ID), 1 << 24);
  assert_int_equal(get(0, VERSION) & 0xff00ff, 0x50014);
  assert_int_equal(get(0, LVTT), 0x10000);
  assert_int_equal(get(0, DFR), 0xffffffff);
}

static void priorities(void **state) {
  (void)state;
  struct apic *apic = vcpus[0].cpu.apic;
  send(0, 0x4051, 0);
  assert_int_equal(apic_pending(apic), 0x51);
  assert_true(vcpus[0].cpu.attention & ATTENTION_BOUNDARY);
  send(0, 0x4071, 0);
  assert_int_equal(apic_acknowledge(apic), 0x71);
  assert_int_equal(get(0, PPR), 0x70);
  assert_int_equal(apic_pending(apic), -1);
  assert_int_equal(get(0, ISR + 0x30), 1u << 17);
  assert_int_equal(get(0, IRR + 0x20), 1u << 17);
  set(0, EOI, 0);
  assert_int_equal(apic_pending(apic), 0x51);
  apic_set_tpr(apic, 5);
  assert_int_equal(apic_pending(apic), -1);
  assert_int_equal(apic_acknowledge(apic), 0xff); /* spurious */
  assert_int_equal(get(0, TPR), 0x50);
  set(0, TPR, 0x4f);
  assert_int_equal(apic_tpr(apic), 4);
  assert_int_equal(apic_pending(apic), 0x51);
  assert_int_equal(eoi_vector, -1);
}

static void level_triggered(void **state) {
  (void)state;
  struct apic *apic = vcpus[0].cpu.apic;
  const struct apic_message message = {.destination = 0, .vector = 0x90, .trigger_level = 1};
  apic_bus_send(&machine, &message);
  assert_int_equal(get(0, TMR + 0x40), 1u << 16);
  assert_int_equal(apic_acknowledge(apic), 0x90);
  set(0, EOI, 0);
  assert_int_equal(eoi_vector, 0x90);
  send(0, 0x4090, 0);
  assert_int_equal(get(0, TMR + 0x40), 0);
}

static void destinations(void **state) {
  (void)state;
  send(0, 0x4060, 2);
  assert_int_equal(apic_pending(vcpus[2].cpu.apic), 0x60);
  assert_int_equal(apic_pending(vcpus[1].cpu.apic), -1);
  send(0, 0x4061, 0xff); /* physical broadcast */
  for (unsigned i = 0; i < VCPUS; i++) assert_int_equal(apic_pending(vcpus[i].cpu.apic), 0x61);
  for (unsigned i = 0; i < VCPUS; i++) set(i, LDR, 1u << (24 + i));
  send(0, 0x4872, 6); /* logical, flat */
  assert_int_equal(apic_pending(vcpus[0].cpu.apic), 0x61);
  assert_int_equal(apic_pending(vcpus[1].cpu.apic), 0x72);
  assert_int_equal(apic_pending(vcpus[2].cpu.apic), 0x72);
  for (unsigned i = 0; i < VCPUS; i++) set(i, DFR, 0x0fffffff);
  set(1, LDR, 0x31000000);
  set(2, LDR, 0x32000000);
  send(0, 0x4883, 0x32); /* logical, cluster 3 */
  assert_int_equal(apic_pending(vcpus[1].cpu.apic), 0x72);
  assert_int_equal(apic_pending(vcpus[2].cpu.apic), 0x83);
  send(0, 0xc4091, 0); /* all but self */
  assert_int_equal(apic_pending(vcpus[0].cpu.apic), 0x61);
  assert_int_equal(apic_pending(vcpus[1].cpu.apic), 0x91);
}

static void lowest_priority(void **state) {
  (void)state;
  set(0, TPR, 0x40);
  set(1, TPR, 0x20);
  set(2, TPR, 0x30);
  send(0, 0x4150, 0xff);
  assert_int_equal(apic_pending(vcpus[0].cpu.apic), -1);
  assert_int_equal(apic_pending(vcpus[1].cpu.apic), 0x50);
  assert_int_equal(apic_pending(vcpus[2].cpu.apic), -1);
}

static void other_deliveries(void **state) {
  (void)state;
  send(0, 0xc4500, 0);
  assert_int_equal(inits[0], 0);
  assert_int_equal(inits[1] + inits[2], 2);
  send(0, 0x8500, 1); /* de-assert does nothing */
  assert_int_equal(inits[1], 1);
  send(0, 0xc0600, 0);
  assert_int_equal(sipi[1], 0);
  assert_int_equal(sipi[0], -1);
  send(1, 0x400, 0);
  assert_int_equal(nmis[0], 1);
  send(1, 0x4200, 2);
  assert_int_equal(smis[2], 1);
}

static void stamps(void **state) {
  (void)state;
  struct apic *apic = vcpus[1].cpu.apic;
  vcpus[0].cpu.cycles = 500;
  vcpus[1].cpu.cycles = 100;
  send(0, 0x4060, 1);
  vcpus[0].cpu.cycles = 600;
  send(0, 0x400, 1);
  assert_int_equal(apic_pending(apic), -1);
  assert_int_equal(apic_next_event(apic), 500);
  vcpus[1].cpu.cycles = 500;
  apic_timer_expired(apic);
  assert_int_equal(apic_pending(apic), 0x60);
  assert_int_equal(nmis[1], 0);
  assert_int_equal(apic_next_event(apic), 600);
  vcpus[1].cpu.cycles = 700;
  apic_timer_expired(apic);
  assert_int_equal(nmis[1], 1);
}

static void errors(void **state) {
  (void)state;
  set(0, LVTERR, 0xe0);
  send(0, 0x4005, 1);
  assert_int_equal(apic_pending(vcpus[0].cpu.apic), 0xe0);
  assert_int_equal(get(0, ESR), 0);
  set(0, ESR, 0);
  assert_int_equal(get(0, ESR), 1 << 5);
  set(0, ESR, 0);
  assert_int_equal(get(0, ESR), 0);
  get(0, 0x3f0);
  set(0, ESR, 0);
  assert_int_equal(get(0, ESR), 1 << 7);
}

static void software_disabled(void **state) {
  (void)state;
  set(0, LVTT, 0x40);
  set(0, SVR, 0xff);
  assert_int_equal(get(0, LVTT), 0x10040);
  set(0, LVTT, 0x41);
  assert_int_equal(get(0, LVTT), 0x10041);
  send(1, 0x4060, 0);
  assert_int_equal(apic_pending(vcpus[0].cpu.apic), -1);
  send(1, 0x400, 0);
  assert_int_equal(nmis[0], 1);
}

static void timer_one_shot(void **state) {
  (void)state;
  struct vcpu *v = &vcpus[0].cpu;
  set(0, TDCR, 0); /* by 2 */
  set(0, LVTT, 0x40);
  v->cycles = 1000;
  set(0, TMICT, 100);
  assert_int_equal(apic_next_event(v->apic), 1200);
  v->cycles = 1101;
  assert_int_equal(get(0, TMCCT), 50);
  set(0, TDCR, 0xb); /* by 1: the count goes on */
  assert_int_equal(apic_next_event(v->apic), 1151);
  set(0, LVTT, 0x20040);
  assert_int_equal(apic_next_event(v->apic), 1151);
  v->cycles = 1155;
  apic_timer_expired(v->apic);
  assert_int_equal(apic_acknowledge(v->apic), 0x40);
  assert_int_equal(apic_next_event(v->apic), 1251);
  set(0, LVTT, 0x10040);
  v->cycles = 1251;
  apic_timer_expired(v->apic);
  set(0, EOI, 0);
  assert_int_equal(apic_pending(v->apic), -1);
  assert_int_equal(get(0, TMCCT), 0);
  set(0, LVTT, 0x20040);
  assert_int_equal(get(0, TMCCT), 0);
  assert_int_equal(apic_next_event(v->apic), UINT64_MAX);
}

static void timer_within_a_block(void **state) {
  (void)state;
  const struct ir_op op = {.cycle = 17};
  struct vcpu *v = &vcpus[0].cpu;
  set(0, TDCR, 0xb);
  v->cycles = 1000;
  v->current = &op;
  set(0, TMICT, 100);
  assert_int_equal(apic_next_event(v->apic), 1117);
}

static void timer_deadline(void **state) {
  (void)state;
  struct vcpu *v = &vcpus[0].cpu;
  v->s.tsc_offset = (uint64_t)-1000;
  v->cycles = 3000;
  assert_true(wrmsr(0, MSR_DEADLINE, 5000));
  assert_int_equal(rdmsr(0, MSR_DEADLINE), 0); /* not in this mode */
  set(0, LVTT, 0x40040);
  assert_true(wrmsr(0, MSR_DEADLINE, 5000));
  assert_int_equal(apic_next_event(v->apic), 6000);
  set(0, TMICT, 7);
  assert_int_equal(get(0, TMICT), 0);
  v->cycles = 6000;
  apic_timer_expired(v->apic);
  assert_int_equal(rdmsr(0, MSR_DEADLINE), 0);
  assert_int_equal(apic_acknowledge(v->apic), 0x40);
  assert_true(wrmsr(0, MSR_DEADLINE, 1)); /* past: at once */
  assert_int_equal(apic_next_event(v->apic), 6000);
  set(0, LVTT, 0x40);
  assert_int_equal(rdmsr(0, MSR_DEADLINE), 0);
  assert_int_equal(apic_next_event(v->apic), UINT64_MAX);
}

/* SDM 3A, "APIC Timer": bit 18 of the timer's entry and IA32_TSC_DEADLINE come with CPUID.01H:ECX.TSC_Deadline. */
static void timer_without_deadline(void **state) {
  (void)state;
  uint64_t value;
  machine.processor.features &= ~(UINT64_C(1) << VMXSIM_FEATURE_tsc_deadline);
  assert_false(apic_msr_read(vcpus[0].cpu.apic, MSR_DEADLINE, &value));
  assert_false(wrmsr(0, MSR_DEADLINE, 5000));
  set(0, LVTT, 0x60040);
  assert_int_equal(get(0, LVTT), 0x20040);
  assert_true(wrmsr(0, MSR_BASE, rdmsr(0, MSR_BASE) | EXTD));
  assert_false(wrmsr(0, 0x832, 0x40040));
  assert_true(wrmsr(0, 0x832, 0x20040));
}

static void modes(void **state) {
  (void)state;
  const uint64_t base = rdmsr(0, MSR_BASE) & ~(uint64_t)(ENABLE | EXTD);
  assert_false(wrmsr(0, MSR_BASE, base | EXTD));
  assert_false(wrmsr(0, MSR_BASE, base | ENABLE | 1));
  assert_false(wrmsr(0, MSR_BASE, base | ENABLE | UINT64_C(1) << 39));
  assert_true(wrmsr(0, MSR_BASE, base | ENABLE | EXTD));
  assert_false(wrmsr(0, MSR_BASE, base | ENABLE));
  assert_int_equal(get(0, VERSION), UINT32_MAX);
  assert_int_equal(rdmsr(0, 0x803) & 0xff, 0x14);
  assert_true(wrmsr(0, MSR_BASE, base));
  assert_false(wrmsr(0, MSR_BASE, base | ENABLE | EXTD));
  uint64_t value;
  assert_false(apic_msr_read(vcpus[0].cpu.apic, 0x803, &value));
  assert_int_equal(get(0, VERSION), UINT32_MAX);
  set(0, TPR, 0xff);
  assert_int_equal(apic_tpr(vcpus[0].cpu.apic), 0);
  apic_set_tpr(vcpus[0].cpu.apic, 15);
  assert_int_equal(apic_tpr(vcpus[0].cpu.apic), 15);
  assert_true(apic_accepts_virtual_wire(vcpus[0].cpu.apic));
  assert_true(wrmsr(0, MSR_BASE, base | ENABLE));
  assert_int_equal(get(0, SVR), 0xff);
  assert_int_equal(get(0, TPR), 0xf0);
  machine.processor.features = 0;
  assert_false(wrmsr(0, MSR_BASE, base | ENABLE | EXTD));
}

static void x2apic_rules(void **state) {
  (void)state;
  assert_true(wrmsr(1, MSR_BASE, rdmsr(1, MSR_BASE) | EXTD));
  uint64_t value;
  struct apic *apic = vcpus[1].cpu.apic;
  assert_int_equal(rdmsr(1, 0x802), 1);
  assert_int_equal(rdmsr(1, 0x80d), 2);
  for (uint32_t msr = 0x800; msr < 0x900; msr++) {
    const bool is_icr = msr == 0x830;
    if (!is_icr) assert_false(wrmsr(1, msr, UINT64_MAX));
    if (apic_msr_read(apic, msr, &value) && !is_icr) assert_int_equal(value >> 32, 0);
  }
  assert_false(wrmsr(1, 0x80b, 1));
  assert_true(wrmsr(1, 0x80b, 0));
  assert_false(apic_msr_read(apic, 0x80b, &value));
  assert_false(wrmsr(1, 0x828, 1));
  assert_false(apic_msr_read(apic, 0x80e, &value));
  assert_false(apic_msr_read(apic, 0x831, &value));
  assert_false(wrmsr(1, 0x83f, 0x100));
  assert_true(wrmsr(1, 0x83f, 0x55));
  assert_int_equal(apic_pending(apic), 0x55);
  assert_false(wrmsr(1, 0x830, 1 << 20));
  machine.running = 1;
  assert_true(wrmsr(1, 0x830, 0x4060)); /* physical 0, in xAPIC mode */
  assert_int_equal(apic_pending(vcpus[0].cpu.apic), 0x60);
  assert_true(wrmsr(1, 0x830, UINT64_C(2) << 32 | 0x4861)); /* logical: cluster 0, bit 1 is itself */
  assert_int_equal(apic_pending(apic), 0x61);
  assert_true(wrmsr(1, 0x830, UINT64_C(0xffffffff) << 32 | 0x4070));
  for (unsigned i = 0; i < VCPUS; i++) assert_int_equal(apic_pending(vcpus[i].cpu.apic), 0x70);
}

static void page_accesses(void **state) {
  (void)state;
  struct apic *apic = vcpus[0].cpu.apic;
  set(0, TPR, 0x35);
  assert_int_equal(apic_mmio_read(apic, TPR, 1), 0x35);
  assert_int_equal(apic_mmio_read(apic, VERSION + 2, 1), 5);
  assert_int_equal(apic_mmio_read(apic, TPR, 8), 0x35);
  assert_int_equal(apic_mmio_read(apic, TPR + 4, 4), 0);
  apic_mmio_write(apic, TPR, 1, 0);
  apic_mmio_write(apic, TPR + 1, 4, 0);
  assert_int_equal(get(0, TPR), 0x35);
}

static void local_pins(void **state) {
  (void)state;
  struct apic *apic = vcpus[0].cpu.apic;
  assert_false(apic_accepts_virtual_wire(apic));
  set(0, LVT0, 0x700);
  assert_true(apic_accepts_virtual_wire(apic));
  set(0, LVT1, 0x400);
  apic_set_lint(apic, 1, true);
  apic_set_lint(apic, 1, true);
  assert_int_equal(nmis[0], 1);
  set(0, LVT0, 0x8050); /* fixed, level */
  apic_set_lint(apic, 0, true);
  assert_int_equal(get(0, LVT0), 0xc050);
  assert_int_equal(apic_acknowledge(apic), 0x50);
  set(0, EOI, 0);
  assert_int_equal(apic_pending(apic), 0x50); /* still high */
}

static void init_reset(void **state) {
  (void)state;
  set(1, ID, 9u << 24);
  set(1, TPR, 0x80);
  const uint64_t base = rdmsr(1, MSR_BASE);
  apic_reset(vcpus[1].cpu.apic, true);
  assert_int_equal(get(1, ID), 9u << 24);
  assert_int_equal(get(1, TPR), 0);
  assert_int_equal(rdmsr(1, MSR_BASE), base);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(reset_state),
      TEST(priorities),
      TEST(level_triggered),
      TEST(destinations),
      TEST(lowest_priority),
      TEST(other_deliveries),
      TEST(stamps),
      TEST(errors),
      TEST(software_disabled),
      TEST(timer_one_shot),
      TEST(timer_within_a_block),
      TEST(timer_deadline),
      TEST(timer_without_deadline),
      TEST(modes),
      TEST(x2apic_rules),
      TEST(page_accesses),
      TEST(local_pins),
      TEST(init_reset),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
