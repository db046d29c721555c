/* Collecting a case and putting it into the document. */
#include "text_case.h"

#include <string.h>

static const struct text_report nothing_reported = {.kind = -1, .vmresume = -1};

void text_case_begin(struct text_case *text, const char *format, unsigned line) {
  memset(text->values, 0, sizeof text->values);
  text->open = true;
  text->format = format;
  text->line = line;
  text->value_count = text->not_understood = text->entry_load_count = 0;
  text->last_not_understood = 0;
  text->report = nothing_reported;
  text->decimal = false;
}

static bool fits(vmxsim_field field, uint64_t value) {
  const unsigned bits = vmxsim_field_bits(field);
  return bits == 64 || !(value >> bits);
}

vmxsim_status text_case_set(struct text_case *text, vmxsim_field field, uint64_t value, unsigned line,
                            unsigned column) {
  struct text_value *known = &text->values[field];
  if (!fits(field, value)) return VMXSIM_ERROR_WIDTH;
  text->value_count += !known->given;
  *known = (struct text_value){.value = value, .line = line, .column = column, .given = true};
  return VMXSIM_OK;
}

void text_case_forget(struct text_case *text, vmxsim_field field) {
  text->value_count -= text->values[field].given;
  text->values[field].given = false;
}

void text_case_not_understood(struct text_case *text, unsigned line) {
  text_case_name_not_understood(text, line, NULL, 0);
}

void text_case_name_not_understood(struct text_case *text, unsigned line, const char *name, size_t length) {
  enum { LENGTH_MAX = 64 };
  const size_t n = text->not_understood;
  if (!text->open || text->last_not_understood == line) return;
  if (n < TEXT_LINES_KEPT) {
    text->not_understood_lines[n] = line;
    /* Without memory the line still counts. */
    text->not_understood_names[n] =
        name ? document_string(text->document, name, length < LENGTH_MAX ? length : LENGTH_MAX) : NULL;
  }
  text->not_understood++;
  text->last_not_understood = line;
}

/* Settles what was left open: unmarked numbers, halves. */
static vmxsim_status settle(struct text_case *text, struct vmxsim_diagnostic *diagnostic) {
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    struct text_value *known = &text->values[i];
    const vmxsim_field field = (vmxsim_field)i;
    if (!known->given) continue;
    if (known->unmarked && text->decimal && known->has_decimal) known->value = known->decimal;
    if (!fits(field, known->value)) {
      return diagnose(diagnostic, VMXSIM_ERROR_WIDTH, known->line, known->column,
                      "%s is a field of %u bits; the value does not fit", vmxsim_field_name(field),
                      vmxsim_field_bits(field));
    }
    if (known->has_high) known->value = (known->value & UINT32_MAX) | known->high << 32;
  }
  return VMXSIM_OK;
}

static bool known(const struct text_case *text, vmxsim_field field) {
  return text->values[field].given;
}

/* The entry that failed, as exit reason 34 counts them. Xen prints it with its content. */
static void place_failed_entry(struct text_case *text) {
  const uint64_t number = text->report.number;
  if (!text->report.has_msr || text->entry_load_count || number < 1 || number > TEXT_MSRS_MAX) return;
  text->entry_load[number - 1] = text->report.msr;
  text_case_set(text, VMXSIM_FIELD_vm_entry_msr_load_count, number, text->line, 1);
}

static void put_little_endian(uint8_t *to, uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; i++) to[i] = (uint8_t)(value >> (8 * i));
}

/* No dump gives the address of the VM-entry MSR-load area: if it gives entries, they are put at an address of ours. */
static bool lay_out_msrs(struct text_case *text, struct vmxsim_case *to) {
  enum { ADDRESS = 0x1000, ENTRY = 16 };
  const bool single = text->report.has_msr && !text->entry_load_count;
  const size_t first = single ? text->report.number - 1 : 0;
  const size_t count = single ? 1 : text->entry_load_count;
  if (single && !(text->report.number >= 1 && text->report.number <= TEXT_MSRS_MAX)) return true;
  if (!count) return true;
  uint8_t *bytes = document_allocate(text->document, count, ENTRY);
  struct vmxsim_memory_bytes *memory = document_allocate(text->document, 1, sizeof *memory);
  if (!bytes || !memory) return false;
  for (size_t i = 0; i < count; i++) {
    put_little_endian(bytes + ENTRY * i, text->entry_load[first + i].index, 4);
    put_little_endian(bytes + ENTRY * i + 4, 0, 4);
    put_little_endian(bytes + ENTRY * i + 8, text->entry_load[first + i].value, 8);
  }
  if (!known(text, VMXSIM_FIELD_vm_entry_msr_load_address)) {
    text_case_set(text, VMXSIM_FIELD_vm_entry_msr_load_address, ADDRESS, text->line, 1);
  }
  const uint64_t area = text->values[VMXSIM_FIELD_vm_entry_msr_load_address].value;
  *memory = (struct vmxsim_memory_bytes){area + ENTRY * first, ENTRY * count, bytes};
  to->memory = memory;
  to->memory_count = 1;
  return true;
}

