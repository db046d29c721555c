/* What happens in VMX operation, as text and as JSON: entries, exits, injections, VMREAD and VMWRITE. */
#include "libvmxsim/machine/event_line.h"
#include "vmxsim/vmx.h"

static const char *const mnemonics[VMXSIM_VMX_OPCODES] = {
    [VMXSIM_VMXON] = "VMXON",     [VMXSIM_VMXOFF] = "VMXOFF",     [VMXSIM_VMPTRLD] = "VMPTRLD",
    [VMXSIM_VMPTRST] = "VMPTRST", [VMXSIM_VMCLEAR] = "VMCLEAR",   [VMXSIM_VMREAD] = "VMREAD",
    [VMXSIM_VMWRITE] = "VMWRITE", [VMXSIM_VMLAUNCH] = "VMLAUNCH", [VMXSIM_VMRESUME] = "VMRESUME",
    [VMXSIM_VMCALL] = "VMCALL",   [VMXSIM_VMFUNC] = "VMFUNC",     [VMXSIM_INVEPT] = "INVEPT",
    [VMXSIM_INVVPID] = "INVVPID",
};

static const char *event_type(unsigned type) {
  static const char *const names[] = {"external interrupt", "1",  "NMI", "exception", "software interrupt", "INT1",
                                      "software exception", "MTF"};
  return names[type & 7];
}

static const char *field_name(uint64_t encoding) {
  const vmxsim_field field =
      encoding > UINT32_MAX ? VMXSIM_FIELD_COUNT : vmxsim_field_from_encoding((uint32_t)encoding);
  return field == VMXSIM_FIELD_COUNT ? "(no field)" : vmxsim_field_name(field);
}

static bool is_access(const struct vmxsim_vmx_trace *t) {
  return t->opcode == VMXSIM_VMREAD || t->opcode == VMXSIM_VMWRITE;
}

