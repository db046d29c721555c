/* Events as lines of text and of JSON. */
#include <stdarg.h>
#include <stdio.h>

#include "decode/disassemble.h"
#include "libvmxsim/machine/event_line.h"
#include "vmxsim/machine.h"

static const struct {
  const char *name, *group, *about;
} kinds[VMXSIM_EVENT_KINDS] = {
#define EVENT(name, group, about) {#name, #group, about},
#include "vmxsim/tables/events.def"
#undef EVENT
};

const char *vmxsim_event_name(unsigned kind) {
  return kind < VMXSIM_EVENT_KINDS ? kinds[kind].name : NULL;
}

const char *vmxsim_event_group(unsigned kind) {
  return kind < VMXSIM_EVENT_KINDS ? kinds[kind].group : NULL;
}

const char *vmxsim_event_about(unsigned kind) {
  return kind < VMXSIM_EVENT_KINDS ? kinds[kind].about : NULL;
}

size_t vmxsim_disassemble(unsigned bits, uint64_t address, const uint8_t *bytes, size_t count, char *text,
                          size_t size) {
  return decode_disassemble(bits, address, bytes, count, text, size);
}

/* --- a line that grows -------------------------------------------------------------------------------------------- */

void event_put(struct event_line *line, const char *format, ...) {
  const bool full = line->length >= line->size;
  va_list arguments;
  va_start(arguments, format);
  const int n =
      vsnprintf(full ? NULL : line->text + line->length, full ? 0 : line->size - line->length, format, arguments);
  va_end(arguments);
  if (n > 0) line->length += (size_t)n;
}

/* --- both forms --------------------------------------------------------------------------------------------------- */

static const char *exception_name(unsigned vector) {
  static const char *const names[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9",   "#TS",
                                      "#NP", "#SS", "#GP", "#PF", "15",  "#MF", "#AC", "#MC", "#XM", "#VE", "#CP"};
  return vector < sizeof names / sizeof names[0] ? names[vector] : "";
}

static const char *delivery_name(unsigned delivery) {
  static const char *const names[] = {"fixed", "lowest priority", "SMI", "3", "NMI", "INIT", "start-up", "ExtINT"};
  return names[delivery & 7];
}

static const char *shorthand_name(unsigned shorthand) {
  static const char *const names[] = {"", "self", "all", "all but self"};
  return names[shorthand & 3];
}

