/* The PC's devices and loaders over a fake machine: memory as bytes, ports and timers as tables, local APICs real.
 *
 *   gcc -I. -Iinclude tests/cpu/test_platform.c libvmxsim/platform/?*.c cpu/apic/?*.c cpu/timing/timing.c -lcmocka
 */
#include "tests/cmocka_main.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/events/events.h"
#include "cpu/exec/flags.h"
#include "libvmxsim/platform/platform.h"

enum { RAM = 4 << 20, VCPUS = 2 };

/* --- the fake machine --- */

static vmxsim_machine machine;
static struct vmxsim_vcpu vcpus[VCPUS];
static uint8_t memory[RAM];
static uint8_t *rom;
static struct mmio {
  uint64_t address, size;
  vmxsim_mmio_read *read;
  vmxsim_mmio_write *write;
  void *context;
} mmio[8];
static size_t mmios;
static vmxsim_pc *pc;
static unsigned resets, init_signals;

vmxsim_status vmxsim_machine_map(vmxsim_machine *m, uint64_t address, uint64_t size, enum vmxsim_memory_kind kind,
                                 void *host) {
  (void)m;
  (void)address;
  (void)size;
  if (kind == VMXSIM_ROM) rom = host;
  return VMXSIM_OK;
}
vmxsim_status vmxsim_machine_map_mmio(vmxsim_machine *m, uint64_t address, uint64_t size, vmxsim_mmio_read *read,
                                      vmxsim_mmio_write *write, void *context) {
  (void)m;
  mmio[mmios++] = (struct mmio){address, size, read, write, context};
  return VMXSIM_OK;
}
vmxsim_status vmxsim_machine_map_ports(vmxsim_machine *m, uint16_t first, uint16_t last, vmxsim_port_read *read,
                                       vmxsim_port_write *write, void *context) {
  m->machine.ports[m->machine.port_ranges++] = (struct port_range){first, last, read, write, context};
  return VMXSIM_OK;
}
static void copy(uint64_t address, uint8_t *bytes, size_t size, bool write) {
  for (size_t i = 0; i < size; i++) {
    const uint64_t at = address + i;
    uint8_t *byte = at >= ROM_ADDRESS && at < MIB ? rom + (at - ROM_ADDRESS) : at < RAM ? memory + at : NULL;
    if (byte && write) *byte = bytes[i];
    if (!write) bytes[i] = byte ? *byte : 0xff;
  }
}
vmxsim_status vmxsim_machine_read(vmxsim_machine *m, uint64_t address, void *bytes, size_t size) {
  (void)m;
  copy(address, bytes, size, false);
  return VMXSIM_OK;
}
vmxsim_status vmxsim_machine_write(vmxsim_machine *m, uint64_t address, const void *bytes, size_t size) {
  (void)m;
  copy(address, (uint8_t *)(uintptr_t)bytes, size, true);
  return VMXSIM_OK;
}
vmxsim_status vmxsim_machine_set_timer(vmxsim_machine *m, uint64_t cycle, vmxsim_timer *expired, void *context) {
  struct machine *inner = &m->machine;
  for (size_t i = 0; i < inner->timer_count; i++) {
    if (inner->timers[i].expired == expired) {
      inner->timers[i].cycle = cycle;
      return VMXSIM_OK;
    }
  }
  inner->timers[inner->timer_count++] = (struct timer){cycle, expired, context, NULL};
  return VMXSIM_OK;
}
vmxsim_status vmxsim_machine_name_timer(vmxsim_machine *m, const char *name, vmxsim_timer *expired, void *context) {
  (void)m;
  (void)name;
  (void)expired;
  (void)context;
  return VMXSIM_OK;
}

vmxsim_status vmxsim_machine_add_part(vmxsim_machine *m, const struct vmxsim_snapshot_part *part) {
  (void)m;
  (void)part;
  return VMXSIM_OK;
}

bool machine_add_device_state(struct machine *m, const struct device_state *state) {
  (void)m;
  (void)state;
  return true;
}

void vmxsim_machine_set_acknowledge(vmxsim_machine *m, vmxsim_interrupt_acknowledge *acknowledge, void *context) {
  for (unsigned i = 0; i < m->machine.vcpus; i++) {
    m->machine.vcpu[i]->cpu.interrupt_acknowledge = acknowledge;
    m->machine.vcpu[i]->cpu.interrupt_acknowledge_context = context;
  }
}
void vmxsim_machine_stop(vmxsim_machine *m) {
  m->machine.stop = true;
}
vmxsim_vcpu *vmxsim_machine_vcpu(vmxsim_machine *m, unsigned index) {
  return m->machine.vcpu[index];
}
void vmxsim_vcpu_get_state(vmxsim_vcpu *vcpu, struct vmxsim_state *state) {
  *state = vcpu->cpu.s;
}
vmxsim_status vmxsim_vcpu_set_state(vmxsim_vcpu *vcpu, const struct vmxsim_state *state) {
  vcpu->cpu.s = *state;
  vcpu->cpu.mode = state->cr0 & 1 ? DECODE_PROTECTED : 0;
  return VMXSIM_OK;
}
vmxsim_status vmxsim_vcpu_raise_line(vmxsim_vcpu *vcpu, bool level) {
  vcpu->cpu.interrupt_line = level;
  return VMXSIM_OK;
}
void vcpu_reset(struct vcpu *v, uint64_t now) {
  (void)now;
  resets++;
  v->s.activity = v->index ? VMXSIM_WAIT_FOR_SIPI : VMXSIM_ACTIVE;
}
void mem_set_a20(struct vcpu *v, bool on) {
  v->a20_off = !on;
}
void events_signal_nmi(struct vcpu *v) {
  (void)v;
}
void events_signal_smi(struct vcpu *v) {
  (void)v;
}
void events_signal_init(struct vcpu *v) {
  (void)v;
  init_signals++;
}
void events_signal_sipi(struct vcpu *v, uint8_t vector) {
  (void)v;
  (void)vector;
}
uint64_t flags_read(struct vcpu *v) {
  return v->s.rflags;
}
void flags_write_arithmetic(struct vcpu *v, uint64_t flags) {
  v->s.rflags = (v->s.rflags & ~FLAGS_ARITHMETIC) | (flags & FLAGS_ARITHMETIC);
}
bool vmxsim_has_feature(const struct vmxsim_capabilities *capabilities, enum vmxsim_feature feature) {
  (void)capabilities;
  (void)feature;
  return true;
}

