/* What memory.c and its parts share. Errors are told to runner_failed(), and the rest is done all the same. */
#ifndef VMXSIM_LIBVMXSIM_SCENARIO_MEMORY_H
#define VMXSIM_LIBVMXSIM_SCENARIO_MEMORY_H

#include "libvmxsim/scenario/runner.h"

/* memory.c: physical memory. */
void memory_put(struct runner *runner, uint64_t address, const void *bytes, size_t size);
void memory_put_value(struct runner *runner, uint64_t address, uint64_t value, unsigned size);

/* memory_paging.c */
/* A linear address space. */
struct space {
  enum scenario_mode mode;
  uint64_t root;
  bool user; /* its pages are, unless said otherwise */
  bool five; /* 5-level paging */
};

void memory_map(struct runner *runner, const struct space *space, const struct scenario_mapping *mapping);
/* RAM and the local APIC. */
void memory_map_identity(struct runner *runner, const struct space *space);

/* memory_tables.c */
void tables_write_gdt(struct runner *runner, uint64_t gdt, bool is_64, uint64_t tss);
void tables_write_descriptors(struct runner *runner, uint64_t gdt, const struct scenario_code *code);
void tables_write_tss(struct runner *runner, uint64_t tss, bool is_64, uint64_t stack);
void tables_write_gate(struct runner *runner, uint64_t idt, enum scenario_mode mode, const struct scenario_gate *gate);
void tables_write_gates(struct runner *runner, uint64_t idt, const struct scenario_code *code);

#endif
