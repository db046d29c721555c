#include "vmxsim/processor_state.h"

static const struct {
  const char *name, *about;
  uint64_t usual;
} items[VMXSIM_PROCESSOR_ITEM_COUNT] = {
#define PROCESSOR_STATE(name, assumed, about) {#name, about, assumed},
#include "vmxsim/tables/processor_state.def"
#undef PROCESSOR_STATE
};

void vmxsim_processor_state_set(struct vmxsim_processor_state *state, enum vmxsim_processor_item item, uint64_t value) {
  state->item[item] = value;
  state->known |= UINT64_C(1) << item;
  state->assumed &= ~(UINT64_C(1) << item);
}

/* Only an SMM-transfer monitor enters a VM from SMM, only the TDX module in SEAM: who is one of those says so. */
static bool is_certain(unsigned item) {
  return item == VMXSIM_PROCESSOR_in_smm || item == VMXSIM_PROCESSOR_in_seam;
}

void vmxsim_processor_state_assume(struct vmxsim_processor_state *state) {
  for (unsigned i = 0; i < VMXSIM_PROCESSOR_ITEM_COUNT; i++) {
    if ((state->known >> i) & 1) continue;
    if (is_certain(i)) {
      vmxsim_processor_state_set(state, (enum vmxsim_processor_item)i, items[i].usual);
      continue;
    }
    state->item[i] = items[i].usual;
    state->assumed |= UINT64_C(1) << i;
  }
}

void vmxsim_processor_state_usual(struct vmxsim_processor_state *state) {
  for (unsigned i = 0; i < VMXSIM_PROCESSOR_ITEM_COUNT; i++) {
    vmxsim_processor_state_set(state, (enum vmxsim_processor_item)i, items[i].usual);
  }
}

const char *vmxsim_processor_item_name(unsigned item) {
  return item < VMXSIM_PROCESSOR_ITEM_COUNT ? items[item].name : 0;
}

const char *vmxsim_processor_item_about(unsigned item) {
  return item < VMXSIM_PROCESSOR_ITEM_COUNT ? items[item].about : 0;
}