static const struct port_range *port_of(uint16_t port) {
  for (size_t i = machine.machine.port_ranges; i--;) {
    const struct port_range *range = &machine.machine.ports[i];
    if (port >= range->first && port <= range->last) return range;
  }
  fail_msg("no device at port %x", port);
  return NULL;
}
static void out(uint16_t port, unsigned size, uint32_t value) {
  const struct port_range *range = port_of(port);
  range->write(range->context, port, size, value);
}
static uint32_t in(uint16_t port, unsigned size) {
  const struct port_range *range = port_of(port);
  const uint32_t value = range->read(range->context, port, size);
  return size == 4 ? value : value & ((1u << (8 * size)) - 1);
}
static const struct mmio *mmio_of(uint64_t address) {
  for (size_t i = 0; i < mmios; i++) {
    if (address - mmio[i].address < mmio[i].size) return &mmio[i];
  }
  fail_msg("no device in memory");
  return NULL;
}
static void store(uint64_t address, unsigned size, uint64_t value) {
  mmio_of(address)->write(mmio_of(address)->context, address, size, value);
}
static uint64_t load(uint64_t address, unsigned size) {
  return mmio_of(address)->read(mmio_of(address)->context, address, size);
}

/* Guest time goes on, timers at their cycles. */
static void run_to(uint64_t cycle) {
  for (;;) {
    struct timer *next = NULL;
    for (size_t i = 0; i < machine.machine.timer_count; i++) {
      struct timer *timer = &machine.machine.timers[i];
      if (timer->cycle && timer->cycle <= cycle && (!next || timer->cycle < next->cycle)) next = timer;
    }
    if (!next) break;
    if (next->cycle > vcpus[0].cpu.cycles) vcpus[0].cpu.cycles = next->cycle;
    next->cycle = 0;
    next->expired(next->context);
  }
  vcpus[0].cpu.cycles = cycle;
}
static void settle(void) {
  run_to(vcpus[0].cpu.cycles + 1);
}

static void assert_no_timer(void) {
  for (size_t i = 0; i < machine.machine.timer_count; i++) assert_int_equal(machine.machine.timers[i].cycle, 0);
}

static char serial_text[64], screen_text[64];
static void append(char *text, uint8_t byte) {
  const size_t length = strlen(text);
  if (length < 63) text[length] = (char)byte;
}
static void serial_out(void *context, uint8_t byte) {
  (void)context;
  append(serial_text, byte);
}
static void screen_out(void *context, uint8_t byte) {
  (void)context;
  append(screen_text, byte);
}
static void *reallocate(void *context, void *pointer, size_t size) {
  (void)context;
  if (size) return realloc(pointer, size);
  free(pointer);
  return NULL;
}

static int set_up(void **state) {
  (void)state;
  memset(&machine, 0, sizeof machine);
  memset(vcpus, 0, sizeof vcpus);
  memset(memory, 0, sizeof memory);
  memset(serial_text, 0, sizeof serial_text);
  memset(screen_text, 0, sizeof screen_text);
  mmios = resets = init_signals = 0;
  machine.machine.allocator.reallocate = reallocate;
  machine.machine.processor.phys_bits = 39;
  machine.machine.tsc_hz = 1000000000;
  machine.machine.vcpus = VCPUS;
  for (unsigned i = 0; i < VCPUS; i++) {
    struct vcpu *v = &vcpus[i].cpu;
    v->index = i;
    v->machine = &machine.machine;
    v->capabilities = &machine.machine.processor;
    v->apic = apic_create(v, i);
    machine.machine.vcpu[i] = &vcpus[i];
    apic_mmio_write(v->apic, 0xf0, 4, 0x1ff);
  }
  const struct vmxsim_pc_options options = {
      .size = sizeof options, .memory = RAM, .serial = serial_out, .screen = screen_out};
  assert_int_equal(vmxsim_pc_create(&machine, &options, &pc), VMXSIM_OK);
  return 0;
}
static int tear_down(void **state) {
  (void)state;
  for (unsigned i = 0; i < VCPUS; i++) apic_destroy(vcpus[i].cpu.apic);
  vmxsim_pc_destroy(pc);
  return 0;
}

/* --- devices --- */

