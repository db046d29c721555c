/* Guest-physical memory as checks read it. */
#include "checks/context.h"
#include "vmcs/architecture.h"

static bool read_memory(struct check_context *x, uint64_t address, void *bytes, size_t size) {
  const struct vmxsim_check_input *input = x->input;
  x->memory_read = true;
  const bool read = input->read_memory && input->read_memory(input->memory_context, address, bytes, size);
  if (!read) x->memory_failed = true;
  return read;
}

/* All eight, so that the compiler makes one load of it. */
static uint64_t little_endian(const uint8_t bytes[8]) {
  uint64_t value = 0;
  for (unsigned i = 0; i < 8; i++) value |= (uint64_t)bytes[i] << (8 * i);
  return value;
}

uint64_t context_read_little_endian(struct check_context *x, uint64_t address, size_t size) {
  uint8_t bytes[8] = {0};
  return read_memory(x, address, bytes, size) ? little_endian(bytes) : 0;
}

/* More entries than the architecture's largest recommended maximum are not looked at. */
uint32_t context_msr_entries(const struct check_context *x) {
  enum { ENTRIES_MAX = 4096 };
  const uint64_t count = x->field[VMXSIM_FIELD_vm_entry_msr_load_count];
  return count > ENTRIES_MAX ? ENTRIES_MAX : (uint32_t)count;
}

bool context_load_msr_entry(struct check_context *x, uint32_t number) {
  const uint64_t area = x->field[VMXSIM_FIELD_vm_entry_msr_load_address];
  const struct vmxsim_field_set *known = &x->input->vmcs->known;
  uint8_t bytes[16];
  x->entry = (struct msr_entry){.number = number};
  if (!vmxsim_field_set_has(known, VMXSIM_FIELD_vm_entry_msr_load_address)) return false;
  if (number > context_msr_entries(x)) return false;
  if (!read_memory(x, area + 16 * (uint64_t)(number - 1), bytes, sizeof bytes)) return false;
  const uint64_t first = little_endian(bytes);
  x->entry.index = (uint32_t)first;
  x->entry.reserved = (uint32_t)(first >> 32);
  x->entry.data = little_endian(bytes + 8);
  return true;
}
