/* CPUID: building the table, and the instruction with what depends on the processor's state. SDM 2A, "CPUID--CPU
 * Identification".
 */
#include <string.h>

#include "cpu/allocate.h"
#include "cpu/exec/cpuid_table.h"
#include "cpu/exec/processor_trace.h"
#include "cpu/exec/system.h"
#include "cpu/timing/caches.h"

enum { MAX_EXTENDED = 0x80000008 - 0x80000000 };

/* --- building --------------------------------------------------------------------------------------------------------
 */

static uint32_t *registers_of(struct cpuid_table *t, uint32_t leaf, uint32_t subleaf) {
  for (unsigned i = 0; i < t->count; i++)
    if (t->entry[i].leaf == leaf && t->entry[i].subleaf == subleaf) return t->entry[i].reg;
  struct cpuid_entry *const entry = &t->entry[t->count++];
  *entry = (struct cpuid_entry){.leaf = leaf, .subleaf = subleaf};
  return entry->reg;
}

static void set(struct cpuid_table *t, uint32_t leaf, uint32_t subleaf, uint32_t a, uint32_t b, uint32_t c,
                uint32_t d) {
  const uint32_t values[4] = {a, b, c, d};
  memcpy(registers_of(t, leaf, subleaf), values, sizeof values);
}

static void set_bit_if(struct cpuid_table *t, bool condition, uint32_t leaf, uint32_t subleaf, unsigned reg,
                       unsigned bit) {
  if (condition) registers_of(t, leaf, subleaf)[reg] |= 1U << bit;
}