static void exit_port(void **state) {
  (void)state;
  uint32_t value;
  assert_false(vmxsim_pc_exited(pc, &value));
  out(0xf4, 4, 0x1234);
  out(0xf4, 4, 1);
  assert_true(vmxsim_pc_exited(pc, &value));
  assert_int_equal(value, 0x1234);
  assert_true(machine.machine.stop);
}

static void serial_port(void **state) {
  (void)state;
  assert_int_equal(in(0x3fd, 1) & 0x60, 0x60);
  out(0x3fb, 1, 0x80);
  out(0x3f8, 1, 1);
  out(0x3fb, 1, 3);
  out(0x3f8, 1, 'h');
  out(0x3f8, 1, 'i');
  assert_string_equal(serial_text, "hi");
  out(0x3f9, 1, 1);
  out(0x3fc, 1, 8);
  assert_int_equal(vmxsim_pc_serial_input(pc, 'x'), VMXSIM_OK);
  assert_int_equal(vmxsim_pc_serial_input(pc, 'y'), VMXSIM_ERROR_LIMIT);
  assert_true(pc_line(pc, LINE_SERIAL));
  assert_int_equal(in(0x3fa, 1), 4);
  assert_int_equal(in(0x3f8, 1), 'x');
  assert_false(pc_line(pc, LINE_SERIAL));
}

static void a_serial_port_that_listens(void **state) {
  (void)state;
  assert_false(vmxsim_pc_serial_listens(pc));
  in(0x3fd, 1);
  assert_true(vmxsim_pc_serial_listens(pc));
  out(0x3f8, 1, 'a'); /* the line status was read to send */
  assert_false(vmxsim_pc_serial_listens(pc));
  in(0x3fd, 1);
  out(0x3fa, 1, 7);
  assert_false(vmxsim_pc_serial_listens(pc));
  out(0x3f9, 1, 1);
  assert_true(vmxsim_pc_serial_listens(pc));
  out(0x3fc, 1, 0x10); /* loop-back */
  assert_false(vmxsim_pc_serial_listens(pc));
}

static void firmware_configuration(void **state) {
  (void)state;
  out(0x510, 2, 3);
  uint64_t value = 0;
  for (unsigned i = 0; i < 8; i++) value |= (uint64_t)in(0x511, 1) << (8 * i);
  assert_int_equal(value, RAM);
  out(0x510, 2, 5);
  assert_int_equal(in(0x511, 1), VCPUS);
  out(0x510, 2, 7);
  assert_int_equal(in(0x511, 1), 0);
}

static void the_test_device(void **state) {
  (void)state;
  out(0xe0, 4, 0x87654321);
  assert_int_equal(in(0xe0, 4), 0x87654321);
  assert_int_equal(in(0xe2, 2), 0x8765);
  out(0xe1, 1, 0xaa);
  assert_int_equal(in(0xe0, 4), 0x8765aa21);
  store(0xff000ffc, 8, UINT64_C(0x1122334455667788));
  assert_int_equal(load(0xff001000, 4), 0x11223344);
}

static void initialize_pics(void) {
  static const uint8_t words[] = {0x11, 0x20, 0x04, 0x01};
  out(0x20, 1, words[0]);
  out(0xa0, 1, 0x11);
  out(0x21, 1, 0x20);
  out(0xa1, 1, 0x28);
  out(0x21, 1, 4);
  out(0xa1, 1, 2);
  out(0x21, 1, 1);
  out(0xa1, 1, 1);
}

static void interrupt_controllers(void **state) {
  (void)state;
  initialize_pics();
  out(0x2004, 1, 1);
  assert_true(vcpus[0].cpu.interrupt_line);
  assert_int_equal(pic_acknowledge(pc), 0x24);
  assert_false(vcpus[0].cpu.interrupt_line);
  out(0x200e, 1, 1); /* on the slave: IRQ 2 of the master stands before 4 */
  assert_int_equal(pic_acknowledge(pc), 0x2e);
  out(0x20, 1, 0x0b);
  assert_int_equal(in(0x20, 1), 0x14);
  out(0xa0, 1, 0x20);
  out(0x20, 1, 0x20);
  assert_int_equal(in(0x20, 1), 0x10);
  out(0x20, 1, 0x64);
  assert_int_equal(in(0x20, 1), 0);
  out(0x21, 1, 0xff);
  out(0x2004, 1, 0);
  out(0x2004, 1, 1);
  assert_false(vcpus[0].cpu.interrupt_line);
  out(0x21, 1, 0);
  assert_true(vcpus[0].cpu.interrupt_line);
  out(0x2004, 1, 0);
  assert_int_equal(pic_acknowledge(pc), 0x24); /* an edge stays latched */
}

static void redirect(unsigned pin, uint32_t low, uint32_t high) {
  store(0xfec00000, 4, 0x10 + 2 * pin);
  store(0xfec00010, 4, low);
  store(0xfec00000, 4, 0x11 + 2 * pin);
  store(0xfec00010, 4, high);
}
static uint32_t redirection(unsigned pin) {
  store(0xfec00000, 4, 0x10 + 2 * pin);
  return (uint32_t)load(0xfec00010, 4);
}

