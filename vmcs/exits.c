/* Names of exit reasons and VM-instruction errors. */
#include "vmxsim/exits.h"
#include "vmcs/names.h"

static const struct vmxsim_numbered_name exit_reasons[] = {
#define EXIT_REASON(number, name, term, about) {number, #name, term, about},
#include "vmxsim/tables/exit_reasons.def"
#undef EXIT_REASON
};

static const struct vmxsim_numbered_name instruction_errors[] = {
#define INSTRUCTION_ERROR(number, name, term) {number, #name, term, ""},
#include "vmxsim/tables/instruction_errors.def"
#undef INSTRUCTION_ERROR
};

static const struct {
  uint32_t number;
  const char *text;
} aliases[] = {
#define EXIT_REASON_ALIAS(number, source, alias) {number, alias},
#include "vmcs/exit_reason_aliases.def"
#undef EXIT_REASON_ALIAS
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct vmxsim_numbered_name *by_number(const struct vmxsim_numbered_name *table, size_t count,
                                                    uint32_t number) {
  for (size_t i = 0; i < count; i++) {
    if (table[i].number == number) return &table[i];
  }
  return NULL;
}

const struct vmxsim_numbered_name *vmxsim_exit_reason(uint32_t number) {
  return by_number(exit_reasons, COUNT(exit_reasons), number);
}

const struct vmxsim_numbered_name *vmxsim_instruction_error(uint32_t number) {
  return by_number(instruction_errors, COUNT(instruction_errors), number);
}

const struct vmxsim_numbered_name *vmxsim_exit_reason_at(size_t index) {
  return index < COUNT(exit_reasons) ? &exit_reasons[index] : NULL;
}

const struct vmxsim_numbered_name *vmxsim_instruction_error_at(size_t index) {
  return index < COUNT(instruction_errors) ? &instruction_errors[index] : NULL;
}

const struct vmxsim_numbered_name *vmxsim_exit_reason_from_name(const char *name, size_t length) {
  for (size_t i = 0; i < COUNT(exit_reasons); i++) {
    if (names_equal(exit_reasons[i].name, name, length) || names_equal(exit_reasons[i].term, name, length)) {
      return &exit_reasons[i];
    }
  }
  for (size_t i = 0; i < COUNT(aliases); i++) {
    if (names_equal(aliases[i].text, name, length)) return vmxsim_exit_reason(aliases[i].number);
  }
  return NULL;
}