static void add_features(struct cpuid_table *t, const struct vmxsim_capabilities *c) {
#define DECODE_FEATURE(name, leaf, subleaf, reg, bit) \
  set_bit_if(t, (t->instructions >> DECODE_FEATURE_##name) & 1, leaf, subleaf, CPUID_##reg, bit);
#include "decode/features.def"
#undef DECODE_FEATURE
#define CPUID_ALWAYS(leaf, subleaf, reg, bit, what) set_bit_if(t, true, leaf, subleaf, CPUID_##reg, bit);
#define CPUID_CAPABILITY(name, leaf, subleaf, reg, bit) \
  set_bit_if(t, vmxsim_has_feature(c, VMXSIM_FEATURE_##name), leaf, subleaf, CPUID_##reg, bit);
#include "cpu/exec/cpuid_features.def"
#undef CPUID_ALWAYS
#undef CPUID_CAPABILITY
}

/* The data caches are those of the timing model `memory`; all have lines of 64 bytes. */
static void add_caches(struct cpuid_table *t) {
  enum { DATA = 1, CODE = 2, UNIFIED = 3, SELF_INITIALIZING = 1 << 8, WAYS_8 = 6 };
  static const struct {
    uint32_t type, level, ways, sets;
  } caches[] = {
      {DATA, 1, L1D_WAYS, L1D_SETS}, {CODE, 1, 8, 64}, {UNIFIED, 2, L2_WAYS, L2_SETS}, {UNIFIED, 3, L3_WAYS, L3_SETS}};
  set(t, 2, 0, 0x00feff01, 0xf0, 0, 0); /* TLBs and prefetch as leaf 2 has them; caches: see leaf 4 */
  for (uint32_t i = 0; i < 4; i++)
    set(t, 4, i, caches[i].type | caches[i].level << 5 | SELF_INITIALIZING, (caches[i].ways - 1) << 22 | 63,
        caches[i].sets - 1, 0);
  set(t, 0x80000006, 0, 0, 0, L2_WAYS * L2_SETS * CACHE_LINE / 1024 << 16 | WAYS_8 << 12 | CACHE_LINE, 0);
}

/* Up to 64 processors, one thread a core, all in one package. */
static void add_topology(struct cpuid_table *t) {
  enum { SMT = 1 << 8, CORE = 2 << 8 };
  set(t, 0xb, 0, 0, 1, SMT, 0);
  set(t, 0xb, 1, 6, 1, CORE | 1, 0);
}

static uint64_t choose_xcr0(const struct cpuid_table *t) {
  if (!((t->instructions >> DECODE_FEATURE_XSAVE) & 1)) return 0;
  return 3 | ((t->instructions >> DECODE_FEATURE_AVX) & 1) << 2 | ((t->instructions >> DECODE_FEATURE_PKU) & 1) << 9;
}

static uint64_t choose_xss(const struct cpuid_table *t) {
  const uint64_t cet = (t->instructions >> DECODE_FEATURE_CET_SS | t->instructions >> DECODE_FEATURE_CET_IBT) & 1;
  return (t->instructions >> DECODE_FEATURE_XSAVES) & cet ? BITS(12, 11) : 0;
}

static void add_xsave(struct cpuid_table *t) {
  if (!t->xcr0) return;
  set(t, 0xd, 0, (uint32_t)t->xcr0, 0, cpuid_xsave_size(t->xcr0, false), 0);
  uint32_t *const one = registers_of(t, 0xd, 1);
  if ((t->instructions >> DECODE_FEATURE_XSAVEC) & 1) one[CPUID_EAX] |= 1U << 2; /* XGETBV with ECX = 1 */
  one[CPUID_ECX] = (uint32_t)t->xss;
  for (unsigned component = 2; component < 32; component++) {
    uint32_t offset;
    const uint32_t size = cpuid_xsave_component(component, &offset);
    const bool supervisor = (t->xss >> component) & 1;
    if (size && (((t->xcr0 | t->xss) >> component) & 1)) set(t, 0xd, component, size, offset, supervisor, 0);
  }
}

static void add_trace(struct cpuid_table *t, const struct vmxsim_capabilities *c) {
  if (!vmxsim_has_feature(c, VMXSIM_FEATURE_pt)) return;
  t->max_basic = 0x14;
  set(t, 0x14, 0, 1, TRACE_CAPABILITIES, TRACE_OUTPUTS, 0);
  set(t, 0x14, 1, TRACE_RANGES, 0, 0, 0);
}

static void add_identity(struct cpuid_table *t, const struct vmxsim_capabilities *c,
                         const struct vmxsim_profile *profile) {
  uint32_t brand[12];
  cpuid_identify(profile, &t->signature, (char *)brand);
  set(t, 0, 0, 0, 0x756e6547, 0x6c65746e, 0x49656e69); /* GenuineIntel; EAX is max_basic */
  set(t, 1, 0, t->signature, 8 << 8, 0, 0);            /* CLFLUSH: 64 bytes */
  set(t, 5, 0, 64, 64, 3, 0x10);                       /* MONITOR: lines; interrupts as breaks; one C1 state */
  set(t, 0x80000000, 0, 0x80000008, 0, 0, 0);
  for (uint32_t i = 0; i < 3; i++)
    set(t, 0x80000002 + i, 0, brand[4 * i], brand[4 * i + 1], brand[4 * i + 2], brand[4 * i + 3]);
  const uint32_t linear = vmxsim_has_feature(c, VMXSIM_FEATURE_intel64) ? (uint32_t)c->linear_bits : 32;
  set(t, 0x80000008, 0, (uint32_t)c->phys_bits | linear << 8, 0, 0, 0);
}

/* EAX of leaf 7 counts the subleaves that are not empty. */
static void count_leaf_7(struct cpuid_table *t) {
  uint32_t last = 0;
  for (unsigned i = 0; i < t->count; i++)
    if (t->entry[i].leaf == 7 && t->entry[i].subleaf > last) last = t->entry[i].subleaf;
  registers_of(t, 7, 0)[CPUID_EAX] = last;
}

struct cpuid_table *cpuid_table_create(const struct vmxsim_allocator *allocator, const struct vmxsim_capabilities *c,
                                       const struct vmxsim_profile *profile,
                                       const struct instruction_changes *changes) {
  struct cpuid_table *const t = memory_allocate(allocator, sizeof *t);
  if (!t) return NULL;
  t->instructions = cpuid_choose_instructions(c);
  if (changes) t->instructions = (t->instructions | changes->on) & ~changes->off;
  t->xcr0 = choose_xcr0(t);
  t->xss = choose_xss(t);
  t->max_basic = t->xcr0 ? 0xd : 0xb;
  add_identity(t, c, profile);
  add_caches(t);
  add_topology(t);
  add_xsave(t);
  add_trace(t, c);
  add_features(t, c);
  count_leaf_7(t);
  return t;
}

void cpuid_table_destroy(const struct vmxsim_allocator *allocator, const struct cpuid_table *table) {
  memory_release(allocator, (void *)(uintptr_t)table);
}

/* --- asking ----------------------------------------------------------------------------------------------------------
 */

uint64_t cpuid_decode_features(const struct cpuid_table *t) {
  return t->instructions;
}

uint32_t cpuid_signature(const struct cpuid_table *t) {
  return t->signature;
}

uint64_t cpuid_xcr0(const struct cpuid_table *t) {
  return t->xcr0;
}

uint64_t cpuid_xss(const struct cpuid_table *t) {
  return t->xss;
}

static const struct cpuid_entry *find(const struct cpuid_table *t, uint32_t leaf, uint32_t subleaf) {
  for (unsigned i = 0; i < t->count; i++)
    if (t->entry[i].leaf == leaf && t->entry[i].subleaf == subleaf) return &t->entry[i];
  return NULL;
}

bool cpuid_has_flush_l1d(const struct cpuid_table *t) {
  const struct cpuid_entry *const seven = find(t, 7, 0);
  return seven && (seven->reg[CPUID_EDX] >> 28) & 1;
}

static bool has_subleaves(uint32_t leaf) {
  return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd || leaf == 0x14;
}

static uint32_t max_basic(const struct vcpu *v) {
  return v->s.misc_enable & MISC_ENABLE_LIMIT_CPUID ? 2 : v->cpuid->max_basic;
}

/* A leaf beyond the last one gives what the last basic one gives. */
static uint32_t existing_leaf(const struct vcpu *v, uint32_t leaf) {
  if (leaf >= 0x80000000 && leaf - 0x80000000 <= MAX_EXTENDED) return leaf;
  return leaf > max_basic(v) ? max_basic(v) : leaf;
}

static void leaf_1(const struct vcpu *v, uint32_t r[4]) {
  r[CPUID_EBX] |= (v->index & 0xff) << 24 | 1U << 16;
  if (v->s.cr4 & CR4_OSXSAVE) r[CPUID_ECX] |= 1U << 27;
  if (!(v->s.misc_enable & MISC_ENABLE_MONITOR)) r[CPUID_ECX] &= ~(1U << 3);
  if (v->s.apic_base & APIC_BASE_EN) {
    r[CPUID_EDX] |= 1U << 9;
  } else {
    r[CPUID_ECX] &= ~(1U << 21);
  }
}

static void leaf_d(const struct vcpu *v, uint32_t subleaf, uint32_t r[4]) {
  if (subleaf == 0) r[CPUID_EBX] = cpuid_xsave_size(v->s.xcr0, false);
  if (subleaf == 1) r[CPUID_EBX] = cpuid_xsave_size(v->s.xcr0 | v->s.xss, true);
}

static void add_state(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t r[4]) {
  switch (leaf) {
  case 0: r[CPUID_EAX] = max_basic(v); break;
  case 1: leaf_1(v, r); break;
  case 7:
    if (subleaf == 0 && (v->s.cr4 & CR4_PKE)) r[CPUID_ECX] |= 1U << 4;
    break;
  case 0xb:
    r[CPUID_EDX] = v->index;
    r[CPUID_ECX] |= subleaf & 0xff;
    break;
  case 0xd:
    if (v->cpuid->xcr0) leaf_d(v, subleaf, r);
    break;
  case 0x80000001:
    if (!vcpu_in_64_bit_mode(v)) r[CPUID_EDX] &= ~(1U << 11); /* SYSCALL */
    if (v->s.misc_enable & MISC_ENABLE_XD_DISABLE) r[CPUID_EDX] &= ~(1U << 20);
    break;
  default: break;
  }
}

void cpuid_execute(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t r[4]) {
  leaf = existing_leaf(v, leaf);
  const struct cpuid_entry *const entry = find(v->cpuid, leaf, has_subleaves(leaf) ? subleaf : 0);
  memset(r, 0, 4 * sizeof *r);
  if (entry) memcpy(r, entry->reg, 4 * sizeof *r);
  add_state(v, leaf, subleaf, r);
}
