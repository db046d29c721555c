/* Changes of the guest-state area: what real guests have, and what no VM entry should accept. */
#include "trials/layout.h"
#include "trials/trial.h"

/* Which bits of a field may be changed. Not in them: bits that some processors reserve and others do not. */
struct changeable {
  uint16_t offset;
  uint64_t bits;
};

#define FIELD_BITS(name, bits) \
  { offsetof(struct vmcs_fields, name), bits }
#define SEGMENT_BITS(name, rights) \
  FIELD_BITS(guest_##name##_selector, 0xffff), FIELD_BITS(guest_##name##_base, UINT64_MAX), \
      FIELD_BITS(guest_##name##_limit, 0xffffffff), FIELD_BITS(guest_##name##_access_rights, rights), \
      FIELD_BITS(guest_##name##_access_rights, (rights)&0xf0ff)
enum { ALL_RIGHTS = 0x1ffff, SYSTEM_RIGHTS = 0x19fff, STACK_RIGHTS = 0x1fff4 };

static const struct changeable fields[] = {
    FIELD_BITS(guest_cr0, UINT64_MAX),
    FIELD_BITS(guest_cr0, 0xe005003f),
    FIELD_BITS(guest_cr3, UINT64_C(0xfff0000000000018)),
    FIELD_BITS(guest_cr4, UINT64_C(0xffffffffffbfbfff)),
    FIELD_BITS(guest_cr4, 0x3327ff),
    FIELD_BITS(guest_dr7, UINT64_C(0xffffffffffff03ff)),
    FIELD_BITS(guest_dr7, 0xffff03ff),
    FIELD_BITS(guest_ia32_efer, UINT64_MAX),
    FIELD_BITS(guest_ia32_efer, 0xd01),
    FIELD_BITS(guest_ia32_pat, UINT64_MAX),
    FIELD_BITS(guest_ia32_sysenter_cs, 0xffffffff),
    FIELD_BITS(guest_ia32_sysenter_esp, UINT64_MAX),
    FIELD_BITS(guest_ia32_sysenter_eip, UINT64_MAX),
    FIELD_BITS(guest_rflags, UINT64_MAX),
    FIELD_BITS(guest_rflags, 0x3f7fd5),
    FIELD_BITS(guest_rsp, 0xffffffff),
    FIELD_BITS(guest_gdtr_base, UINT64_MAX),
    FIELD_BITS(guest_gdtr_limit, 0xffffffff),
    FIELD_BITS(guest_idtr_base, UINT64_MAX),
    FIELD_BITS(guest_idtr_limit, 0xffffffff),
    FIELD_BITS(guest_interruptibility_state, 0xffffffff),
    FIELD_BITS(guest_activity_state, 0xffffffff),
    FIELD_BITS(guest_pending_debug_exceptions, 0xfffe87ff),
    SEGMENT_BITS(es, ALL_RIGHTS),
    SEGMENT_BITS(cs, ALL_RIGHTS),
    SEGMENT_BITS(ss, STACK_RIGHTS),
    SEGMENT_BITS(ds, ALL_RIGHTS),
    SEGMENT_BITS(fs, ALL_RIGHTS),
    SEGMENT_BITS(gs, ALL_RIGHTS),
    SEGMENT_BITS(tr, SYSTEM_RIGHTS),
    SEGMENT_BITS(ldtr, SYSTEM_RIGHTS),
};

static uint64_t *field_at(struct trial *t, uint16_t offset) {
  return (uint64_t *)(void *)((uint8_t *)&t->vm.fields + offset);
}

static uint64_t any_bit_of(struct generator *g, uint64_t bits) {
  uint64_t bit;
  do bit = one_bit(g, 64);
  while (!(bits & bit));
  return bit;
}

#define LOW_HALF UINT64_C(0xffffffff)
#define CR4_VME UINT64_C(1)
#define CR4_PCIDE UINT64_C(0x20000)
#define CR4_SMAP UINT64_C(0x200000)

/* One bit somewhere. */
static void flip(struct trial *t) {
  const struct changeable *changeable = &ANY_OF(&t->random, fields);
  *field_at(t, changeable->offset) ^= any_bit_of(&t->random, changeable->bits);
}

/* What guests have now and then. */
static void vary_control_registers(struct trial *t) {
  static const uint32_t cr0_bits[] = {0x2, 0x4, 0x8, 0x10000, 0x40000, 0x40000000};
  static const uint32_t cr4_bits[] = {0x1,   0x2,   0x4,     0x8,     0x10,    0x40,     0x80,    0x100,
                                      0x200, 0x400, 0x10000, 0x20000, 0x40000, 0x100000, 0x200000};
  for (unsigned i = below(&t->random, 3); i; i--) t->vm.fields.guest_cr0 ^= ANY_OF(&t->random, cr0_bits);
  for (unsigned i = below(&t->random, 4); i; i--) t->vm.fields.guest_cr4 ^= ANY_OF(&t->random, cr4_bits);
  if (!in_ia32e_mode(t)) t->vm.fields.guest_cr4 &= ~CR4_PCIDE;
}

static void vary_flags(struct trial *t) {
  static const uint32_t bits[] = {0x1,    0x40,   0x80,   0x100,  0x200,   0x200,  0x400,
                                  0x1000, 0x2000, 0x3000, 0x4000, 0x10000, 0x40000};
  for (unsigned i = 1 + below(&t->random, 3); i; i--) t->vm.fields.guest_rflags ^= ANY_OF(&t->random, bits);
}

static void vary_data_segment(struct trial *t, uint64_t *selector, uint64_t *base, uint64_t *limit, uint64_t *rights) {
  static const uint32_t all_rights[] = {0x10000, 0x1c093, 0xc091, 0x4093, 0xc0f3, 0x40f1,
                                        0xc097,  0xc095,  0xc09b, 0x8091, 0xc013, 0xc0b3};
  static const uint16_t selectors[] = {0, S_DATA, S_DATA_3 | 3, S_DATA_3, S_EXPAND_DOWN, S_LDT | 4};
  *rights = ANY_OF(&t->random, all_rights);
  *selector = ANY_OF(&t->random, selectors);
  if (chance(&t->random, 40))
    *limit = *rights & 0x8000 ? (uint64_t)below(&t->random, 32) << 12 | 0xfff : below(&t->random, 0x20000);
  if (chance(&t->random, 40)) *base = below(&t->random, WINDOW_SIZE);
}

/* Some of what makes SS no stack segment is known to be overlooked elsewhere (docs/comparison.md). */
static void make_stack(struct vmcs_fields *f) {
  f->guest_ss_access_rights = (f->guest_ss_access_rights & ~UINT64_C(8)) | 3;
  if (f->guest_ss_selector == 0) f->guest_ss_access_rights = UNUSABLE;
}

static void vary_segments(struct trial *t) {
  struct vmcs_fields *f = &t->vm.fields;
#define DATA_SEGMENT(name) \
  vary_data_segment(t, &f->guest_##name##_selector, &f->guest_##name##_base, &f->guest_##name##_limit, \
                    &f->guest_##name##_access_rights)
  switch (below(&t->random, 6)) {
  case 0: DATA_SEGMENT(ss), make_stack(f); break;
  case 1: DATA_SEGMENT(ds); break;
  case 2: DATA_SEGMENT(es); break;
  case 3: DATA_SEGMENT(fs); break;
  case 4: DATA_SEGMENT(gs); break;
  default: f->guest_ldtr_access_rights = UNUSABLE; break;
  }
#undef DATA_SEGMENT
}

/* Breakpoints on the code, on data and on the stack, all of them enabled. DR0 to DR3 are in no VMCS. None is where a
 * code segment of 64 KiB ends: elsewhere that is noticed first (docs/comparison.md).
 */
static void vary_debug(struct trial *t) {
  t->debug[0] = G_CODE + below(&t->random, 16);
  t->debug[1] = G_DATA + 4 + 4 * below(&t->random, 4);
  t->debug[2] = G_STACK - 0x88;
  t->debug[3] = (word)next(&t->random);
  t->vm.fields.guest_dr7 = 0x455 | (next(&t->random) & 0xfff303ff);
}

static void vary_paging(struct trial *t) {
  static const uint32_t roots[] = {ROOT_LONG, ROOT_PAE, ROOT_LEGACY, ROOT_PAE_RESERVED, ROOT_PAE | 0x20};
  t->vm.fields.guest_cr3 = ANY_OF(&t->random, roots);
}

/* LEN of instruction breakpoints that is not 0 is undefined. SDM 3B, "Debug Control Register (DR7)". */
static void define_breakpoints(uint64_t *dr7) {
  for (unsigned shift = 16; shift < 32; shift += 4) {
    if (!(*dr7 >> shift & 3)) *dr7 &= ~(UINT64_C(12) << shift);
  }
}

/* Whether the interrupt table of an 8086 program is a system data structure, to SMAP, the manual does not say. */
static void define_redirection(struct trial *t) {
  if (t->kind == GUEST_V8086 && t->vm.fields.guest_cr4 & CR4_VME) t->vm.fields.guest_cr4 &= ~CR4_SMAP;
}

/* Elsewhere more of the bases of unusable segments stays than should (docs/comparison.md). */
static void define_bases(struct vmcs_fields *f) {
  if (f->guest_ss_access_rights & UNUSABLE) f->guest_ss_base &= LOW_HALF;
  if (f->guest_ds_access_rights & UNUSABLE) f->guest_ds_base &= LOW_HALF;
  if (f->guest_es_access_rights & UNUSABLE) f->guest_es_base &= LOW_HALF;
}

void change_state(struct trial *t) {
  if (chance(&t->random, 40)) vary_control_registers(t), t->mutations |= 1;
  if (chance(&t->random, 40)) vary_flags(t), t->mutations |= 2;
  if (chance(&t->random, 20)) vary_segments(t), t->mutations |= 4;
  if (chance(&t->random, 15)) vary_debug(t), t->mutations |= 8;
  if (chance(&t->random, 4)) vary_paging(t), t->mutations |= 0x10;
  if (chance(&t->random, 30)) flip(t), t->mutations |= 0x20;
  define_breakpoints(&t->vm.fields.guest_dr7);
  define_redirection(t);
  define_bases(&t->vm.fields);
}