static void io_apic(void **state) {
  (void)state;
  struct apic *apic = vcpus[0].cpu.apic;
  redirect(14, 0x76, 0);
  out(0x200e, 1, 1);
  out(0x200e, 1, 0);
  assert_int_equal(apic_acknowledge(apic), 0x76);
  apic_mmio_write(apic, 0xb0, 4, 0);
  redirect(14, 0x8077, 0);
  out(0x200e, 1, 1);
  assert_int_equal(redirection(14), 0xc077);
  assert_int_equal(apic_acknowledge(apic), 0x77);
  assert_int_equal(apic_pending(apic), -1);
  apic_mmio_write(apic, 0xb0, 4, 0); /* still high: again */
  assert_int_equal(apic_acknowledge(apic), 0x77);
  out(0x200e, 1, 0);
  apic_mmio_write(apic, 0xb0, 4, 0);
  assert_int_equal(apic_pending(apic), -1);
  assert_int_equal(redirection(14), 0x8077);
  redirect(14, 0x10081, 0); /* an edge while masked is lost */
  out(0x200e, 1, 1);
  out(0x200e, 1, 0);
  redirect(14, 0x81, 1u << 24);
  assert_int_equal(apic_pending(apic), -1);
  out(0x200e, 1, 1);
  assert_int_equal(apic_pending(vcpus[1].cpu.apic), 0x81);
  store(0xfec00000, 4, 0);
  store(0xfec00010, 4, UINT32_MAX);
  assert_int_equal(load(0xfec00010, 4), 0x0f000000);
  store(0xfec00000, 4, 2);
  store(0xfec00010, 4, 0);
  assert_int_equal(load(0xfec00010, 4), 0x0f000000);
}

static void timer_8254(void **state) {
  (void)state;
  initialize_pics();
  vcpus[0].cpu.cycles = 1000000;
  out(0x43, 1, 0x34); /* channel 0, mode 2 */
  out(0x40, 1, 0xa9);
  out(0x40, 1, 0x04); /* 1193: a millisecond, nearly */
  assert_false(vcpus[0].cpu.interrupt_line && pic_acknowledge(pc) != 0x20);
  out(0x20, 1, 0x20);
  run_to(1500000);
  out(0x43, 1, 0x00);
  const uint32_t count = in(0x40, 1) | in(0x40, 1) << 8;
  assert_in_range(count, 590, 600);
  run_to(2000000);
  assert_true(vcpus[0].cpu.interrupt_line);
  assert_int_equal(pic_acknowledge(pc), 0x20);
  out(0x20, 1, 0x20);
  assert_false(vcpus[0].cpu.interrupt_line);
  run_to(3000000);
  assert_true(vcpus[0].cpu.interrupt_line);
  out(0x21, 1, 0xff); /* nobody listens: no timer waits */
  assert_no_timer();
}

static uint8_t cmos(uint8_t index) {
  out(0x70, 1, index);
  return (uint8_t)in(0x71, 1);
}
static void set_cmos(uint8_t index, uint8_t value) {
  out(0x70, 1, index);
  out(0x71, 1, value);
}

static void real_time_clock(void **state) {
  (void)state;
  assert_int_equal(cmos(9), 0x26);
  assert_int_equal(cmos(8), 1);
  assert_int_equal(cmos(7), 1);
  assert_int_equal(cmos(6), 5); /* a Thursday */
  run_to(UINT64_C(59999000000));
  assert_int_equal(cmos(0), 0x59);
  assert_true(cmos(10) & 0x80);
  run_to(UINT64_C(60000000000));
  assert_int_equal(cmos(0), 0);
  assert_int_equal(cmos(2), 1);
  assert_false(cmos(10) & 0x80);
  set_cmos(4, 0x23); /* time that is set goes on from there */
  run_to(UINT64_C(61000000000));
  assert_int_equal(cmos(4), 0x23);
  assert_int_equal(cmos(0), 1);
  set_cmos(1, 5);
  set_cmos(3, 0xc0);
  set_cmos(5, 0xc0);
  set_cmos(11, 0x22);
  run_to(UINT64_C(64900000000));
  assert_false(pc_line(pc, LINE_RTC));
  run_to(UINT64_C(65000000000));
  assert_true(pc_line(pc, LINE_RTC));
  assert_int_equal(cmos(12) & 0xa0, 0xa0);
  assert_false(pc_line(pc, LINE_RTC));
}

/* Flags of register C that no interrupt is enabled for: seen once, from the second or the tick on in which they are
 * due, and without a timer. */
static void clock_flags_by_polling(void **state) {
  (void)state;
  enum { UF = 0x10, AF = 0x20, PF = 0x40, IRQF = 0x80 };
  set_cmos(10, 0x26); /* PF at 1,024 Hz */
  run_to(976562);
  assert_int_equal(cmos(12), 0);
  run_to(976563);
  assert_int_equal(cmos(12), PF);
  assert_int_equal(cmos(12), 0);
  set_cmos(10, 0x20); /* PF never */
  run_to(UINT64_C(999999999));
  assert_int_equal(cmos(12), 0);
  run_to(UINT64_C(1000000000));
  assert_int_equal(cmos(12), UF);
  assert_int_equal(cmos(12), 0);
  set_cmos(1, 0x30); /* 00:30:30, two days before anybody looks */
  set_cmos(3, 0x30);
  run_to(UINT64_C(1829) * 1000000000);
  assert_int_equal(cmos(12), UF);
  run_to(3 * 86400 * UINT64_C(1000000000));
  assert_int_equal(cmos(12), UF | AF);
  assert_false(pc_line(pc, LINE_RTC));
  assert_no_timer();
  run_to((3 * 86400 + 1) * UINT64_C(1000000000));
  set_cmos(11, 0x12); /* an interrupt whose flag is set already */
  assert_true(pc_line(pc, LINE_RTC));
  assert_int_equal(cmos(12), IRQF | UF);
  set_cmos(11, 0x82); /* while the clock is being set it stands */
  run_to((3 * 86400 + 5) * UINT64_C(1000000000));
  set_cmos(11, 0x02);
  assert_int_equal(cmos(12), 0);
  assert_no_timer();
}

