/* Ports: who answers IN and OUT. */
#include "cpu/exec/io.h"
#include "libvmxsim/machine/machine_internal.h"

vmxsim_status vmxsim_machine_map_ports(vmxsim_machine *handle, uint16_t first, uint16_t last, vmxsim_port_read *read,
                                       vmxsim_port_write *write, void *context) {
  struct machine *machine = &handle->machine;
  if (first > last) return VMXSIM_ERROR_ARGUMENT;
  if (machine->port_ranges == PORT_RANGES_MAX) return VMXSIM_ERROR_LIMIT;
  machine->ports[machine->port_ranges++] = (struct port_range){first, last, read, write, context};
  return VMXSIM_OK;
}

static const struct port_range *find_port(const struct machine *machine, uint16_t port) {
  for (size_t i = machine->port_ranges; i--;) {
    if (port >= machine->ports[i].first && port <= machine->ports[i].last) return &machine->ports[i];
  }
  return NULL;
}

/* The processor waits for its bus. */
static void wait_for_bus(struct vcpu *v, unsigned size) {
  const struct machine *machine = v->machine;
  if (!machine->port_byte_cycles || machine->timing == TIMING_FIXED) return;
  vcpu_charge(v, (uint64_t)size * machine->port_byte_cycles);
}

/* Ports that nothing answers read as ones. */
bool io_read(struct vcpu *v, uint16_t port, unsigned size, uint32_t *value) {
  const struct port_range *range = find_port(v->machine, port);
  wait_for_bus(v, size);
  *value = range && range->read ? range->read(range->context, port, size) : UINT32_MAX;
  if (size < 4) *value &= (1u << (8 * size)) - 1;
  observe_access(v, VMXSIM_EVENT_port_read, port, size, *value);
  return true;
}

bool io_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value) {
  const struct port_range *range = find_port(v->machine, port);
  wait_for_bus(v, size);
  observe_access(v, VMXSIM_EVENT_port_write, port, size, value);
  if (range && range->write) range->write(range->context, port, size, value);
  return true;
}
