/* What a scenario is after reading. docs/scenarios.md is the schema; libvmxsim/scenario/ runs it. */
#ifndef VMXSIM_INPUT_SCENARIO_H
#define VMXSIM_INPUT_SCENARIO_H

#include "vmxsim/assembler.h"
#include "vmxsim/exits.h"
#include "vmxsim/machine.h"
#include "vmxsim/registers.h"
#include "vmxsim/scenario.h"

enum { SCENARIO_VCPUS_MAX = 8, SCENARIO_VMCSS_MAX = 8, SCENARIO_RAM_DEFAULT = 16 << 20 };

struct register_value {
  unsigned number; /* enum vmxsim_register */
  uint64_t value;
};

/* A gate of an IDT, or a vector of an IVT. */
struct scenario_gate {
  uint8_t vector, dpl, ist, type; /* type: 5 task, 14 interrupt, 15 trap; 0: the usual interrupt gate */
  uint16_t selector;              /* 0: the code's */
  uint64_t offset;
};

/* A raw descriptor. */
struct scenario_descriptor {
  uint16_t selector;
  uint64_t value;
};

enum page_flags { PAGE_USER = 1, PAGE_READ_ONLY = 2, PAGE_NO_EXECUTE = 4, PAGE_ABSENT = 8 };

struct scenario_mapping {
  uint64_t linear, physical, size;
  unsigned flags;
};

enum scenario_mode { MODE_64, MODE_32, MODE_PAE, MODE_16 };

/* The code of one side, with what surrounds it. */
struct scenario_code {
  bool given;
  enum scenario_mode mode;
  uint64_t at, base; /* address of the first byte, and of the code segment */
  uint64_t start;    /* the label `start`, or the first byte */
  struct vmxsim_assembly assembly;
  const char *file;
  const struct scenario_gate *gates;
  size_t gate_count;
  const struct scenario_descriptor *descriptors;
  size_t descriptor_count;
  const struct scenario_mapping *mappings;
  size_t mapping_count;
  const struct register_value *registers;
  size_t register_count;
};

/* A VMCS: template and fields as in a case, and the code of its guest. */
struct scenario_vmcs {
  const char *name;
  unsigned vcpu;
  struct vmxsim_case subject;
  struct scenario_code guest;
};

enum value_kind { VALUE_REGISTER, VALUE_FIELD, VALUE_MEMORY, VALUE_CYCLES };

/* A value that is expected: `value` in the bits of `mask`, or between two bounds. */
struct value_check {
  enum value_kind kind;
  unsigned line;
  const char *name;
  unsigned reg; /* enum vmxsim_register */
  vmxsim_field field;
  bool bounds;
  uint64_t value, mask, minimum, maximum;
  struct vmxsim_memory_bytes memory;
};

enum { EXPECT_STATE = VMXSIM_SCENARIO_EVENT_KINDS }; /* no event: values only */

struct scenario_expectation {
  unsigned line;
  unsigned kind; /* enum vmxsim_scenario_event_kind, or EXPECT_STATE */
  bool any_number;
  uint64_t number;  /* basic exit reason, error, vector, 0/1 for VMLAUNCH/VMRESUME; of `reached`: the linear address */
  const char *name; /* as written */
  unsigned vcpu;
  bool any_vcpu;
  const struct value_check *values;
  size_t value_count;
};

enum step_action {
  STEP_VMXON,
  STEP_VMXOFF,
  STEP_VMCLEAR,
  STEP_VMPTRLD,
  STEP_VMWRITE,
  STEP_VMLAUNCH,
  STEP_VMRESUME,
  STEP_SKIP,
  STEP_RUN,
  STEP_INTERRUPT,
  STEP_NMI,
  STEP_SMI,
  STEP_INIT,
  STEP_SIPI,
  STEP_MACHINE_CHECK,
  STEP_WRITE,
  STEP_REGISTERS,
  STEP_WRMSR,
  STEP_EXECUTE,
};

struct scenario_msr {
  uint32_t index;
  uint64_t value;
};

struct scenario_step {
  enum step_action action;
  unsigned line, vcpu;
  uint64_t number; /* vector, VMCS, times */
  bool background; /* of vmlaunch and vmresume: the next step does not wait for the VM exit */
  bool skip;       /* of vmresume: moves guest RIP past the instruction first */
  bool until_given, at_label, at_cycle;
  uint64_t until;          /* of run: linear address */
  uint64_t at;             /* linear address or cycle */
  bool by_address;         /* of vmclear and vmptrld: `number` is the region's address */
  const char *instruction; /* of execute */
  const struct vmxsim_field_value *fields;
  const struct vmxsim_memory_bytes *memory;
  const struct register_value *registers;
  const struct scenario_msr *msrs;
  size_t count;
};

struct vmxsim_scenario {
  const char *name, *about;
  unsigned line;
  struct vmxsim_case subject; /* processor and memory */
  unsigned vcpus;
  uint64_t ram, cycles;
  enum vmxsim_timing timing;
  bool setup; /* VMXON, VMCLEAR, VMPTRLD and VMWRITE before the first step */
  struct scenario_code host;
  struct scenario_vmcs *vmcss;
  size_t vmcs_count;
  const struct scenario_step *steps;
  size_t step_count;
  const struct scenario_expectation *expects, *nevers;
  size_t expect_count, never_count;
};

#endif