/* The periodic interrupt comes with the divider, whenever it is enabled. */
static void periodic_interrupt(void **state) {
  (void)state;
  run_to(500000);
  set_cmos(11, 0x42);
  run_to(976562);
  assert_false(pc_line(pc, LINE_RTC));
  for (unsigned i = 1; i <= 1024; i++) {
    run_to((i * UINT64_C(1000000000) + 1023) / 1024);
    assert_true(pc_line(pc, LINE_RTC));
    assert_int_equal(cmos(12) & 0xc0, 0xc0);
    assert_false(pc_line(pc, LINE_RTC));
  }
  set_cmos(11, 2);
  assert_no_timer();
}

static void sleep_and_wake(void **state) {
  (void)state;
  put_32(memory + FACS_ADDRESS + 12, 0x1000);
  out(0x602, 2, 0x400);
  for (unsigned i = 1; i < 6; i += 2) set_cmos((uint8_t)i, 0xc0);
  set_cmos(11, 0x22);
  out(0x604, 2, 0x2400);
  settle();
  assert_int_equal(vcpus[0].cpu.s.activity, VMXSIM_SHUTDOWN);
  assert_int_equal(resets, 0);
  run_to(UINT64_C(1100000000));
  assert_int_equal(resets, VCPUS);
  assert_int_equal(vcpus[0].cpu.s.activity, VMXSIM_ACTIVE);
  assert_int_equal(vcpus[0].cpu.s.segment[VMXSIM_CS].base, 0x1000);
  assert_int_equal(vcpus[0].cpu.s.rip, 0);
  assert_int_equal(in(0x600, 2) & 0x8000, 0x8000);
}

static void resets_and_clock(void **state) {
  (void)state;
  vcpus[0].cpu.cycles = 1000000000;
  assert_int_equal(in(0x608, 4), 3579545);
  out(0x92, 1, 3);
  settle();
  assert_int_equal(init_signals, VCPUS);
  out(0x64, 1, 0xfe);
  settle();
  assert_int_equal(init_signals, 2 * VCPUS);
  out(0xcf9, 1, 0);
  out(0xcf9, 1, 4);
  settle();
  assert_int_equal(init_signals, 3 * VCPUS);
  out(0xcf9, 1, 2);
  out(0xcf9, 1, 6);
  assert_int_equal(resets, 0);
  settle();
  assert_int_equal(resets, VCPUS);
  assert_int_equal(in(0x92, 1) & 1, 0);
  out(0xcf8, 4, 0x80000000);
  assert_int_equal(in(0xcfc, 4), UINT32_MAX);
}

static void crtc_registers(void **state) {
  (void)state;
  out(0x3d4, 1, 0x0e);
  out(0x3d5, 1, 0x12);
  out(0x3d4, 2, 0x340f);
  assert_int_equal(in(0x3d5, 1), 0x34);
  assert_int_equal(in(0x3d4, 2), 0x340f);
  out(0x3d4, 1, 0x0e);
  assert_int_equal(in(0x3d5, 1), 0x12);
  out(0x3d4, 1, 0x1f); /* none */
  out(0x3d5, 1, 0);
  assert_int_equal(in(0x3d5, 1), 0xff);
}

static uint8_t sum(const uint8_t *bytes, size_t size) {
  uint8_t result = 0;
  for (size_t i = 0; i < size; i++) result = (uint8_t)(result + bytes[i]);
  return result;
}

static void acpi_tables(void **state) {
  (void)state;
  assert_memory_equal(rom, "RSD PTR ", 8);
  assert_int_equal(sum(rom, 20), 0);
  assert_int_equal(sum(rom, 36), 0);
  const uint8_t *xsdt = rom + get_64(rom + 24) - ROM_ADDRESS;
  const uint8_t *rsdt = rom + get_32(rom + 16) - ROM_ADDRESS;
  assert_memory_equal(xsdt, "XSDT", 4);
  assert_memory_equal(rsdt, "RSDT", 4);
  for (unsigned i = 0; i < 2; i++) {
    const uint8_t *table = rom + get_64(xsdt + 36 + 8 * i) - ROM_ADDRESS;
    assert_int_equal(get_32(rsdt + 36 + 4 * i), get_64(xsdt + 36 + 8 * i));
    assert_int_equal(sum(table, get_32(table + 4)), 0);
    assert_memory_equal(table, i ? "APIC" : "FACP", 4);
  }
  assert_memory_equal(memory + FACS_ADDRESS, "FACS", 4);
}

