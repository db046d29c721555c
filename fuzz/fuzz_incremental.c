/* Random sequences of field writes: the incremental verdict is the full one after each step, and both expansions of the
 * catalog agree. */
#include <stdlib.h>
#include <string.h>

#include "checks/context.h"
#include "vmxsim/vmxsim.h"

struct reader {
  const uint8_t *at;
  size_t left;
};

static uint64_t take(struct reader *reader, unsigned bytes) {
  uint64_t value = 0;
  for (unsigned i = 0; i < bytes && reader->left; i++, reader->left--) value |= (uint64_t)*reader->at++ << (8 * i);
  return value;
}

/* Memory is the rest of the input, repeated. */
static bool read_memory(void *context, uint64_t address, void *bytes, size_t size) {
  const struct reader *all = context;
  for (size_t i = 0; i < size; i++) {
    ((uint8_t *)bytes)[i] = all->left ? all->at[(address + i) % all->left] : 0;
  }
  return true;
}

static void compare(const struct vmxsim_verdict *a, const struct vmxsim_verdict *b) {
  for (unsigned group = 0; group < GROUP_COUNT; group++) {
    if (a->broken[group] != b->broken[group] || a->undecided[group] != b->undecided[group]) abort();
  }
  if (a->broken_groups != b->broken_groups || a->msr_load_entry != b->msr_load_entry) abort();
}

/* One write: which field, how to change it. */
static void change(struct reader *reader, struct vmxsim_vmcs *vmcs) {
  const vmxsim_field field = (vmxsim_field)(take(reader, 1) % VMXSIM_FIELD_COUNT);
  const uint64_t how = take(reader, 1);
  const unsigned bits = vmxsim_field_bits(field);
  const uint64_t limit = ~UINT64_C(0) >> (64 - bits);
  uint64_t value = vmcs->value[field];
  if (how < 128) {
    value ^= UINT64_C(1) << (how % bits);
  } else if (how < 200) {
    value = take(reader, 1 + how % 8);
  } else {
    value = how & 1 ? limit : 0;
  }
  vmxsim_vmcs_set(vmcs, field, value & limit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct reader reader = {data, size}, all = {data, size};
  const struct vmxsim_template *base = vmxsim_template_at(take(&reader, 1) % vmxsim_template_count());
  const struct vmxsim_capabilities *capabilities =
      &vmxsim_profile_at(take(&reader, 1) % vmxsim_profile_count())->capabilities;
  struct vmxsim_vmcs vmcs = base->vmcs;
  struct vmxsim_processor_state state = base->state;
  const struct vmxsim_check_input input = {&vmcs, &state, &capabilities, 1, read_memory, &all};
  struct vmxsim_verdict verdict, full, partial;
  if (take(&reader, 1) & 1) state.item[take(&reader, 1) % VMXSIM_PROCESSOR_ITEM_COUNT] ^= 1;
  vmxsim_check_all(&input, &verdict);
  for (int step = 0; reader.left && step < 64; step++) {
    memset(&vmcs.changed, 0, sizeof vmcs.changed);
    for (uint64_t changes = 1 + take(&reader, 1) % 4; changes; changes--) change(&reader, &vmcs);
    vmxsim_check_changed(&input, &vmcs.changed, &verdict);
    vmxsim_check_all(&input, &full);
    compare(&verdict, &full);
    struct probe probe;
    struct check_context x = {.field = vmcs.value, .capabilities = capabilities, .input = &input, .probe = &probe};
    partial_check_all(&x, &partial);
    compare(&full, &partial);
  }
  return 0;
}
