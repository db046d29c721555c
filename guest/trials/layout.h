/* What a trial's guest has in memory. Its linear addresses 0 to WINDOW_SIZE - 1 are at WINDOW in physical memory, and
 * nothing else of it is mapped: whatever its code does, it stays there. Its paging structures are outside.
 */
#ifndef GUEST_TRIALS_LAYOUT_H
#define GUEST_TRIALS_LAYOUT_H

#include "boot/layout.h"

#define PAGE 0x1000

enum {
  WINDOW = ARENA_ADDRESS,
  WINDOW_SIZE = 0x20000,
  TABLES = WINDOW + WINDOW_SIZE, /* the roots and what they lead to */
  ROOT_LONG = TABLES,            /* 4-level paging */
  ROOT_PAE = TABLES + 0x4000,
  ROOT_LEGACY = TABLES + 0x7000,       /* 32-bit paging */
  ROOT_PAE_RESERVED = TABLES + 0x9000, /* PAE with a reserved bit in a PDPTE */
  TABLES_SIZE = 0xa000,
  PRISTINE = ARENA_ADDRESS + 0x400000, /* a copy of all that, from before the first trial */
  AREAS = ARENA_ADDRESS + 0x800000,    /* what only the VMCS refers to */
  IO_BITMAP_A = AREAS,
  IO_BITMAP_B = AREAS + 0x1000,
  MSR_BITMAP = AREAS + 0x2000,
  ENTRY_LOAD_LIST = AREAS + 0x3000,
  EXIT_STORE_LIST = AREAS + 0x4000,
  EXIT_LOAD_LIST = AREAS + 0x5000,
  VIRTUAL_APIC = AREAS + 0x6000,
};

/* Linear addresses, in the guest. */
enum {
  G_VECTORS = 0x0000, /* of virtual-8086 mode */
  G_GDT = 0x1000,
  G_IDT = 0x2000,
  G_TASK = 0x3000,
  G_TASK_LIMIT = 0xfff,
  G_IO_MAP = 0x88, /* in the task-state segment, after the interrupt-redirection bitmap */
  G_OTHER_TASK = 0x4000,
  G_LDT = 0x4800,
  G_NOTHING = 0x7000,
  G_HANDLERS = 0x8000, /* 16 bytes each */
  G_CODE = 0xa000,
  G_STACK = 0xd000, /* below it */
  G_STACK_0 = 0xe000,
  G_STACK_IST = 0xf000,
  G_DATA = 0x10000,
  G_READ_ONLY = 0x14000,
  G_SUPERVISOR = 0x15000,
  G_NO_EXECUTE = 0x16000,
  G_NOT_PRESENT = 0x17000,
  G_RESERVED_BIT = 0x18000,
  G_MORE_DATA = 0x19000,
};

/* Selectors of the guest's GDT. In IA-32e mode system descriptors have 16 bytes: each has room for that. */
enum {
  S_CODE64 = 0x08,
  S_DATA = 0x10,
  S_CODE32 = 0x18,
  S_CODE64_3 = 0x20,
  S_DATA_3 = 0x28,
  S_CODE32_3 = 0x30,
  S_CODE16 = 0x38,
  S_DATA16 = 0x40,
  S_CONFORMING = 0x48,
  S_TASK = 0x50,
  S_LDT = 0x60,
  S_OTHER_TASK = 0x70,
  S_CALL_GATE = 0x80,
  S_TASK_GATE = 0x90,
  S_NOT_PRESENT = 0xa0,
  S_EXPAND_DOWN = 0xa8,
  S_READ_ONLY = 0xb0,
  S_EXECUTE_ONLY = 0xb8,
  S_BUSY_TASK = 0xc0,
  S_TASK16 = 0xd0,
  S_INTERRUPT_GATE = 0xe0,
  S_END = 0xf0,
};

#endif