/* MultiProcessor Specification 1.4: all entries, in their order, one processor each and IRQ 0 at pin 2. */
static void mp_table(void **state) {
  (void)state;
  const uint8_t *const pointer = rom + BIOS_OFFSET, *const table = rom + get_32(pointer + 4) - ROM_ADDRESS;
  assert_memory_equal(pointer, "_MP_", 4);
  assert_int_equal(sum(pointer, 16), 0);
  assert_memory_equal(table, "PCMP", 4);
  assert_int_equal(sum(table, get_16(table + 4)), 0);
  const uint8_t *entry = table + 44;
  unsigned counts[5] = {0};
  for (unsigned i = 0; i < get_16(table + 34); i++) {
    if (entry[0] == 0) assert_int_equal(entry[1], counts[0]);
    if (entry[0] == 3 && !counts[3]) assert_int_equal(entry[5] << 8 | entry[7], 2);
    assert_in_range(entry[0], 0, 4);
    counts[entry[0]]++;
    entry += entry[0] ? 8 : 20;
  }
  assert_int_equal(entry - table, get_16(table + 4));
  assert_int_equal(counts[0], VCPUS);
  assert_int_equal(counts[2], 1);
  assert_int_equal(counts[3], 15);
}

/* --- loaders and the BIOS --- */

/* An ELF32 with a Multiboot header: one segment at 1 MiB, 16 bytes in the file and 32 in memory. */
static size_t make_image(uint8_t image[256]) {
  memset(image, 0, 256);
  memcpy(image, "\177ELF\1\1\1", 7);
  put_16(image + 16, 2);
  put_16(image + 18, 3);
  put_32(image + 24, 0x100004);
  put_32(image + 28, 52);
  put_16(image + 42, 32);
  put_16(image + 44, 1);
  put_32(image + 52, 1);
  put_32(image + 56, 128);
  put_32(image + 60, 0x100000);
  put_32(image + 64, 0x100000);
  put_32(image + 68, 16);
  put_32(image + 72, 32);
  put_32(image + 128, 0x1badb002);
  put_32(image + 136, 0u - 0x1badb002);
  put_32(image + 140, 0xcafebabe);
  return 160;
}

static void multiboot(void **state) {
  (void)state;
  uint8_t image[256];
  const size_t size = make_image(image);
  const struct vmxsim_pc_boot boot = {
      .size = sizeof boot, .command_line = "name argument", .module = "A=1\n", .module_size = 4};
  memset(memory + 0x100010, 0xee, 16);
  assert_int_equal(vmxsim_pc_detect(image, size), VMXSIM_PC_MULTIBOOT);
  assert_int_equal(vmxsim_pc_load_multiboot(pc, image, size, &boot), VMXSIM_OK);
  const struct vmxsim_state *s = &vcpus[0].cpu.s;
  assert_int_equal(s->rip, 0x100004);
  assert_int_equal(s->gpr[VMXSIM_RAX], 0x2badb002);
  assert_int_equal(s->cr0 & 0x80000001, 1);
  assert_int_equal(s->segment[VMXSIM_CS].limit, UINT32_MAX);
  assert_int_equal(get_32(memory + 0x10000c), 0xcafebabe);
  assert_int_equal(get_32(memory + 0x100010), 0);
  const uint8_t *info = memory + s->gpr[VMXSIM_RBX];
  assert_string_equal((char *)memory + get_32(info + 16), "name argument");
  assert_int_equal(get_32(info + 8), RAM / 1024 - 1024);
  assert_int_equal(get_32(info + 20), 1);
  const uint8_t *module = memory + get_32(info + 24);
  assert_memory_equal(memory + get_32(module), "A=1\n", 4);
  assert_int_equal(get_32(module + 4) - get_32(module), 4);
  assert_int_equal(get_32(info + 44) % 24, 0);
  assert_int_equal(get_16(memory + 4 * 0x10 + 2), 0xf000); /* the IVT is there */
  image[136] ^= 1;
  assert_int_equal(vmxsim_pc_load_multiboot(pc, image, size, NULL), VMXSIM_ERROR_SYNTAX);
  assert_string_not_equal(vmxsim_pc_error(pc), "");
  put_32(image + 64, 0x400000);
  assert_int_equal(vmxsim_pc_load_elf(pc, image, size, NULL), VMXSIM_ERROR_LIMIT);
  assert_int_equal(vmxsim_pc_load_elf(pc, image, 60, NULL), VMXSIM_ERROR_SYNTAX);
}

static void truncated_images(void **state) {
  (void)state;
  uint8_t image[256];
  const size_t size = make_image(image);
  for (size_t i = 0; i < size; i++) {
    uint8_t *exact = malloc(i + 1);
    memcpy(exact, image, i);
    vmxsim_pc_detect(exact, i);
    vmxsim_pc_load_multiboot(pc, exact, i, NULL);
    vmxsim_pc_load_elf(pc, exact, i, NULL);
    vmxsim_pc_load_disk(pc, exact, i);
    free(exact);
  }
}

/* A service is called as its stub does: CS is the ROM's, FLAGS on the stack. */
static uint16_t call(unsigned service) {
  struct vcpu *v = &vcpus[0].cpu;
  v->s.segment[VMXSIM_CS].base = 0xf0000;
  v->s.gpr[VMXSIM_RSP] = 0x7000;
  put_16(memory + 0x7004, 0);
  out((uint16_t)(0xb0 + service), 1, 0);
  return get_16(memory + 0x7004);
}

