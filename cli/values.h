/* Values of fields, controls and MSRs in words. */
#ifndef VMXSIM_CLI_VALUES_H
#define VMXSIM_CLI_VALUES_H

#include "cli/output.h"
#include "vmxsim/bits.h"
#include "vmxsim/capabilities.h"

enum { VALUE_TEXT_BYTES = 4096 };

/* What a field's value means: named bits, or the controls that are 1; "" if there is nothing to say. */
void field_value_text(vmxsim_field field, uint64_t value, char *text, size_t size);

/* Every bit of a control word, set and clear, a line each. */
void print_control_word(const struct output *output, vmxsim_control_word word, uint64_t value);
/* Every sub-field of a layout with its value, a line each; bits that have no name and are set, too. */
void print_layout(const struct output *output, vmxsim_layout layout, uint64_t value);
/* Every sub-field of a layout and what it is. */
void print_layout_description(const struct output *output, vmxsim_layout layout);

/* The layout of a capability MSR's value, VMXSIM_LAYOUT_COUNT if it has none. */
vmxsim_layout layout_of_capability(unsigned capability);
/* The control word that a capability MSR speaks of, VMXSIM_WORD_COUNT if none. */
vmxsim_control_word word_of_capability(unsigned capability);
/* Whether it is one of the MSRs that say, in two halves, what must be 1 and what may be 1. */
bool capability_has_two_halves(unsigned capability);

/* "#PF" for exceptions, NULL for vectors without a name. */
const char *exception_mnemonic(uint64_t vector);

#endif
