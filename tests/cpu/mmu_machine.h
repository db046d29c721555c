/* A processor that has only an MMU, for test_mmu.c: memory, page tables built by code, and the few functions of other
 * parts that cpu/mmu calls. */
#ifndef VMXSIM_TESTS_CPU_MMU_MACHINE_H
#define VMXSIM_TESTS_CPU_MMU_MACHINE_H

#include <stdlib.h>
#include <string.h>

#include "cpu/apic/apic.h"
#include "cpu/mmu/mmu_fast.h"
#include "cpu/mmu/registers.h"

enum { RAM_SIZE = 8 << 20, HIGH_SIZE = 64 << 10 };
#define HIGH_RAM UINT64_C(0x140000000) /* 1 GiB and 4 MiB aligned, above 4 GiB */
#define DEVICE UINT64_C(0xfd000000)
#define ROM UINT64_C(0xffff0000)
#define APIC_PAGE UINT64_C(0xfee00000)
#define TABLES 0x400000u /* where page tables are built */

struct test_machine {
  struct vcpu v;
  struct vmxsim_capabilities capabilities;
  struct physical_memory *memory;
  uint8_t *ram, *high, *rom;
  uint64_t next_table;
  uint64_t device_value, device_offset;
  unsigned device_size, device_reads, device_writes;
};

void machine_create(struct test_machine *m);
void machine_destroy(struct test_machine *m);
/* CPL 0, flat segments, paging of that mode over empty tables; everything flushed. */
void machine_mode(struct test_machine *m, enum paging_mode mode);
void machine_cpl(struct test_machine *m, unsigned cpl);
/* Maps one page of 1 << shift bytes; `entry` has the flags of the last entry, tables allow everything. */
void machine_map(struct test_machine *m, uint64_t linear, uint64_t physical, unsigned shift, uint64_t entry);
/* The entry of that level on the way to `linear`: a pointer into RAM. Level 1 is a page table's. */
uint8_t *machine_entry(struct test_machine *m, uint64_t linear, unsigned level);
uint64_t machine_entry_value(struct test_machine *m, uint64_t linear, unsigned level);
void machine_entry_set(struct test_machine *m, uint64_t linear, unsigned level, uint64_t value);

#endif
