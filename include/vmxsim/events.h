/* The event stream: everything that a machine does that somebody may want to hear of, through one callback.
 *
 * Listening changes nothing: cycles and results are the same. Events that nobody listens to cost nothing.
 */
#ifndef VMXSIM_EVENTS_H
#define VMXSIM_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmxsim/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vmxsim_machine vmxsim_machine;
typedef struct vmxsim_vcpu vmxsim_vcpu;
struct vmxsim_vmx;
struct vmxsim_vmx_trace;

/* VMXSIM_EVENT_instruction and so on. New kinds are added at the end. */
enum vmxsim_event_kind {
#define EVENT(name, group, about) VMXSIM_EVENT_##name,
#include "vmxsim/tables/events.def"
#undef EVENT
  VMXSIM_EVENT_KINDS
};

/** One bit of a mask: `VMXSIM_EVENT_BIT(VMXSIM_EVENT_exception) | ...`. */
#define VMXSIM_EVENT_BIT(kind) (UINT64_C(1) << (kind))
#define VMXSIM_EVENT_ALL (VMXSIM_EVENT_BIT(VMXSIM_EVENT_KINDS) - 1)

/** "exception"; NULL past the last. */
const char *vmxsim_event_name(unsigned kind);
/** What a user calls kinds that belong together ("exceptions", "io"); NULL past the last. */
const char *vmxsim_event_group(unsigned kind);
const char *vmxsim_event_about(unsigned kind);

/* What the union holds is said by tables/events.def. It may grow; `size` is that of the whole. */
struct vmxsim_event {
  size_t size;
  enum vmxsim_event_kind kind;
  unsigned vcpu;    /* index */
  uint64_t cycle;   /* of this vCPU, when it happened */
  uint16_t cs;      /* where the vCPU stood */
  uint64_t rip;     /* (an offset into CS) */
  uint64_t cs_base; /* cs_base + rip is the linear address */
  union {
    struct {
      uint8_t bits; /* of the code: 16, 32, 64 */
      uint8_t length;
      uint8_t bytes[15];
    } instruction;
    struct {
      uint8_t vector;
      bool has_error_code;
      uint32_t error_code;
      uint64_t address; /* of a page fault */
    } interrupt;        /* exception, software_interrupt, external_interrupt, nmi */
    struct {
      uint8_t vector;
      uint8_t delivery; /* as in the ICR: 0 fixed, 1 lowest priority, 2 SMI, 4 NMI, 5 INIT, 6 start-up, 7 ExtINT */
      bool logical;
      uint8_t shorthand; /* as in the ICR */
      uint32_t destination;
    } message;
    struct {
      uint8_t before, after; /* bits of the code: 16, 32, 64 */
      uint8_t cpl_before, cpl_after;
      bool paging, protection, v86;
    } mode;
    struct {
      uint64_t from_rip; /* of the instruction; cs:rip is where it went */
    } far_transfer;
    struct {
      uint32_t number; /* of the MSR or control register */
      bool faulted;    /* #GP(0); then `value` is meaningless for a read */
      uint64_t value;
    } system_register;
    struct {
      uint64_t address; /* port, or guest-physical address */
      uint8_t bytes;
      uint64_t value;
    } access;
    struct {
      const struct vmxsim_vmx *vmx;         /* of the vCPU, with its VMCS: include/vmxsim/vmx.h */
      const struct vmxsim_vmx_trace *trace; /* what happened; both are good until the callback returns */
    } vmx;
  } u;
};

/** Called at the event. It may read everything and stop the machine, but not change registers. */
typedef void vmxsim_on_event(void *context, const struct vmxsim_event *event);

/** Listens to the kinds in `mask`; the one listener of the machine is replaced. Mask 0 or no callback: nobody does. */
vmxsim_status vmxsim_machine_on_event(vmxsim_machine *machine, uint64_t mask, vmxsim_on_event *callback, void *context);

/** An event as a line of text or of JSON, without a line end; at most `size` bytes, NUL included. Returns the length
 * that it has or would have. Both are described in docs/embedding.md. */
size_t vmxsim_event_text(const struct vmxsim_event *event, char *text, size_t size);
size_t vmxsim_event_json(const struct vmxsim_event *event, char *text, size_t size);

/** One instruction in Intel syntax. `bits`: 16, 32, 64; `address` is where it begins, for targets of branches. Returns
 * its length in bytes, 0 if there is none in `count` bytes ("(bad)"). */
size_t vmxsim_disassemble(unsigned bits, uint64_t address, const uint8_t *bytes, size_t count, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
