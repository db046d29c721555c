/* Making a machine, its memory map, its ports, and what the processors ask of it. */
#include <stdlib.h>
#include <string.h>

#include "cpu/apic/apic.h"
#include "cpu/events/events.h"
#include "cpu/exec/cpuid.h"
#include "cpu/exec/io.h"
#include "cpu/exec/wait.h"
#include "cpu/mmu/mmu.h"
#include "libvmxsim/machine/machine_internal.h"

enum { PAGE = 4096 };

static void *default_reallocate(void *context, void *pointer, size_t size) {
  (void)context;
  if (size) return realloc(pointer, size);
  free(pointer);
  return NULL;
}

static void *allocate(const struct vmxsim_allocator *allocator, size_t size) {
  void *pointer = allocator->reallocate(allocator->context, NULL, size);
  if (pointer) memset(pointer, 0, size);
  return pointer;
}

static void release(const struct vmxsim_allocator *allocator, void *pointer) {
  if (pointer) allocator->reallocate(allocator->context, pointer, 0);
}

static void fail(struct machine *machine, const char *text) {
  strncpy(machine->error, text, sizeof machine->error - 1);
}

/* A write to decoded code: no vCPU may go on with what it had decoded. Or to a line that one of them monitors. */
static void code_written(void *context, uint64_t address, size_t size) {
  struct machine *machine = context;
  for (unsigned i = 0; i < machine->vcpus; i++) {
    block_cache_drop_page(machine->vcpu[i]->blocks, address);
    vcpu_code_changed(&machine->vcpu[i]->cpu);
    wait_note_store(&machine->vcpu[i]->cpu, address, size);
  }
}

static void destroy_vcpu(const struct vmxsim_allocator *allocator, struct vmxsim_vcpu *vcpu) {
  if (!vcpu) return;
  if (vcpu->cpu.apic) apic_destroy(vcpu->cpu.apic);
  if (vcpu->cpu.mmu) mmu_destroy(vcpu->cpu.mmu);
  if (vcpu->cpu.cpuid) cpuid_table_destroy(vcpu->cpu.cpuid);
  if (vcpu->blocks) block_cache_destroy(vcpu->blocks);
  release(allocator, vcpu);
}

static struct vmxsim_vcpu *create_vcpu(struct machine *machine, unsigned index) {
  struct vmxsim_vcpu *vcpu = allocate(&machine->allocator, sizeof *vcpu);
  if (!vcpu) return NULL;
  struct vcpu *v = &vcpu->cpu;
  v->index = index;
  v->machine = machine;
  v->signalled = machine_signalled;
  v->capabilities = &machine->processor;
  vcpu->blocks = block_cache_create();
  v->mmu = mmu_create(v, machine->memory);
  v->apic = apic_create(v, index);
  v->cpuid = cpuid_table_create(v->capabilities);
  if (!vcpu->blocks || !v->mmu || !v->apic || !v->cpuid) {
    destroy_vcpu(&machine->allocator, vcpu);
    return NULL;
  }
  decoder_init(&v->decoder, cpuid_decode_features(v->cpuid));
  vcpu_reset(v, 0);
  return vcpu;
}

vmxsim_status vmxsim_machine_create(const struct vmxsim_machine_options *options, vmxsim_machine **result) {
  static const struct vmxsim_allocator standard = {default_reallocate, NULL};
  const struct vmxsim_allocator *allocator = options && options->allocator ? options->allocator : &standard;
  *result = NULL;
  if (options && (options->size != sizeof *options || options->vcpus > VCPUS_MAX)) return VMXSIM_ERROR_ARGUMENT;
  vmxsim_machine *handle = allocate(allocator, sizeof *handle);
  if (!handle) return VMXSIM_ERROR_MEMORY;
  struct machine *machine = &handle->machine;
  machine->allocator = *allocator;
  machine->processor =
      options && options->processor ? *options->processor : vmxsim_profile_find("max", 3)->capabilities;
  machine->timing = options ? (enum timing_model)options->timing : TIMING_FIXED;
  machine->tsc_hz = options && options->tsc_hz ? options->tsc_hz : UINT64_C(2000000000);
  machine->random = options ? options->seed : 0;
  machine->memory = physical_create(machine);
  const unsigned wanted = options && options->vcpus ? options->vcpus : 1;
  while (machine->memory && machine->vcpus < wanted) {
    machine->vcpu[machine->vcpus] = create_vcpu(machine, machine->vcpus);
    if (!machine->vcpu[machine->vcpus]) break;
    machine->vcpus++;
  }
  if (machine->vcpus < wanted) {
    vmxsim_machine_destroy(handle);
    return VMXSIM_ERROR_MEMORY;
  }
  physical_on_code_written(machine->memory, code_written, machine);
  *result = handle;
  return VMXSIM_OK;
}

void vmxsim_machine_destroy(vmxsim_machine *handle) {
  if (!handle) return;
  struct machine *machine = &handle->machine;
  const struct vmxsim_allocator allocator = machine->allocator;
  for (unsigned i = 0; i < machine->vcpus; i++) destroy_vcpu(&allocator, machine->vcpu[i]);
  for (size_t i = 0; i < machine->owned_rams; i++) release(&allocator, machine->owned_ram[i]);
  if (machine->memory) physical_destroy(machine->memory);
  release(&allocator, handle);
}

