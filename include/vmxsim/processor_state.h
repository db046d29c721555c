/* The state of the logical processor that VM entry looks at besides the VMCS. */
#ifndef VMXSIM_PROCESSOR_STATE_H
#define VMXSIM_PROCESSOR_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vmxsim_processor_item {
#define PROCESSOR_STATE(name, assumed, about) VMXSIM_PROCESSOR_##name,
#include "vmxsim/tables/processor_state.def"
#undef PROCESSOR_STATE
  VMXSIM_PROCESSOR_ITEM_COUNT
};

/* tables/processor_state.def says what each item is. An item is known, assumed (a value that nobody gave but that
 * is likely), or neither: the checks that need it are then undecided. */
struct vmxsim_processor_state {
  uint64_t item[VMXSIM_PROCESSOR_ITEM_COUNT];
  uint64_t known;   /* 1 << VMXSIM_PROCESSOR_... */
  uint64_t assumed; /* likewise; an item is never both */
};

void vmxsim_processor_state_set(struct vmxsim_processor_state *state, enum vmxsim_processor_item item, uint64_t value);
/* Puts the default of tables/processor_state.def, as an assumption, wherever nothing is known. Being outside SMM and
 * SEAM is taken as known: VMMs that are not say so. */
void vmxsim_processor_state_assume(struct vmxsim_processor_state *state);
/* The same, taken as known: a processor in the usual state for a VM entry. */
void vmxsim_processor_state_usual(struct vmxsim_processor_state *state);

const char *vmxsim_processor_item_name(unsigned item);  /* NULL past the last */
const char *vmxsim_processor_item_about(unsigned item); /* NULL past the last */

#ifdef __cplusplus
}
#endif
#endif