static void disk_and_services(void **state) {
  (void)state;
  uint64_t *gpr = vcpus[0].cpu.s.gpr;
  uint8_t *disk = calloc(4, 512);
  disk[510] = 0x55;
  disk[511] = 0xaa;
  disk[512] = 0x42;
  put_32(disk + 1024, 0x1badb002); /* a kernel on the disk */
  put_32(disk + 1032, 0u - 0x1badb002);
  assert_int_equal(vmxsim_pc_detect(disk, 2048), VMXSIM_PC_DISK);
  assert_int_equal(vmxsim_pc_load_disk(pc, disk, 2048), VMXSIM_OK);
  free(disk);
  assert_int_equal(vcpus[0].cpu.s.rip, 0x7c00);
  assert_int_equal(gpr[VMXSIM_RDX], 0);
  assert_int_equal(memory[0x7dff], 0xaa);
  gpr[VMXSIM_RAX] = 0x0202; /* two sectors from the second, to ES:BX */
  gpr[VMXSIM_RBX] = 0x8000;
  gpr[VMXSIM_RCX] = 2;
  assert_int_equal(call(4) & 1, 0);
  assert_int_equal(memory[0x8000], 0x42);
  gpr[VMXSIM_RAX] = 0x0201;
  gpr[VMXSIM_RCX] = 63;
  assert_int_equal(call(4) & 1, 1);
  assert_int_equal(gpr[VMXSIM_RAX], 0x0400); /* no sectors */
  gpr[VMXSIM_RAX] = 0x0201;
  gpr[VMXSIM_RDX] = 0x80; /* no such drive */
  assert_int_equal(call(4) & 1, 1);
  assert_int_equal(gpr[VMXSIM_RAX], 0x0100);
  assert_int_equal(memory[0x475], 0);
  gpr[VMXSIM_RAX] = 0x0e00 | 'X';
  call(1);
  assert_string_equal(screen_text, "X");
  unsigned ranges = 0;
  gpr[VMXSIM_RBX] = 0;
  do {
    gpr[VMXSIM_RAX] = 0xe820;
    gpr[VMXSIM_RDX] = 0x534d4150;
    gpr[VMXSIM_RCX] = 24;
    gpr[VMXSIM_RDI] = 0x9000;
    assert_int_equal(call(5) & 1, 0);
    assert_int_equal(gpr[VMXSIM_RAX], 0x534d4150);
    ranges++;
  } while (gpr[VMXSIM_RBX]);
  assert_int_equal(ranges, 5);
  gpr[VMXSIM_RAX] = 0x2402;
  assert_int_equal(call(5) & 1, 0);
  assert_int_equal(gpr[VMXSIM_RAX], 1);
  gpr[VMXSIM_RAX] = 0x2400;
  call(5);
  assert_true(vcpus[0].cpu.a20_off);
  assert_int_equal(in(0x92, 1) & 2, 0);
  out(0x64, 1, 0xd1);
  out(0x60, 1, 3);
  assert_false(vcpus[0].cpu.a20_off);
  put_32(memory + 0xa010 + 2, 0x007c00); /* the boot sector to 200000H */
  put_32(memory + 0xa018 + 2, 0x200000);
  gpr[VMXSIM_RAX] = 0x8700;
  gpr[VMXSIM_RCX] = 256;
  gpr[VMXSIM_RSI] = 0xa000;
  assert_int_equal(call(5) & 1, 0);
  assert_memory_equal(memory + 0x200000, memory + 0x7c00, 512);
  gpr[VMXSIM_RAX] = 0;
  call(6);
  assert_true(vcpus[0].cpu.s.rflags & FLAG_CF);
  assert_int_equal(vmxsim_pc_key(pc, 'k'), VMXSIM_OK);
  gpr[VMXSIM_RAX] = 0x100;
  assert_int_equal(call(6) & FLAG_ZF, 0);
  gpr[VMXSIM_RAX] = 0;
  call(6);
  assert_false(vcpus[0].cpu.s.rflags & FLAG_CF);
  assert_int_equal(gpr[VMXSIM_RAX] & 0xff, 'k');
}

static uint16_t cursor(uint8_t page) {
  uint64_t *gpr = vcpus[0].cpu.s.gpr;
  gpr[VMXSIM_RAX] = 0x0300;
  gpr[VMXSIM_RBX] = (uint64_t)page << 8;
  call(1);
  assert_int_equal(get_16(memory + 0x450 + 2 * page), gpr[VMXSIM_RDX]);
  return (uint16_t)gpr[VMXSIM_RDX];
}

static void set_cursor(uint8_t page, uint16_t place) {
  uint64_t *gpr = vcpus[0].cpu.s.gpr;
  gpr[VMXSIM_RAX] = 0x0200;
  gpr[VMXSIM_RBX] = (uint64_t)page << 8;
  gpr[VMXSIM_RDX] = place;
  call(1);
}

static void print(const char *text) {
  uint64_t *gpr = vcpus[0].cpu.s.gpr;
  gpr[VMXSIM_RBX] = 0;
  for (; *text; text++) {
    gpr[VMXSIM_RAX] = 0x0e00u | (uint8_t)*text;
    call(1);
  }
}

