/* A 16550 at 3F8H on IRQ 4. What is sent goes to the embedder at once; what is received waits in its FIFO. NS16550A
 * data sheet. */
#include "libvmxsim/platform/platform.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH };
enum { IER_RECEIVED = 1, IER_TRANSMITTED = 2, LCR_DIVISOR = 0x80, MCR_OUT2 = 8, MCR_LOOP = 16, FCR_ENABLE = 1 };
enum { IIR_NONE = 1, IIR_TRANSMITTED = 2, IIR_RECEIVED = 4, IIR_FIFO = 0xc0 };

static uint8_t interrupt_identification(const struct serial *serial) {
  if ((serial->ier & IER_RECEIVED) && serial->fifo_count) return IIR_RECEIVED;
  if ((serial->ier & IER_TRANSMITTED) && serial->transmit_empty_pending) return IIR_TRANSMITTED;
  return IIR_NONE;
}

/* OUT2 connects the interrupt on a PC. */
static void update(vmxsim_pc *pc) {
  const struct serial *serial = &pc->serial;
  const bool asks = interrupt_identification(serial) != IIR_NONE;
  pc_set_line(pc, LINE_SERIAL, asks && (serial->mcr & MCR_OUT2));
}

static bool receive(struct serial *serial, uint8_t byte) {
  const unsigned room = serial->fcr & FCR_ENABLE ? sizeof serial->fifo : 1;
  if (serial->fifo_count >= room) return false;
  serial->fifo[(serial->fifo_first + serial->fifo_count++) % sizeof serial->fifo] = byte;
  return true;
}

vmxsim_status vmxsim_pc_serial_input(vmxsim_pc *pc, uint8_t byte) {
  if (!receive(&pc->serial, byte)) return VMXSIM_ERROR_LIMIT;
  update(pc);
  return VMXSIM_OK;
}

bool vmxsim_pc_serial_listens(const vmxsim_pc *pc) {
  const struct serial *serial = &pc->serial;
  return !(serial->mcr & MCR_LOOP) && ((serial->ier & IER_RECEIVED) || serial->status_read);
}

static uint8_t take_received(struct serial *serial) {
  if (!serial->fifo_count) return 0;
  const uint8_t byte = serial->fifo[serial->fifo_first];
  serial->fifo_first = (serial->fifo_first + 1) % sizeof serial->fifo;
  serial->fifo_count--;
  return byte;
}

static uint8_t read_iir(struct serial *serial) {
  const uint8_t identification = interrupt_identification(serial);
  if (identification == IIR_TRANSMITTED) serial->transmit_empty_pending = false;
  return (uint8_t)(identification | (serial->fcr & FCR_ENABLE ? IIR_FIFO : 0));
}

/* The transmitter is always empty. */
static uint8_t read_line_status(struct serial *serial) {
  serial->status_read = true;
  return (uint8_t)(0x60 | (serial->fifo_count != 0));
}

/* In loop-back mode the modem inputs are the outputs; else a partner is always there (CTS, DSR, DCD). */
static uint8_t modem_status(const struct serial *serial) {
  if (!(serial->mcr & MCR_LOOP)) return 0xb0;
  const unsigned mcr = serial->mcr;
  return (uint8_t)((mcr & 1) << 5 | (mcr & 2) << 3 | (mcr & 4) << 4 | (mcr & 8) << 4);
}

static uint8_t read_register(struct serial *serial, unsigned reg) {
  const bool divisor = serial->lcr & LCR_DIVISOR;
  switch (reg) {
  case DATA: return divisor ? (uint8_t)serial->divisor : take_received(serial);
  case IER: return divisor ? (uint8_t)(serial->divisor >> 8) : serial->ier;
  case IIR: return read_iir(serial);
  case LCR: return serial->lcr;
  case MCR: return serial->mcr;
  case LSR: return read_line_status(serial);
  case MSR: return modem_status(serial);
  default: return serial->scratch;
  }
}

static uint32_t port_read(void *context, uint16_t port, unsigned size) {
  (void)size;
  vmxsim_pc *pc = context;
  const uint8_t value = read_register(&pc->serial, port & 7);
  update(pc);
  return value;
}

static void transmit(vmxsim_pc *pc, uint8_t byte) {
  if (pc->serial.mcr & MCR_LOOP) {
    receive(&pc->serial, byte);
  } else if (pc->options.serial) {
    pc->options.serial(pc->options.output_context, byte);
  }
  pc->serial.transmit_empty_pending = true;
  pc->serial.status_read = false;
}

static void write_ier(struct serial *serial, uint8_t value) {
  if ((value & IER_TRANSMITTED) && !(serial->ier & IER_TRANSMITTED)) serial->transmit_empty_pending = true;
  serial->ier = value & 15;
}

static void write_fcr(struct serial *serial, uint8_t value) {
  const bool clears = (value ^ serial->fcr) & FCR_ENABLE || value & 2;
  if (clears) {
    serial->fifo_count = 0;
    serial->status_read = false;
  }
  serial->fcr = value & (uint8_t)~6;
}

static void write_data(vmxsim_pc *pc, uint8_t value) {
  struct serial *serial = &pc->serial;
  if (serial->lcr & LCR_DIVISOR) {
    serial->divisor = (uint16_t)((serial->divisor & 0xff00) | value);
  } else {
    transmit(pc, value);
  }
}

static void write_interrupt_enable(struct serial *serial, uint8_t value) {
  if (serial->lcr & LCR_DIVISOR) {
    serial->divisor = (uint16_t)((serial->divisor & 0xff) | value << 8);
  } else {
    write_ier(serial, value);
  }
}

static void port_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)size;
  vmxsim_pc *pc = context;
  struct serial *serial = &pc->serial;
  const uint8_t byte = (uint8_t)value;
  switch (port & 7) {
  case DATA: write_data(pc, byte); break;
  case IER: write_interrupt_enable(serial, byte); break;
  case IIR: write_fcr(serial, byte); break;
  case LCR: serial->lcr = byte; break;
  case MCR: serial->mcr = byte & 0x1f; break;
  case SCRATCH: serial->scratch = byte; break;
  default: break;
  }
  update(pc);
}

void serial_reset(vmxsim_pc *pc) {
  pc->serial = (struct serial){.divisor = 12};
}

vmxsim_status serial_init(vmxsim_pc *pc) {
  return pc_map_ports(pc, 0x3f8, 0x3ff, port_read, port_write);
}