static bool has_pointer(const struct vmxsim_vmx_trace *t) {
  return t->opcode == VMXSIM_VMXON || t->opcode == VMXSIM_VMPTRLD || t->opcode == VMXSIM_VMPTRST ||
         t->opcode == VMXSIM_VMCLEAR;
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void put_failure(struct event_line *line, const struct vmxsim_vmx_trace *t) {
  if (t->fail == VMXSIM_VMX_FAIL_INVALID) event_put(line, "  VMfailInvalid");
  if (t->fail != VMXSIM_VMX_FAIL_VALID) return;
  const struct vmxsim_numbered_name *error = vmxsim_instruction_error(t->error);
  event_put(line, "  VMfailValid(%u): %s", t->error, error ? error->term : "");
}

static void put_instruction(struct event_line *line, const struct vmxsim_vmx_trace *t) {
  event_put(line, "%-8s", mnemonics[t->opcode]);
  if (is_access(t) && !t->fail) {
    event_put(line, " %s %s 0x%llx", field_name(t->encoding), t->opcode == VMXSIM_VMREAD ? "->" : "<-",
              (number)t->value);
  } else if (is_access(t)) {
    event_put(line, " 0x%llx", (number)t->encoding);
  } else if (has_pointer(t)) {
    event_put(line, " 0x%llx", (number)t->pointer);
  }
  put_failure(line, t);
}

static void put_entry(struct event_line *line, const struct vmxsim_vmx *vmx, const struct vmxsim_vmx_trace *t) {
  struct vmxsim_check_info info;
  char text[200];
  event_put(line, "%-8s ", mnemonics[t->opcode]);
  if (t->outcome->kind == VMXSIM_ENTRY_SUCCEEDS) {
    event_put(line, "to 0x%llx", (number)vmxsim_vmcs_get(&vmx->vmcs, VMXSIM_FIELD_guest_rip));
    return;
  }
  vmxsim_outcome_text(t->outcome, text, sizeof text);
  event_put(line, "%s", text);
  if (vmxsim_check_describe(t->outcome->check, &info)) event_put(line, "  [%s]", info.id);
}

static void put_event(struct event_line *line, const struct vmxsim_vmx_event *e) {
  event_put(line, "%s 0x%02x", event_type(e->type), e->vector);
  if (e->has_error_code) event_put(line, "  error code 0x%x", e->error_code);
}

static void put_exit(struct event_line *line, const struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *e) {
  const struct vmxsim_numbered_name *reason = vmxsim_exit_reason(e->reason);
  event_put(line, "%u %s", e->reason, reason ? reason->term : "");
  event_put(line, "  at 0x%llx", (number)vmxsim_vmcs_get(&vmx->vmcs, VMXSIM_FIELD_guest_rip));
  if (e->qualification) event_put(line, "  qualification 0x%llx", (number)e->qualification);
  if (!e->has_event) return;
  event_put(line, "  ");
  put_event(line, &e->event);
}

void event_put_vmx(struct event_line *line, const struct vmxsim_event *event) {
  const struct vmxsim_vmx_trace *t = event->u.vmx.trace;
  switch (t->kind) {
  case VMXSIM_VMX_TRACE_INSTRUCTION: put_instruction(line, t); break;
  case VMXSIM_VMX_TRACE_ENTRY: put_entry(line, event->u.vmx.vmx, t); break;
  case VMXSIM_VMX_TRACE_INJECTION: put_event(line, t->event); break;
  case VMXSIM_VMX_TRACE_EXIT: put_exit(line, event->u.vmx.vmx, t->exit); break;
  case VMXSIM_VMX_TRACE_ABORT: event_put(line, "indicator %u", t->error); break;
  }
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void put_instruction_members(struct event_line *line, const struct vmxsim_vmx_trace *t) {
  static const char *const results[] = {"succeed", "fail_invalid", "fail_valid"};
  event_put(line, ", \"instruction\": \"%s\", \"result\": \"%s\"", mnemonics[t->opcode], results[t->fail]);
  if (t->fail == VMXSIM_VMX_FAIL_VALID) event_put(line, ", \"error\": %u", t->error);
  if (has_pointer(t)) event_put(line, ", \"pointer\": \"0x%llx\"", (number)t->pointer);
  if (!is_access(t)) return;
  event_put(line, ", \"encoding\": %llu, \"field\": \"%s\", \"value\": \"0x%llx\"", (number)t->encoding,
            field_name(t->encoding), (number)t->value);
}

static void put_entry_members(struct event_line *line, const struct vmxsim_vmx_trace *t) {
  struct vmxsim_check_info info;
  char text[200];
  vmxsim_outcome_text(t->outcome, text, sizeof text);
  event_put(line, ", \"instruction\": \"%s\", \"outcome\": \"%s\", \"number\": %u", mnemonics[t->opcode], text,
            t->outcome->number);
  if (vmxsim_check_describe(t->outcome->check, &info)) event_put(line, ", \"check\": \"%s\"", info.id);
}

static void put_event_members(struct event_line *line, const struct vmxsim_vmx_event *e) {
  event_put(line, ", \"type\": \"%s\", \"vector\": %u", event_type(e->type), e->vector);
  if (e->has_error_code) event_put(line, ", \"error_code\": %u", e->error_code);
}

static void put_exit_members(struct event_line *line, const struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *e) {
  const struct vmxsim_numbered_name *reason = vmxsim_exit_reason(e->reason);
  event_put(line, ", \"reason\": %u, \"name\": \"%s\", \"guest_rip\": \"0x%llx\", \"qualification\": \"0x%llx\"",
            e->reason, reason ? reason->name : "", (number)vmxsim_vmcs_get(&vmx->vmcs, VMXSIM_FIELD_guest_rip),
            (number)e->qualification);
  if (e->has_event) put_event_members(line, &e->event);
}

void event_put_vmx_members(struct event_line *line, const struct vmxsim_event *event) {
  const struct vmxsim_vmx_trace *t = event->u.vmx.trace;
  switch (t->kind) {
  case VMXSIM_VMX_TRACE_INSTRUCTION: put_instruction_members(line, t); break;
  case VMXSIM_VMX_TRACE_ENTRY: put_entry_members(line, t); break;
  case VMXSIM_VMX_TRACE_INJECTION: put_event_members(line, t->event); break;
  case VMXSIM_VMX_TRACE_EXIT: put_exit_members(line, event->u.vmx.vmx, t->exit); break;
  case VMXSIM_VMX_TRACE_ABORT: event_put(line, ", \"indicator\": %u", t->error); break;
  }
}