static void disassemble(const struct vmxsim_event *e, char *text, size_t size) {
  const uint64_t address = e->u.instruction.bits == 64 ? e->rip : (uint32_t)e->rip;
  decode_disassemble(e->u.instruction.bits, address, e->u.instruction.bytes, e->u.instruction.length, text, size);
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void put_instruction(struct event_line *line, const struct vmxsim_event *e) {
  char text[100];
  disassemble(e, text, sizeof text);
  for (unsigned i = 0; i < 8 || i < e->u.instruction.length; i++) {
    if (i < e->u.instruction.length)
      event_put(line, "%02x ", e->u.instruction.bytes[i]);
    else
      event_put(line, "   ");
  }
  event_put(line, " %s", text);
}

static void put_interrupt(struct event_line *line, const struct vmxsim_event *e) {
  event_put(line, "vector 0x%02x", e->u.interrupt.vector);
  if (e->kind == VMXSIM_EVENT_exception) event_put(line, " %s", exception_name(e->u.interrupt.vector));
  if (e->u.interrupt.has_error_code) event_put(line, "  error code 0x%x", e->u.interrupt.error_code);
  if (e->kind == VMXSIM_EVENT_exception && e->u.interrupt.vector == 14)
    event_put(line, "  address 0x%llx", (number)e->u.interrupt.address);
}

static void put_message(struct event_line *line, const struct vmxsim_event *e) {
  event_put(line, "%s  vector 0x%02x  to ", delivery_name(e->u.message.delivery), e->u.message.vector);
  if (e->u.message.shorthand)
    event_put(line, "%s", shorthand_name(e->u.message.shorthand));
  else
    event_put(line, "%s 0x%x", e->u.message.logical ? "logical" : "physical", e->u.message.destination);
}

static void put_mode(struct event_line *line, const struct vmxsim_event *e) {
  event_put(line, "%u-bit code -> %u-bit code  cpl %u -> %u", e->u.mode.before, e->u.mode.after, e->u.mode.cpl_before,
            e->u.mode.cpl_after);
  event_put(line, "%s%s%s", e->u.mode.protection ? "  protected" : "", e->u.mode.v86 ? "  virtual-8086" : "",
            e->u.mode.paging ? "  paging" : "");
}

static void put_register(struct event_line *line, const struct vmxsim_event *e) {
  if (e->kind == VMXSIM_EVENT_control_write)
    event_put(line, "cr%u = 0x%llx", e->u.system_register.number, (number)e->u.system_register.value);
  else if (e->u.system_register.faulted)
    event_put(line, "0x%x  #GP(0)", e->u.system_register.number);
  else
    event_put(line, "0x%x = 0x%llx", e->u.system_register.number, (number)e->u.system_register.value);
}

static void put_far_transfer(struct event_line *line, const struct vmxsim_event *e) {
  event_put(line, "from 0x%llx", (number)e->u.far_transfer.from_rip);
}

static void put_access(struct event_line *line, const struct vmxsim_event *e) {
  event_put(line, "0x%llx  %u bytes = 0x%llx", (number)e->u.access.address, e->u.access.bytes,
            (number)e->u.access.value);
}

/* --- JSON: addresses and values of 64 bits are strings --------------------------------------------------------------
 */

static void put_bytes(struct event_line *line, const struct vmxsim_event *e) {
  char text[100];
  disassemble(e, text, sizeof text);
  event_put(line, ", \"bits\": %u, \"bytes\": \"", e->u.instruction.bits);
  for (unsigned i = 0; i < e->u.instruction.length; i++) event_put(line, "%02x", e->u.instruction.bytes[i]);
  event_put(line, "\", \"text\": \"%s\"", text);
}

static void put_interrupt_members(struct event_line *line, const struct vmxsim_event *e) {
  event_put(line, ", \"vector\": %u", e->u.interrupt.vector);
  if (e->u.interrupt.has_error_code) event_put(line, ", \"error_code\": %u", e->u.interrupt.error_code);
  if (e->kind == VMXSIM_EVENT_exception && e->u.interrupt.vector == 14)
    event_put(line, ", \"address\": \"0x%llx\"", (number)e->u.interrupt.address);
}

static const char *truth(bool value) {
  return value ? "true" : "false";
}

static void put_message_members(struct event_line *line, const struct vmxsim_event *e) {
  event_put(line, ", \"vector\": %u, \"delivery\": \"%s\", \"shorthand\": \"%s\", \"logical\": %s, \"destination\": %u",
            e->u.message.vector, delivery_name(e->u.message.delivery), shorthand_name(e->u.message.shorthand),
            truth(e->u.message.logical), e->u.message.destination);
}

static void put_mode_members(struct event_line *line, const struct vmxsim_event *e) {
  event_put(line,
            ", \"bits_before\": %u, \"bits\": %u, \"cpl_before\": %u, \"cpl\": %u, \"protection\": %s, \"v86\": %s, "
            "\"paging\": %s",
            e->u.mode.before, e->u.mode.after, e->u.mode.cpl_before, e->u.mode.cpl_after, truth(e->u.mode.protection),
            truth(e->u.mode.v86), truth(e->u.mode.paging));
}

static void put_far_transfer_members(struct event_line *line, const struct vmxsim_event *e) {
  event_put(line, ", \"from_rip\": \"0x%llx\"", (number)e->u.far_transfer.from_rip);
}

static void put_register_members(struct event_line *line, const struct vmxsim_event *e) {
  event_put(line, ", \"register\": %u, \"value\": \"0x%llx\", \"faulted\": %s", e->u.system_register.number,
            (number)e->u.system_register.value, truth(e->u.system_register.faulted));
}

static void put_access_members(struct event_line *line, const struct vmxsim_event *e) {
  event_put(line, ", \"address\": \"0x%llx\", \"size\": %u, \"value\": \"0x%llx\"", (number)e->u.access.address,
            e->u.access.bytes, (number)e->u.access.value);
}

/* --- what each kind has to say ------------------------------------------------------------------------------------ */

typedef void put_part(struct event_line *line, const struct vmxsim_event *event);

static const struct details {
  put_part *text, *json; /* NULL: nothing */
} details[VMXSIM_EVENT_KINDS] = {
    [VMXSIM_EVENT_instruction] = {put_instruction, put_bytes},
    [VMXSIM_EVENT_exception] = {put_interrupt, put_interrupt_members},
    [VMXSIM_EVENT_software_interrupt] = {put_interrupt, put_interrupt_members},
    [VMXSIM_EVENT_external_interrupt] = {put_interrupt, put_interrupt_members},
    [VMXSIM_EVENT_nmi] = {put_interrupt, put_interrupt_members},
    [VMXSIM_EVENT_message] = {put_message, put_message_members},
    [VMXSIM_EVENT_mode] = {put_mode, put_mode_members},
    [VMXSIM_EVENT_far_transfer] = {put_far_transfer, put_far_transfer_members},
    [VMXSIM_EVENT_control_write] = {put_register, put_register_members},
    [VMXSIM_EVENT_msr_read] = {put_register, put_register_members},
    [VMXSIM_EVENT_msr_write] = {put_register, put_register_members},
    [VMXSIM_EVENT_port_read] = {put_access, put_access_members},
    [VMXSIM_EVENT_port_write] = {put_access, put_access_members},
    [VMXSIM_EVENT_mmio_read] = {put_access, put_access_members},
    [VMXSIM_EVENT_mmio_write] = {put_access, put_access_members},
    [VMXSIM_EVENT_vmx_instruction] = {event_put_vmx, event_put_vmx_members},
    [VMXSIM_EVENT_vm_entry] = {event_put_vmx, event_put_vmx_members},
    [VMXSIM_EVENT_vm_entry_failure] = {event_put_vmx, event_put_vmx_members},
    [VMXSIM_EVENT_vm_injection] = {event_put_vmx, event_put_vmx_members},
    [VMXSIM_EVENT_vm_exit] = {event_put_vmx, event_put_vmx_members},
    [VMXSIM_EVENT_vmx_abort] = {event_put_vmx, event_put_vmx_members},
};

size_t vmxsim_event_text(const struct vmxsim_event *e, char *text, size_t size) {
  struct event_line line = {text, size, 0};
  if ((unsigned)e->kind >= VMXSIM_EVENT_KINDS) return 0;
  event_put(&line, "%2u %12llu  %04x:%0*llx  ", e->vcpu, (number)e->cycle, e->cs, e->rip >> 32 ? 16 : 8,
            (number)e->rip);
  if (e->kind != VMXSIM_EVENT_instruction) event_put(&line, "%-18s ", kinds[e->kind].name);
  if (details[e->kind].text) details[e->kind].text(&line, e);
  while (line.length && line.length < size && text[line.length - 1] == ' ') text[--line.length] = 0;
  return line.length;
}

size_t vmxsim_event_json(const struct vmxsim_event *e, char *text, size_t size) {
  struct event_line line = {text, size, 0};
  if ((unsigned)e->kind >= VMXSIM_EVENT_KINDS) return 0;
  event_put(&line, "{\"event\": \"%s\", \"cpu\": %u, \"cycle\": %llu, \"cs\": %u, \"rip\": \"0x%llx\"",
            kinds[e->kind].name, e->vcpu, (number)e->cycle, e->cs, (number)e->rip);
  if (details[e->kind].json) details[e->kind].json(&line, e);
  event_put(&line, "}");
  return line.length;
}