static void the_cursor(void **state) {
  (void)state;
  uint64_t *gpr = vcpus[0].cpu.s.gpr;
  set_cursor(0, 0x0a4e);
  set_cursor(3, 0x1234);
  assert_int_equal(cursor(0), 0x0a4e);
  assert_int_equal(cursor(3), 0x1234);
  print("a");
  assert_int_equal(cursor(0), 0x0a4f);
  print("b");
  assert_int_equal(cursor(0), 0x0b00);
  print("\bcd\b\n\a");
  assert_int_equal(cursor(0), 0x0c01);
  print("\r\n");
  assert_int_equal(cursor(0), 0x0d00);
  set_cursor(0, 0x184f);
  print("e");
  assert_int_equal(cursor(0), 0x1800);
  gpr[VMXSIM_RAX] = 0x0800;
  call(1);
  assert_int_equal(gpr[VMXSIM_RAX], 0x0720);
  memcpy(memory + 0x9000, "xy", 2);
  for (unsigned moves = 0; moves < 2; moves++) {
    gpr[VMXSIM_RAX] = 0x1300 + moves;
    gpr[VMXSIM_RCX] = 2;
    gpr[VMXSIM_RDX] = 0x0510;
    gpr[VMXSIM_RBP] = 0x9000;
    call(1);
    assert_int_equal(cursor(0), moves ? 0x0512 : 0x1800);
  }
  gpr[VMXSIM_RAX] = 0x0003;
  call(1);
  assert_int_equal(cursor(0), 0);
  assert_int_equal(cursor(3), 0);
  assert_string_equal(screen_text, "ab\bcd\b\n\a\r\nexyxy");
}

static void keys_that_software_stores(void **state) {
  (void)state;
  uint64_t *gpr = vcpus[0].cpu.s.gpr;
  for (unsigned i = 0; i < 17; i++) {
    gpr[VMXSIM_RAX] = 0x0500;
    gpr[VMXSIM_RCX] = 0x3b00 + i;
    call(6);
    assert_int_equal(gpr[VMXSIM_RAX] & 0xff, i == 16); /* 1: there is no room */
  }
  assert_int_equal(vmxsim_pc_key(pc, 'k'), VMXSIM_ERROR_LIMIT);
  for (unsigned i = 0; i < 16; i++) {
    gpr[VMXSIM_RAX] = 0;
    call(6);
    assert_int_equal(gpr[VMXSIM_RAX], 0x3b00 + i);
  }
  assert_int_equal(vmxsim_pc_key(pc, '\r'), VMXSIM_OK);
  gpr[VMXSIM_RAX] = 0;
  call(6);
  assert_int_equal(gpr[VMXSIM_RAX], 0x1c0d);
}

static void a_hard_disk(void **state) {
  (void)state;
  uint8_t *disk = calloc(1, FLOPPY_MAX + SECTOR);
  put_16(disk + 510, 0xaa55);
  assert_int_equal(vmxsim_pc_load_disk(pc, disk, FLOPPY_MAX + SECTOR), VMXSIM_OK);
  free(disk);
  assert_int_equal(vcpus[0].cpu.s.gpr[VMXSIM_RDX], 0x80);
  assert_int_equal(memory[0x475], 1);
}

static void flat_and_reboot(void **state) {
  (void)state;
  static const uint8_t code[] = {0xf4, 0x90};
  assert_int_equal(vmxsim_pc_load_flat(pc, code, 2, 0x200000, VMXSIM_PC_MODE_64), VMXSIM_OK);
  assert_int_equal(vcpus[0].cpu.s.efer, 0x500);
  assert_int_equal(vcpus[0].cpu.s.rip, 0x200000);
  assert_int_equal(
      get_64(memory + get_64(memory + (get_64(memory + vcpus[0].cpu.s.cr3) & ~UINT64_C(0xfff))) / 4096 * 4096 + 8),
      0x200083);
  memory[0x200000] = 0;
  vcpus[0].cpu.s = (struct vmxsim_state){.rip = 0xe000};
  vcpus[0].cpu.mode = 0;
  call(0); /* the reset vector's stub boots the image anew */
  settle();
  assert_int_equal(memory[0x200000], 0xf4);
  assert_int_equal(vcpus[0].cpu.s.rip, 0x200000);
  put_16(memory + 0x467, 0x10);
  put_16(memory + 0x469, 0x200);
  set_cmos(15, 10);
  vcpus[0].cpu.mode = 0;
  call(0);
  settle();
  assert_int_equal(vcpus[0].cpu.s.segment[VMXSIM_CS].base, 0x2000);
  assert_int_equal(vcpus[0].cpu.s.rip, 0x10);
  assert_int_equal(vmxsim_pc_load_flat(pc, code, 2, RAM, VMXSIM_PC_MODE_32), VMXSIM_ERROR_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(exit_port),
      TEST(serial_port),
      TEST(a_serial_port_that_listens),
      TEST(firmware_configuration),
      TEST(the_test_device),
      TEST(interrupt_controllers),
      TEST(io_apic),
      TEST(timer_8254),
      TEST(real_time_clock),
      TEST(clock_flags_by_polling),
      TEST(periodic_interrupt),
      TEST(sleep_and_wake),
      TEST(resets_and_clock),
      TEST(acpi_tables),
      TEST(mp_table),
      TEST(crtc_registers),
      TEST(multiboot),
      TEST(truncated_images),
      TEST(disk_and_services),
      TEST(the_cursor),
      TEST(keys_that_software_stores),
      TEST(a_hard_disk),
      TEST(flat_and_reboot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
