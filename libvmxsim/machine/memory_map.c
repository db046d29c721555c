/* The memory of a machine by the public face: mapping it, and reaching it from outside. */
#include <string.h>

#include "libvmxsim/machine/host_memory.h"
#include "libvmxsim/machine/machine_internal.h"

static vmxsim_status check_range(struct machine *machine, uint64_t address, uint64_t size) {
  if (size && !((address | size) & (PAGE_SIZE - 1)) && address + (size - 1) >= address) return VMXSIM_OK;
  return machine_fail(machine, VMXSIM_ERROR_ARGUMENT,
                      "addresses and sizes of mappings are multiples of 4096 within 64 bits");
}

/* --- the map ------------------------------------------------------------------------------------------------------ */

/* Zeroed memory of the machine's own; *host is NULL at first. */
static vmxsim_status own_memory(struct machine *machine, uint64_t size, void **host) {
  if (machine->owned_rams == OWNED_RAM_MAX) {
    return machine_fail(machine, VMXSIM_ERROR_LIMIT,
                        "the machine has allocated memory 64 times; map memory of your own");
  }
  if (size > SIZE_MAX / 2) return VMXSIM_ERROR_MEMORY;
  *host = host_memory_allocate(machine_allocator(machine), (size_t)size);
  if (!*host) return VMXSIM_ERROR_MEMORY;
  machine->owned_ram[machine->owned_rams++] = (struct owned_ram){*host, (size_t)size};
  return VMXSIM_OK;
}

static enum physical_kind kind_of(enum vmxsim_memory_kind kind) {
  return kind == VMXSIM_ROM ? PHYSICAL_ROM : PHYSICAL_RAM;
}

vmxsim_status vmxsim_machine_map(vmxsim_machine *handle, uint64_t address, uint64_t size, enum vmxsim_memory_kind kind,
                                 void *host) {
  struct machine *const machine = &handle->machine;
  const bool owned = !host;
  vmxsim_status status = check_range(machine, address, size);
  if (!status && owned) status = own_memory(machine, size, &host);
  if (status) return status;
  if (physical_map(machine->memory, address, size, kind_of(kind), host)) return VMXSIM_OK;
  if (owned) {
    machine->owned_rams--;
    host_memory_release(machine_allocator(machine), host, (size_t)size);
  }
  return VMXSIM_ERROR_MEMORY;
}

vmxsim_status vmxsim_machine_map_mmio(vmxsim_machine *handle, uint64_t address, uint64_t size, vmxsim_mmio_read *read,
                                      vmxsim_mmio_write *write, void *context) {
  struct machine *const machine = &handle->machine;
  const vmxsim_status status = check_range(machine, address, size);
  if (status) return status;
  if (!read || !write) return machine_fail(machine, VMXSIM_ERROR_ARGUMENT, "a device reads and writes");
  return physical_map_mmio(machine->memory, address, size, read, write, context) ? VMXSIM_OK : VMXSIM_ERROR_MEMORY;
}

vmxsim_status vmxsim_machine_unmap(vmxsim_machine *handle, uint64_t address, uint64_t size) {
  const vmxsim_status status = check_range(&handle->machine, address, size);
  if (status) return status;
  return physical_unmap(handle->machine.memory, address, size) ? VMXSIM_OK : VMXSIM_ERROR_MEMORY;
}

vmxsim_status vmxsim_machine_protect(vmxsim_machine *handle, uint64_t address, uint64_t size,
                                     enum vmxsim_memory_kind kind) {
  struct machine *const machine = &handle->machine;
  const vmxsim_status status = check_range(machine, address, size);
  if (status) return status;
  if (!physical_is_mapped(machine->memory, address, size, true)) {
    return machine_fail(machine, VMXSIM_ERROR_GUEST_MEMORY, "not all of the range is RAM or ROM");
  }
  return physical_protect(machine->memory, address, size, kind_of(kind)) ? VMXSIM_OK : VMXSIM_ERROR_MEMORY;
}

