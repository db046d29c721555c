/* A scenario while it runs.
 *
 *   memory.c       what is in memory at the beginning: code, and by way of
 *                  memory_paging.c page tables, memory_tables.c descriptor tables
 *   host.c         the host's processor, and VMX instructions that it executes one by one
 *   host_steps.c   steps that are such instructions
 *   run.c          steps; running until something happens
 *   listen.c       what the machine tells meanwhile
 *   expect.c       events against what is expected
 *   describe.c     events and values in words
 *   scenario.c     the whole
 *
 * Nothing of VMX is bypassed: the VMCS is filled by VMWRITE and read by VMREAD, entries are VMLAUNCH and VMRESUME, all
 * executed by the processor from a page of the host.
 */
#ifndef VMXSIM_LIBVMXSIM_SCENARIO_RUNNER_H
#define VMXSIM_LIBVMXSIM_SCENARIO_RUNNER_H

#include "input/scenario.h"
#include "vmxsim/machine.h"

/* Physical memory. Guests have what is below HOST_MEMORY, where their template puts things. */
enum layout {
  STACK = 0x7000,         /* of guest and host, from their bases on */
  HOST_MEMORY = 0x400000, /* the first 4 MiB from the host's base on (ffff8000_00000000 or c0000000) */
  HOST_MEMORY_SIZE = 0x400000,
  TABLES = 0x800000, /* paging structures */
  TABLES_END = 0x900000,
  VMXON_REGIONS = 0x900000,
  VMCS_REGIONS = 0x910000,
  OPERANDS = 0x920000, /* 8 bytes a processor */
  STUBS = 0x930000,    /* the host's VMX instructions, and handlers of its exceptions */
  REAL_STUBS = 0x1000, /* the same for a host in real-address mode */
  IDENTITY_MAX = 64 << 20,
};

/* Instructions of the host: labels of host.c's text. */
enum host_op {
  HOST_VMXON,
  HOST_VMXOFF,
  HOST_VMCLEAR,
  HOST_VMPTRLD,
  HOST_VMREAD,
  HOST_VMWRITE,
  HOST_VMLAUNCH,
  HOST_VMRESUME,
  HOST_WRMSR,
  HOST_ANY, /* host_instruction() */
  HOST_OPS,
};

enum host_outcome {
  HOST_DONE,      /* the next instruction is due; VMfail if CF or ZF */
  HOST_ELSEWHERE, /* it entered a guest, or came back from one */
  HOST_FAULTED,   /* an exception: `vector` */
  HOST_SHUT_DOWN,
};

struct host_result {
  enum host_outcome outcome;
  bool fail_invalid, fail_valid;
  unsigned vector;
  uint64_t value; /* of VMREAD */
};

enum { SCHEDULED_MAX = 64, TEXT_MAX = 400 };

struct vcpu_status {
  unsigned current; /* VMCS + 1; 0: none */
  bool in_guest, in_vmx;
};

struct runner {
  const struct vmxsim_scenario *scenario;
  const struct vmxsim_scenario_listener *listener;
  struct vmxsim_scenario_result *result;
  struct vmxsim_diagnostic *error;
  struct vmxsim_capabilities processor;
  vmxsim_machine *machine;
  uint64_t next_table;
  struct vmxsim_vmcs host_fields; /* what the host's state is taken from */
  uint64_t stubs, op_at[HOST_OPS], op_end[HOST_OPS], handlers, park;
  struct vcpu_status vcpu[SCENARIO_VCPUS_MAX];
  uint64_t host_rip[SCENARIO_VMCSS_MAX];
  bool launched[SCENARIO_VMCSS_MAX];
  const struct scenario_step *scheduled[SCHEDULED_MAX];
  size_t scheduled_count;
  size_t next_expectation;
  const struct vmxsim_vmcs *heard; /* while an event of VMX is heard: its VMCS */
  bool quiet;                      /* the host executes something of ours: its events are nobody's business */
  bool over;                       /* nothing can go on: fault, shutdown, out of time */
};

/* describe.c */
const char *runner_place(const struct runner *runner, uint64_t address, char text[TEXT_MAX]);
void runner_describe_exit(const struct runner *runner, uint64_t reason, uint64_t guest_rip, char text[TEXT_MAX]);
void runner_describe_injection(uint64_t information, char text[TEXT_MAX]);

/* scenario.c: returns false; runner->error keeps the first. */
bool runner_failed(struct runner *runner, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* memory.c; false after an error. */
bool memory_prepare(struct runner *runner);

/* host.c */
bool host_prepare(struct runner *runner);
void host_execute(struct runner *runner, unsigned vcpu, enum host_op op, uint64_t a, uint64_t b,
                  struct host_result *result);
/* An instruction by its text; its registers are what they are. */
bool host_instruction(struct runner *runner, unsigned vcpu, const char *text, struct host_result *result);
/* VMWRITE of a whole field, in halves by a 32-bit host. */
void host_write_field(struct runner *runner, unsigned vcpu, vmxsim_field field, uint64_t value,
                      struct host_result *result);
bool host_read_field(struct runner *runner, unsigned vcpu, vmxsim_field field, uint64_t *value);
bool host_is_32(const struct runner *runner);
/* An exception's handler of ours, 256 if the address is none. */
unsigned host_handler_of(const struct runner *runner, uint64_t linear);
void host_park(struct runner *runner, unsigned vcpu);

/* host_steps.c */
void host_report_fault(struct runner *runner, unsigned vcpu, unsigned vector);
/* True if the instruction completed and succeeded. */
bool host_report(struct runner *runner, unsigned vcpu, const char *what, const struct host_result *result);
/* VMXON and every VMCS, as scenarios have it before their first step. */
bool host_set_up(struct runner *runner);
/* False: the step is none of the host's. */
bool host_step(struct runner *runner, const struct scenario_step *step);
void host_skip(struct runner *runner, unsigned vcpu);

/* listen.c */
void listen_begin(struct runner *runner);
void listen_end(struct runner *runner);

/* run.c */
void runner_event(struct runner *runner, enum vmxsim_scenario_event_kind kind, unsigned vcpu, uint64_t number,
                  const char *text);
bool run_steps(struct runner *runner);

/* expect.c */
void expect_event(struct runner *runner, enum vmxsim_scenario_event_kind kind, unsigned vcpu, uint64_t number,
                  const char *text);
void expect_end(struct runner *runner);

#endif