const char *vmxsim_machine_error(const vmxsim_machine *handle) {
  return handle->machine.error;
}

static bool is_page_range(uint64_t address, uint64_t size) {
  return size && !((address | size) & (PAGE - 1)) && address + size - 1 >= address;
}

vmxsim_status vmxsim_machine_map(vmxsim_machine *handle, uint64_t address, uint64_t size, enum vmxsim_memory_kind kind,
                                 void *host) {
  struct machine *machine = &handle->machine;
  if (!is_page_range(address, size)) {
    fail(machine, "addresses and sizes of mappings are multiples of 4096");
    return VMXSIM_ERROR_ARGUMENT;
  }
  if (!host) {
    if (machine->owned_rams == OWNED_RAM_MAX) return VMXSIM_ERROR_LIMIT;
    host = allocate(&machine->allocator, (size_t)size);
    if (!host) return VMXSIM_ERROR_MEMORY;
    machine->owned_ram[machine->owned_rams++] = host;
  }
  const enum physical_kind physical = kind == VMXSIM_ROM ? PHYSICAL_ROM : PHYSICAL_RAM;
  return physical_map(machine->memory, address, size, physical, host) ? VMXSIM_OK : VMXSIM_ERROR_MEMORY;
}

vmxsim_status vmxsim_machine_map_mmio(vmxsim_machine *handle, uint64_t address, uint64_t size, vmxsim_mmio_read *read,
                                      vmxsim_mmio_write *write, void *context) {
  if (!is_page_range(address, size)) return VMXSIM_ERROR_ARGUMENT;
  return physical_map_mmio(handle->machine.memory, address, size, read, write, context) ? VMXSIM_OK
                                                                                        : VMXSIM_ERROR_MEMORY;
}

vmxsim_status vmxsim_machine_unmap(vmxsim_machine *handle, uint64_t address, uint64_t size) {
  if (!is_page_range(address, size)) return VMXSIM_ERROR_ARGUMENT;
  return physical_unmap(handle->machine.memory, address, size) ? VMXSIM_OK : VMXSIM_ERROR_MEMORY;
}

vmxsim_status vmxsim_machine_read(vmxsim_machine *handle, uint64_t address, void *bytes, size_t size) {
  physical_read(handle->machine.memory, address, bytes, size);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_machine_write(vmxsim_machine *handle, uint64_t address, const void *bytes, size_t size) {
  physical_write(handle->machine.memory, address, bytes, size);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_machine_dirty_log(vmxsim_machine *handle, uint64_t address, uint64_t size, uint64_t *bits,
                                       bool clear) {
  if (!is_page_range(address, size)) return VMXSIM_ERROR_ARGUMENT;
  physical_dirty_log(handle->machine.memory, address, size, bits, clear);
  return VMXSIM_OK;
}

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
  return true;
}

bool io_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value) {
  const struct port_range *range = find_port(v->machine, port);
  wait_for_bus(v, size);
  if (range && range->write) range->write(range->context, port, size, value);
  return true;
}

/* splitmix64 from the seed: the same numbers every time. */
uint64_t machine_random(struct machine *machine) {
  uint64_t z = (machine->random += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

vmxsim_status vmxsim_machine_set_breakpoint(vmxsim_machine *handle, uint64_t linear, bool set) {
  struct machine *machine = &handle->machine;
  size_t kept = 0;
  for (size_t i = 0; i < machine->breakpoints; i++) {
    if (machine->breakpoint[i] != linear) machine->breakpoint[kept++] = machine->breakpoint[i];
  }
  machine->breakpoints = kept;
  if (!set) return VMXSIM_OK;
  if (kept == BREAKPOINTS_MAX) return VMXSIM_ERROR_LIMIT;
  machine->breakpoint[machine->breakpoints++] = linear;
  return VMXSIM_OK;
}

vmxsim_status vmxsim_machine_set_timer(vmxsim_machine *handle, uint64_t cycle, vmxsim_timer *expired, void *context) {
  struct machine *machine = &handle->machine;
  machine_running(machine)->attention |= ATTENTION_BOUNDARY; /* it may be due before what the run loop knows of */
  for (size_t i = 0; i < machine->timer_count; i++) {
    if (machine->timers[i].context != context || machine->timers[i].expired != expired) continue;
    machine->timers[i].cycle = cycle;
    return VMXSIM_OK;
  }
  if (!cycle) return VMXSIM_OK;
  if (machine->timer_count == TIMERS_MAX) return VMXSIM_ERROR_LIMIT;
  machine->timers[machine->timer_count++] = (struct timer){cycle, expired, context, NULL};
  return VMXSIM_OK;
}

void vmxsim_machine_set_acknowledge(vmxsim_machine *handle, vmxsim_interrupt_acknowledge *acknowledge, void *context) {
  for (unsigned i = 0; i < handle->machine.vcpus; i++) {
    handle->machine.vcpu[i]->cpu.interrupt_acknowledge = acknowledge;
    handle->machine.vcpu[i]->cpu.interrupt_acknowledge_context = context;
  }
}
