/* The memory of a trial's guest: paging structures of three kinds, descriptor tables, handlers. */
#include "kernel/cpu.h"
#include "kernel/memory.h"

#include "trials/layout.h"
#include "trials/trial.h"

/* Accessed and dirty bits are set from the start. */
enum {
  PRESENT = 1,
  WRITABLE = 2,
  USER = 4,
  ACCESSED = 0x20,
  DIRTY = 0x40,
  ALL = PRESENT | WRITABLE | USER | ACCESSED | DIRTY
};
#define NO_EXECUTE (UINT64_C(1) << 63)
#define RESERVED_BIT (UINT64_C(1) << 51)

enum { HANDLER_SIZE = 16, VECTORS = 256, HLT = 0xf4 };

void *guest_memory(uint32_t linear) {
  return at_address(WINDOW + linear);
}

/* --- paging structures --- */

static uint64_t page_entry(uint32_t linear) {
  const uint64_t entry = WINDOW + linear;
  switch (linear) {
  case G_READ_ONLY: return entry | (ALL & ~WRITABLE);
  case G_NO_EXECUTE: return entry | ALL | NO_EXECUTE;
  case G_NOT_PRESENT: return entry | (ALL & ~PRESENT);
  case G_RESERVED_BIT: return entry | ALL | RESERVED_BIT;
  case G_GDT:
  case G_IDT:
  case G_TASK:
  case G_OTHER_TASK:
  case G_HANDLERS:
  case G_STACK_0 - PAGE:
  case G_STACK_IST - PAGE:
  case G_SUPERVISOR: return entry | (ALL & ~USER);
  default: return entry | ALL;
  }
}

static void fill_pages(uint64_t *table) {
  for (uint32_t linear = 0; linear < WINDOW_SIZE; linear += PAGE) table[linear / PAGE] = page_entry(linear);
}

static void set_64(uint32_t address, uint64_t value) {
  *(uint64_t *)at_address(address) = value;
}

static void build_paging(void) {
  memset(at_address(TABLES), 0, TABLES_SIZE);
  set_64(ROOT_LONG, (ROOT_LONG + PAGE) | ALL);
  set_64(ROOT_LONG + 8 * 256, (ROOT_LONG + PAGE) | ALL); /* the same in the upper half */
  set_64(ROOT_LONG + PAGE, (ROOT_LONG + 2 * PAGE) | ALL);
  set_64(ROOT_LONG + 2 * PAGE, (ROOT_LONG + 3 * PAGE) | ALL);
  fill_pages(at_address(ROOT_LONG + 3 * PAGE));
  set_64(ROOT_PAE, (ROOT_PAE + PAGE) | PRESENT);
  set_64(ROOT_PAE + PAGE, (ROOT_PAE + 2 * PAGE) | ALL);
  fill_pages(at_address(ROOT_PAE + 2 * PAGE));
  set_64(ROOT_PAE_RESERVED, (ROOT_PAE + PAGE) | PRESENT | WRITABLE);
  uint32_t *legacy = at_address(ROOT_LEGACY);
  legacy[0] = (ROOT_LEGACY + PAGE) | ALL;
  for (uint32_t linear = 0; linear < WINDOW_SIZE; linear += PAGE) {
    legacy[PAGE / 4 + linear / PAGE] = (uint32_t)page_entry(linear);
  }
}

/* --- segments --- */