/* --- what is not mapped ------------------------------------------------------------------------------------------- */

static void answer(void *context, uint64_t address, unsigned size, bool write, uint64_t *value) {
  struct machine *const machine = context;
  if (machine->unmapped == VMXSIM_UNMAPPED_STOP) {
    machine_stop_for(machine, &(struct stop){.reason = VMXSIM_STOP_UNMAPPED, .address = address});
  } else if (write) {
    machine->unmapped_write(machine->unmapped_context, address, size, *value);
  } else {
    *value = machine->unmapped_read(machine->unmapped_context, address, size);
  }
}

vmxsim_status vmxsim_machine_set_unmapped(vmxsim_machine *handle, enum vmxsim_unmapped choice, vmxsim_mmio_read *read,
                                          vmxsim_mmio_write *write, void *context) {
  struct machine *const machine = &handle->machine;
  if ((unsigned)choice > VMXSIM_UNMAPPED_STOP || (choice == VMXSIM_UNMAPPED_CALLBACK && (!read || !write))) {
    return machine_fail(machine, VMXSIM_ERROR_ARGUMENT, "no such choice, or callbacks are missing");
  }
  machine->unmapped = choice;
  machine->unmapped_read = read;
  machine->unmapped_write = write;
  machine->unmapped_context = context;
  physical_on_unmapped(machine->memory, choice == VMXSIM_UNMAPPED_ONES ? NULL : answer, machine);
  return VMXSIM_OK;
}

/* --- from outside ------------------------------------------------------------------------------------------------- */

static vmxsim_status check_mapped(struct machine *machine, uint64_t address, size_t size) {
  if (size && address + (size - 1) < address) return VMXSIM_ERROR_ARGUMENT;
  if (physical_is_mapped(machine->memory, address, size, false)) return VMXSIM_OK;
  return machine_fail(machine, VMXSIM_ERROR_GUEST_MEMORY, "nothing is mapped there");
}

vmxsim_status vmxsim_machine_read(vmxsim_machine *handle, uint64_t address, void *bytes, size_t size) {
  const vmxsim_status status = check_mapped(&handle->machine, address, size);
  if (!status) physical_read(handle->machine.memory, address, bytes, size);
  return status;
}

vmxsim_status vmxsim_machine_write(vmxsim_machine *handle, uint64_t address, const void *bytes, size_t size) {
  const vmxsim_status status = check_mapped(&handle->machine, address, size);
  if (!status) physical_write_through(handle->machine.memory, address, bytes, size);
  return status;
}

vmxsim_status vmxsim_machine_dirty_log(vmxsim_machine *handle, uint64_t address, uint64_t size, uint64_t *bits,
                                       bool clear) {
  const vmxsim_status status = check_range(&handle->machine, address, size);
  if (!status) physical_dirty_log(handle->machine.memory, address, size, bits, clear);
  return status;
}

/* --- linear addresses --------------------------------------------------------------------------------------------- */

static unsigned access_of(unsigned walk_access) {
  unsigned access = MEM_READ;
  if (walk_access & VMXSIM_WALK_WRITE) access |= MEM_WRITE;
  if (walk_access & VMXSIM_WALK_EXECUTE) access |= MEM_FETCH;
  if (walk_access & VMXSIM_WALK_SUPERVISOR) access |= MEM_SYSTEM;
  if (walk_access & VMXSIM_WALK_USER) access |= MEM_USER;
  return access;
}

vmxsim_status vmxsim_vcpu_walk(vmxsim_vcpu *vcpu, uint64_t linear, unsigned access, struct vmxsim_walk *walk) {
  mem_walk(&vcpu->cpu, linear, access_of(access), walk);
  return walk->end == VMXSIM_WALK_MAPPED ? VMXSIM_OK : VMXSIM_ERROR_GUEST_MEMORY;
}