static bool put_values(struct text_case *text, struct vmxsim_case *to) {
  struct vmxsim_field_value *values = document_allocate(text->document, text->value_count + 1, sizeof *values);
  size_t count = 0;
  if (!values) return false;
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    const struct text_value *value = &text->values[i];
    if (!value->given) continue;
    values[count++] = (struct vmxsim_field_value){
        .field = (vmxsim_field)i, .line = value->line, .column = value->column, .value = value->value};
  }
  to->values = values;
  to->value_count = count;
  return true;
}

/* If nothing in the log says how the entry went, a VM-exit information area with bit 31 of the exit reason does. Bit 31
 * clear says nothing: after a VMfail, the exit reason is that of an earlier exit. But 33 and 34 are those of failed
 * entries only: whoever prints them alone (bhyve) has cut bit 31 off. */
static void report_outcome(const struct text_case *text, struct vmxsim_case *to) {
  struct text_report report = text->report;
  const struct text_value *reason = &text->values[VMXSIM_FIELD_exit_reason];
  const struct text_value *qualification = &text->values[VMXSIM_FIELD_exit_qualification];
  const uint32_t basic = (uint32_t)(reason->value & 0xffff);
  const bool failed = (reason->value >> 31) || reason->value == basic;
  if (report.kind < 0 && reason->given && failed && (basic == 33 || basic == 34)) {
    report.kind = basic == 33 ? VMXSIM_ENTRY_EXIT_33 : VMXSIM_ENTRY_EXIT_34;
  }
  const struct text_value *error = &text->values[VMXSIM_FIELD_vm_instruction_error];
  if (report.kind < 0 && error->given && !qualification->given && error->value && error->value <= UINT16_MAX) {
    report.kind = VMXSIM_ENTRY_FAIL_VALID;
    report.number = (uint32_t)error->value;
  }
  if ((report.kind == VMXSIM_ENTRY_EXIT_33 || report.kind == VMXSIM_ENTRY_EXIT_34) && qualification->given) {
    report.number = (uint32_t)qualification->value;
  }
  to->reported_outcome_kind = report.kind;
  to->reported_outcome_number = report.number;
}

static void put_state(const struct text_case *text, struct vmxsim_case *to) {
  const struct text_value *controls = &text->values[VMXSIM_FIELD_vm_exit_controls];
  if (text->report.vmresume >= 0) {
    vmxsim_processor_state_set(&to->state, VMXSIM_PROCESSOR_vmresume, (uint64_t)text->report.vmresume);
  }
  vmxsim_processor_state_assume(&to->state);
  if (controls->given && !((controls->value >> VMXSIM_BIT_vm_exit_host_address_space_size) & 1)) {
    to->state.item[VMXSIM_PROCESSOR_efer_lma] = 0; /* still only assumed */
    to->state.item[VMXSIM_PROCESSOR_cs_l] = 0;
  }
}

vmxsim_status text_case_end(struct text_case *text, struct vmxsim_diagnostic *diagnostic) {
  if (!text->open) return VMXSIM_OK;
  text->open = false;
  if (!text->value_count) return VMXSIM_OK;
  const vmxsim_status status = settle(text, diagnostic);
  if (status != VMXSIM_OK) return status;
  const struct text_value *qualification = &text->values[VMXSIM_FIELD_exit_qualification];
  if (text->report.kind == VMXSIM_ENTRY_EXIT_34 && qualification->given && qualification->value <= UINT32_MAX) {
    text->report.number = (uint32_t)qualification->value;
  }
  place_failed_entry(text);
  struct vmxsim_case *to = document_append_case(text->document);
  if (!to || !lay_out_msrs(text, to) || !put_values(text, to)) return diagnose_no_memory(diagnostic);
  to->line = text->line;
  to->format = text->format;
  to->not_understood = text->not_understood;
  if (text->not_understood) {
    const size_t kept = text->not_understood < TEXT_LINES_KEPT ? text->not_understood : TEXT_LINES_KEPT;
    to->not_understood_lines = document_copy(text->document, text->not_understood_lines, kept, sizeof(unsigned));
    to->not_understood_names = document_copy(text->document, text->not_understood_names, kept, sizeof(const char *));
    if (!to->not_understood_lines || !to->not_understood_names) return diagnose_no_memory(diagnostic);
  }
  report_outcome(text, to);
  put_state(text, to);
  return VMXSIM_OK;
}