static uint64_t descriptor(uint32_t base, uint32_t limit, uint32_t rights) {
  return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(rights & 0xff) << 40 |
         (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(rights >> 12 & 15) << 52 | (uint64_t)(base >> 24) << 56;
}

static uint64_t gate(uint16_t selector, uint32_t offset, uint32_t rights) {
  return (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)rights << 40 | (uint64_t)(offset >> 16) << 48;
}

static const struct entry {
  uint16_t selector, rights;
  uint32_t base, limit;
} segments[] = {
    {S_CODE64, 0xa09b, 0, 0xfffff},
    {S_DATA, 0xc093, 0, 0xfffff},
    {S_CODE32, 0xc09b, 0, 0xfffff},
    {S_CODE64_3, 0xa0fb, 0, 0xfffff},
    {S_DATA_3, 0xc0f3, 0, 0xfffff},
    {S_CODE32_3, 0xc0fb, 0, 0xfffff},
    {S_CODE16, 0x009b, 0, 0xffff},
    {S_DATA16, 0x0093, 0, 0xffff},
    {S_CONFORMING, 0xc09f, 0, 0xfffff},
    {S_TASK, 0x008b, G_TASK, G_TASK_LIMIT},
    {S_LDT, 0x0082, G_LDT, 0x3f},
    {S_OTHER_TASK, 0x0089, G_OTHER_TASK, 0x67},
    {S_NOT_PRESENT, 0xc013, 0, 0xfffff},
    {S_EXPAND_DOWN, 0xc097, 0, 0x0000f},
    {S_READ_ONLY, 0xc091, 0, 0xfffff},
    {S_EXECUTE_ONLY, 0xc099, 0, 0xfffff},
    {S_BUSY_TASK, 0x008b, G_OTHER_TASK, 0x67},
    {S_TASK16, 0x0081, G_OTHER_TASK + 0x100, 0x2b},
};

static void build_gdt(enum guest_kind kind) {
  uint64_t *gdt = guest_memory(G_GDT);
  const bool wide = kind == GUEST_64 || kind == GUEST_COMPATIBILITY;
  const uint16_t code = wide ? S_CODE64 : S_CODE32;
  memset(gdt, 0, S_END);
  for (uint32_t i = 0; i < COUNT_OF(segments); i++) {
    const struct entry *s = &segments[i];
    gdt[s->selector / 8] = descriptor(s->base, s->limit, s->rights);
  }
  gdt[S_CALL_GATE / 8] = gate(code, G_HANDLERS, 0xec00);
  gdt[S_TASK_GATE / 8] = gate(S_OTHER_TASK, 0, 0xe500);
  gdt[S_INTERRUPT_GATE / 8] = gate(code, G_HANDLERS, 0xee00);
  memcpy(guest_memory(G_LDT), &gdt[1], 0x38); /* entries of the LDT are those of the GDT, each 8 lower */
}

static void build_idt(enum guest_kind kind) {
  const bool wide = kind == GUEST_64 || kind == GUEST_COMPATIBILITY;
  uint64_t *idt = guest_memory(G_IDT);
  for (uint32_t vector = 0; vector < VECTORS; vector++) {
    const uint32_t handler = G_HANDLERS + HANDLER_SIZE * vector;
    if (wide) {
      idt[2 * vector] = gate(S_CODE64, handler, 0x8e | (vector & 1 ? 0x60 : 0));
      idt[2 * vector + 1] = 0;
    } else {
      idt[vector] = gate(S_CODE32, handler, 0x8e | (vector & 1 ? 0x60 : 0));
    }
  }
}

/* --- the rest --- */

static void build_tasks(enum guest_kind kind) {
  uint32_t *task = guest_memory(G_TASK);
  memset(task, 0, PAGE);
  if (kind == GUEST_64 || kind == GUEST_COMPATIBILITY) {
    task[1] = G_STACK_0;
    task[9] = G_STACK_IST;
  } else {
    task[1] = G_STACK_0;
    task[2] = S_DATA;
  }
  task[25] = (uint32_t)G_IO_MAP << 16;
  memset((uint8_t *)task + G_TASK_LIMIT, 0xff, 1);
  uint32_t *other = guest_memory(G_OTHER_TASK);
  memset(other, 0, 0x68);
  other[7] = kind == GUEST_LEGACY ? ROOT_LEGACY : ROOT_PAE;
  other[8] = G_HANDLERS;
  other[9] = 2;
  other[14] = G_STACK_0;
  for (unsigned i = 18; i < 24; i++) other[i] = S_DATA;
  other[19] = S_CODE32;
  other[25] = (uint32_t)G_IO_MAP << 16;
}

/* Each tells by its address which it is: VMCALL. Around them and the code is HLT, so that it soon ends when a
 * descriptor with another base leads there.
 */
static void build_handlers(void) {
  static const uint8_t vmcall[] = {0x0f, 0x01, 0xc1};
  memset(guest_memory(G_HANDLERS), HLT, G_STACK - PAGE - G_HANDLERS);
  for (uint32_t vector = 0; vector < VECTORS; vector++) {
    memcpy(guest_memory(G_HANDLERS + HANDLER_SIZE * vector), vmcall, sizeof vmcall);
    *(uint32_t *)guest_memory(G_VECTORS + 4 * vector) = G_HANDLERS + HANDLER_SIZE * vector;
  }
}

/* IN, OUT, INS, OUTS: what is at a port is the platform's. */
static bool accesses_port(uint8_t opcode) {
  return (opcode >= 0xe4 && opcode <= 0xe7) || (opcode >= 0xec && opcode <= 0xef) || (opcode >= 0x6c && opcode <= 0x6f);
}

/* Random numbers: a guest may get to execute them. */
static void build_data(void) {
  struct generator random = {1};
  uint8_t *data = guest_memory(G_DATA);
  for (uint32_t i = 0; i < 2 * PAGE; i++) {
    do data[i] = (uint8_t)next(&random);
    while (accesses_port(data[i]));
  }
}

void memory_build(void) {
  memset(at_address(WINDOW), 0, WINDOW_SIZE);
  build_paging();
  build_handlers();
  build_data();
  memcpy(at_address(PRISTINE), at_address(WINDOW), WINDOW_SIZE + TABLES_SIZE);
}

void memory_restore(enum guest_kind kind) {
  memcpy(at_address(WINDOW), at_address(PRISTINE), WINDOW_SIZE + TABLES_SIZE);
  build_gdt(kind);
  build_idt(kind);
  build_tasks(kind);
}
