/* The inputs of checks, numbered in one space: VMCS fields, capabilities, processor state, memory. */
#ifndef VMXSIM_CHECKS_INPUTS_H
#define VMXSIM_CHECKS_INPUTS_H

#include "vmxsim/checks.h"

enum input {
#define FIELD(encoding, name, exists, term) INPUT_##name,
#include "vmxsim/tables/fields.def"
#undef FIELD
#define CAPABILITY_MSR(name, index, title) INPUT_cap_##name,
#define CAPABILITY_NUMBER(name, unit) INPUT_cap_##name,
#define CAPABILITY_DERIVED(name, about) INPUT_cap_##name,
#include "vmxsim/tables/capabilities.def"
#undef CAPABILITY_MSR
#undef CAPABILITY_NUMBER
#undef CAPABILITY_DERIVED
#define PROCESSOR_STATE(name, assumed, about) INPUT_cpu_##name,
#include "vmxsim/tables/processor_state.def"
#undef PROCESSOR_STATE
#define MEMORY_INPUT(name, about) INPUT_mem_##name,
#include "vmxsim/tables/memory_inputs.def"
#undef MEMORY_INPUT
  INPUT_COUNT,
  INPUT_FIRST_CAPABILITY = VMXSIM_FIELD_COUNT,
  INPUT_FIRST_PROCESSOR = INPUT_FIRST_CAPABILITY + VMXSIM_CAPABILITY_COUNT,
  INPUT_FIRST_MEMORY = INPUT_FIRST_PROCESSOR + VMXSIM_PROCESSOR_ITEM_COUNT,
};

_Static_assert((unsigned)INPUT_COUNT <= 64u * VMXSIM_INPUT_SET_WORDS, "a set of inputs has 64 bits a word");

#endif