vmxsim_status vmxsim_vcpu_translate(vmxsim_vcpu *vcpu, uint64_t linear, uint64_t *physical) {
  return mem_translate_quietly(&vcpu->cpu, linear, physical) ? VMXSIM_OK : VMXSIM_ERROR_GUEST_MEMORY;
}

/* The part of a range that lies in one page. */
struct stretch {
  size_t at, size; /* from the range's beginning */
  struct vmxsim_walk walk;
};

/* Goes on to the next stretch of a range, and translates it as a debugger does; false: there is none. */
static bool next_stretch(vmxsim_vcpu *vcpu, uint64_t linear, size_t size, struct stretch *s) {
  s->at += s->size;
  if (s->at == size) return false;
  const uint64_t start = linear + s->at;
  const size_t to_end = PAGE_SIZE - (size_t)(start & (PAGE_SIZE - 1)), left = size - s->at;
  s->size = left < to_end ? left : to_end;
  mem_walk(&vcpu->cpu, start, MEM_READ | MEM_SYSTEM, &s->walk);
  return true;
}

static vmxsim_status check_linear(vmxsim_vcpu *vcpu, uint64_t linear, size_t size, struct vmxsim_walk *failure) {
  for (struct stretch s = {.at = 0}; next_stretch(vcpu, linear, size, &s);) {
    if (s.walk.page_size && s.walk.end != VMXSIM_WALK_UNMAPPED) continue;
    if (failure) *failure = s.walk;
    return VMXSIM_ERROR_GUEST_MEMORY;
  }
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_read_linear(vmxsim_vcpu *vcpu, uint64_t linear, void *bytes, size_t size,
                                      struct vmxsim_walk *failure) {
  const vmxsim_status status = check_linear(vcpu, linear, size, failure);
  for (struct stretch s = {.at = 0}; !status && next_stretch(vcpu, linear, size, &s);)
    physical_read(vcpu->cpu.machine->memory, s.walk.physical, (uint8_t *)bytes + s.at, s.size);
  return status;
}

vmxsim_status vmxsim_vcpu_write_linear(vmxsim_vcpu *vcpu, uint64_t linear, const void *bytes, size_t size,
                                       struct vmxsim_walk *failure) {
  const vmxsim_status status = check_linear(vcpu, linear, size, failure);
  for (struct stretch s = {.at = 0}; !status && next_stretch(vcpu, linear, size, &s);)
    physical_write_through(vcpu->cpu.machine->memory, s.walk.physical, (const uint8_t *)bytes + s.at, s.size);
  return status;
}

const char *vmxsim_walk_end_text(enum vmxsim_walk_end end) {
  static const char *const texts[VMXSIM_WALK_ENDS] = {
      [VMXSIM_WALK_MAPPED] = "mapped",
      [VMXSIM_WALK_NOT_CANONICAL] = "not a canonical address",
      [VMXSIM_WALK_NOT_PRESENT] = "an entry is not present",
      [VMXSIM_WALK_RESERVED_BIT] = "an entry has a reserved bit set",
      [VMXSIM_WALK_SUPERVISOR_PAGE] = "a supervisor page",
      [VMXSIM_WALK_READ_ONLY] = "a read-only page",
      [VMXSIM_WALK_EXECUTE_DISABLED] = "an execute-disabled page",
      [VMXSIM_WALK_SMEP] = "a user page, which SMEP lets no supervisor execute",
      [VMXSIM_WALK_SMAP] = "a user page, which SMAP lets no supervisor access",
      [VMXSIM_WALK_PROTECTION_KEY] = "denied by a protection key",
      [VMXSIM_WALK_NO_SHADOW_STACK] = "no shadow-stack page",
      [VMXSIM_WALK_UNMAPPED] = "nothing is mapped at the physical address",
  };
  return (unsigned)end < VMXSIM_WALK_ENDS ? texts[end] : "unknown";
}
