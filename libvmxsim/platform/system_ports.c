/* Port 92H (A20, fast reset), the delay port 80H, port F0H with the errors of the x87 unit, and Bochs' way of switching
 * off, "Shutdown" to port 8900H. */
#include "libvmxsim/platform/platform.h"

enum { FAST_RESET = 1, A20 = 2 };

static uint32_t read_92(void *context, uint16_t port, unsigned size) {
  (void)port;
  (void)size;
  return ((const vmxsim_pc *)context)->ports.port_92;
}

bool system_a20(const vmxsim_pc *pc) {
  return pc->ports.port_92 & A20;
}

void system_set_a20(vmxsim_pc *pc, bool on) {
  const struct machine *machine = &pc->machine->machine;
  pc->ports.port_92 = (uint8_t)((pc->ports.port_92 & ~A20) | (on ? A20 : 0));
  for (unsigned i = 0; i < machine->vcpus; i++) mem_set_a20(&machine->vcpu[i]->cpu, on);
}

/* Bit 0 going from 0 to 1 is INIT. It stays 1, which is how software tells this reset from that of the system. */
static void write_92(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)port;
  (void)size;
  vmxsim_pc *pc = context;
  const bool resets = (value & FAST_RESET) && !(pc->ports.port_92 & FAST_RESET);
  pc->ports.port_92 = value & FAST_RESET;
  system_set_a20(pc, value & A20);
  if (resets) pc_defer(pc, ACTION_INIT);
}

static uint32_t read_80(void *context, uint16_t port, unsigned size) {
  (void)context;
  (void)port;
  (void)size;
  return 0;
}

static void write_8900(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)port;
  (void)size;
  static const char word[] = "Shutdown";
  vmxsim_pc *pc = context;
  unsigned *matched = &pc->ports.shutdown_matched;
  *matched = (uint8_t)value == (uint8_t)word[*matched] ? *matched + 1 : (uint8_t)value == (uint8_t)word[0];
  if (word[*matched]) return;
  *matched = 0;
  pc->powered_off = true;
  pc_stop(pc);
}

/* FERR# is IRQ 13. A write to F0H takes it back and asserts IGNNE#, if there is an error (SDM 1, "Handling x87 FPU
 * Exceptions in Software", MS-DOS compatibility sub-mode). */
static void float_error(void *context) {
  pc_set_line(context, LINE_FPU, true);
}

static void write_f0(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)port;
  (void)size;
  (void)value;
  vmxsim_pc *pc = context;
  struct vcpu *v = pc_running(pc);
  enum { STATUS_ES = 0x80 };
  v->ignne = v->fpu.status & STATUS_ES;
  pc_set_line(pc, LINE_FPU, false);
}

static void connect_float_errors(vmxsim_pc *pc) {
  const struct machine *machine = &pc->machine->machine;
  for (unsigned i = 0; i < machine->vcpus; i++) {
    machine->vcpu[i]->cpu.float_error = float_error;
    machine->vcpu[i]->cpu.float_error_context = pc;
  }
}

void system_ports_reset(vmxsim_pc *pc) {
  pc->ports = (struct system_ports){.port_92 = 0};
  system_set_a20(pc, true);
}

vmxsim_status system_ports_init(vmxsim_pc *pc) {
  connect_float_errors(pc);
  vmxsim_status status = pc_map_ports(pc, 0x80, 0x80, read_80, NULL);
  if (!status) status = pc_map_ports(pc, 0x92, 0x92, read_92, write_92);
  if (!status) status = pc_map_ports(pc, 0xf0, 0xf0, NULL, write_f0);
  if (!status) status = pc_map_ports(pc, 0x8900, 0x8900, NULL, write_8900);
  return status;
}
