/* MSR-load and MSR-store areas. Entries that VM entry cannot process are among its own; the lists of VM exits have
 * none, as they would end in a VMX abort. SDM 3C, "Loading MSRs", "Saving MSRs".
 */
#include "kernel/cpu.h"
#include "trials/layout.h"
#include "trials/trial.h"

enum { ENTRIES = PAGE / 16, USED_AT_MOST = 4 };

struct entry {
  uint32_t index, reserved;
  uint64_t value;
};

/* MSRs that take every value of those below. */
static const uint32_t loaded[] = {0xc0000081, 0xc0000082, 0xc0000083, 0xc0000102, 0x174, 0x175, 0x176};
static const uint32_t stored[] = {0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,   0xc0000102,
                                  0x174,      0x175,      0x176,      0x277,      IA32_FS_BASE, IA32_GS_BASE};
/* Not by a list; those of the local APIC. */
static const uint32_t refused[] = {IA32_FS_BASE, IA32_GS_BASE, 0x800, 0x808, 0x8ff};
static const uint64_t values[] = {
    0, 1, 0x10, 0x8000, 0xffffffff, UINT64_C(0x7fffffffffff), UINT64_C(0xffff800000000000)};
/* Not canonical. */
static const uint64_t bad_values[] = {UINT64_C(0x800000000000), UINT64_C(0xfff7800000000000)};
static const uint64_t bad_pats[] = {8, UINT64_C(0x0207040600070406), UINT64_C(0x0007040600030406)};

static void fill_with_loads(struct generator *g, struct entry *list) {
  for (unsigned i = 0; i < ENTRIES; i++) {
    list[i].index = ANY_OF(g, loaded);
    list[i].reserved = 0;
    list[i].value = list[i].index == 0x174 ? S_CODE64 : ANY_OF(g, values);
  }
}

/* Of an entry that VM entry loads: one that it refuses, or one that depends on the guest. */
static void spoil(struct trial *t, struct entry *entry) {
  struct generator *g = &t->random;
  switch (below(g, 6)) {
  case 0: entry->index = ANY_OF(g, refused); break;
  case 1: entry->reserved = (uint32_t)one_bit(g, 32); break;
  case 2: *entry = (struct entry){0x176, 0, ANY_OF(g, bad_values)}; break;
  case 3: *entry = (struct entry){0x277, 0, ANY_OF(g, bad_pats)}; break;
  case 4: *entry = (struct entry){IA32_EFER, 0, t->vm.fields.guest_ia32_efer ^ one_bit(g, 12)}; break;
  default: *entry = (struct entry){0x277, 0, UINT64_C(0x0007040600010506)}; break;
  }
}

static void vary_entry_list(struct trial *t) {
  struct entry *list = at_address(ENTRY_LOAD_LIST);
  const uint32_t count = 1 + below(&t->random, USED_AT_MOST);
  fill_with_loads(&t->random, list);
  if (chance(&t->random, 50)) spoil(t, &list[below(&t->random, count)]);
  t->vm.fields.vm_entry_msr_load_count = count;
}

static void vary_store_list(struct trial *t) {
  struct entry *list = at_address(EXIT_STORE_LIST);
  for (unsigned i = 0; i < ENTRIES; i++) {
    list[i] = (struct entry){.index = ANY_OF(&t->random, stored)};
    if (t->kind == GUEST_V8086 && list[i].index >= IA32_FS_BASE) list[i].index = 0x175; /* record.c, mask_state() */
  }
  t->vm.fields.vm_exit_msr_store_count = 1 + below(&t->random, USED_AT_MOST);
}

static void vary_exit_list(struct trial *t) {
  fill_with_loads(&t->random, at_address(EXIT_LOAD_LIST));
  t->vm.fields.vm_exit_msr_load_count = 1 + below(&t->random, USED_AT_MOST);
}

void change_lists(struct trial *t) {
  if (chance(&t->random, 15)) vary_entry_list(t), t->mutations |= 0x4000;
  if (chance(&t->random, 15)) vary_store_list(t), t->mutations |= 0x8000;
  if (chance(&t->random, 10)) vary_exit_list(t), t->mutations |= 0x80;
}

uint64_t lists_hash(const struct trial *t) {
  const struct entry *list = at_address(EXIT_STORE_LIST);
  uint64_t hash = 0;
  if (!t->vm.fields.vm_exit_msr_store_count) return 0;
  for (unsigned i = 0; i < ENTRIES; i++) hash = (hash ^ list[i].value) * UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 31;
  return hash;
}
