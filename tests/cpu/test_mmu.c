/* cpu/mmu: every paging mode, every fault and its error code, both caches, segmentation, physical memory. */
#include "tests/cmocka_main.h"
#include "tests/cpu/mmu_machine.h"
#include "tests/cpu/next_random.h"

enum { P = 1, W = 2, U = 4, A = 32, D = 64, G = 256 };
#define NX ENTRY_NO_EXECUTE
#define KEY(n) ((uint64_t)(n) << 59)

static struct test_machine machine, *const m = &machine;
static struct vcpu *const v = &machine.v;

static int setup(void **state) {
  (void)state;
  machine_create(m);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  machine_destroy(m);
  return 0;
}

/* --- expectations ------------------------------------------------------------------------------------------------- */

static void expect_fault(bool done, unsigned vector, uint32_t code) {
  assert_false(done);
  assert_true(v->exception.pending);
  assert_int_equal(v->exception.vector, vector);
  assert_int_equal(v->exception.error_code, code);
  v->exception.pending = false;
}

static void expect_page_fault(bool done, uint64_t address, uint32_t code) {
  expect_fault(done, VECTOR_PF, code);
  assert_int_equal(v->exception.address, address);
}

static bool read8(uint64_t linear, uint64_t *value) {
  return mem_read(v, VMXSIM_DS, linear, 8, value);
}

static bool reads(uint64_t linear) {
  uint64_t value;
  return read8(linear, &value);
}

static bool writes(uint64_t linear) {
  return mem_write(v, VMXSIM_DS, linear, 8, 0x1122334455667788);
}

static bool fetches(uint64_t linear) {
  uint64_t physical;
  return mem_translate_fetch(v, linear, &physical);
}

static void expect_quad(uint64_t linear, uint64_t expected) {
  uint64_t value;
  assert_true(read8(linear, &value));
  assert_int_equal(value, expected);
}

static void put(uint64_t physical, uint64_t value) {
  physical_write(m->memory, physical, &value, 8);
}

/* --- paging modes ------------------------------------------------------------------------------------------------- */

static const enum paging_mode paged[] = {PAGING_32, PAGING_PAE, PAGING_4_LEVEL, PAGING_5_LEVEL};

static void paging_off_is_identity(void **state) {
  (void)state;
  machine_mode(m, PAGING_OFF);
  put(0x5008, 0xabcd);
  expect_quad(0x5008, 0xabcd);
  assert_true(writes(0x6000));
  assert_int_equal(m->ram[0x6000], 0x88);
  assert_true(fetches(0x5000));
}

static void small_pages_and_their_bits(void **state) {
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    machine_mode(m, paged[i]);
    const uint64_t linear = 0x40201000;
    const unsigned levels = v->mmu->context.levels;
    machine_map(m, linear, 0x7000, 12, P | W);
    put(0x7010, 0x1234 + i);
    expect_quad(linear + 0x10, 0x1234 + i);
    for (unsigned level = 1; level <= levels; level++)
      assert_int_equal(machine_entry_value(m, linear, level) & (A | D), A);
    assert_true(writes(linear + 0x20));
    assert_int_equal(machine_entry_value(m, linear, 1) & (A | D), A | D);
    assert_int_equal(machine_entry_value(m, linear, 2) & (A | D), A);
    assert_int_equal(m->ram[0x7020], 0x88);
  }
}

static void large_pages(void **state) {
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    machine_mode(m, paged[i]);
    const unsigned shift = paged[i] == PAGING_32 ? 22 : 21;
    machine_map(m, 0x40000000, 0, shift, P | W | G);
    put(0x123450, 0x77);
    expect_quad(0x40123450, 0x77);
    assert_true(writes(0x40123458));
    assert_int_equal(machine_entry_value(m, 0x40000000, 2) & (A | D), A | D);
  }
}

static void pse_36_reaches_above_4_gib(void **state) {
  (void)state;
  machine_mode(m, PAGING_32);
  machine_map(m, 0x40000000, HIGH_RAM, 22, P | W);
  put(HIGH_RAM + 0x1000, 0x99);
  expect_quad(0x40001000, 0x99);
  /* Without CR4.PSE the bit means nothing and the entry is of a table. */
  v->s.cr4 = 0;
  mmu_flush_all(v, true);
  uint64_t physical;
  assert_false(mem_translate_quietly(v, 0x40001000, &physical) && physical == HIGH_RAM + 0x1000);
}

static void gigabyte_pages(void **state) {
  (void)state;
  for (size_t i = 2; i < 4; i++) {
    machine_mode(m, paged[i]);
    machine_map(m, 0x8000000000, HIGH_RAM, 30, P | W);
    put(HIGH_RAM + 0x2000, 0x55);
    expect_quad(0x8000002000, 0x55);
    mmu_set_gigabyte_pages(v->mmu, false);
    mmu_flush_all(v, true);
    expect_page_fault(reads(0x8000002000), 0x8000002000, 9);
    mmu_set_gigabyte_pages(v->mmu, true);
    mmu_flush_all(v, true);
  }
}

static void five_levels_use_57_bits(void **state) {
  (void)state;
  machine_mode(m, PAGING_5_LEVEL);
  const uint64_t linear = UINT64_C(0x00ab000000003000);
  machine_map(m, linear, 0x9000, 12, P | W);
  put(0x9000, 0x57);
  expect_quad(linear, 0x57);
  expect_fault(reads(UINT64_C(0x0100000000000000)), VECTOR_GP, 0);
}

/* --- faults ------------------------------------------------------------------------------------------------------- */

static void absent_at_every_level(void **state) {
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    for (unsigned level = 1; level <= 5; level++) {
      machine_mode(m, paged[i]);
      if (level > v->mmu->context.levels) break;
      machine_map(m, 0x201000, 0x7000, 12, P | W | U);
      machine_entry_set(m, 0x201000, level, machine_entry_value(m, 0x201000, level) & ~UINT64_C(1));
      expect_page_fault(reads(0x201008), 0x201008, 0);
      expect_page_fault(writes(0x201008), 0x201008, 2);
      expect_page_fault(fetches(0x201008), 0x201008, paged[i] == PAGING_32 ? 0 : 16);
      machine_cpl(m, 3);
      expect_page_fault(reads(0x201008), 0x201008, 4);
      expect_page_fault(writes(0x201008), 0x201008, 6);
    }
  }
  machine_mode(m, PAGING_PAE);
  v->s.pdpte[0] = 0;
  expect_page_fault(reads(0x1000), 0x1000, 0);
}

/* All bits of an entry at once, against what the figures of the manual say is reserved. */
static void reserved_at_level(unsigned level, uint64_t entry, uint64_t reserved) {
  const uint64_t keep = machine_entry_value(m, 0x201000, level);
  for (unsigned bit = 0; bit < 64; bit++) {
    if (!(reserved >> bit & 1)) continue;
    machine_entry_set(m, 0x201000, level, entry | BIT(bit));
    mmu_flush_all(v, true);
    expect_page_fault(reads(0x201000), 0x201000, 9);
    expect_page_fault(writes(0x201000), 0x201000, 11);
    expect_page_fault(fetches(0x201000), 0x201000, v->mmu->context.fetch_code ? 25 : 9);
  }
  for (unsigned bit = 1; bit < 64; bit++) {
    if (reserved >> bit & 1 || bit == 7 || (bit >= 12 && bit <= 39) || (v->mmu->context.mode == PAGING_32 && bit > 31))
      continue;
    machine_entry_set(m, 0x201000, level, entry | BIT(bit));
    mmu_flush_all(v, true);
    assert_true(reads(0x201000));
  }
  machine_entry_set(m, 0x201000, level, keep);
}

static void reserved_bits(void **state) {
  (void)state;
  for (size_t i = 1; i < 4; i++) {
    for (unsigned nxe = 0; nxe < 2; nxe++) {
      machine_mode(m, paged[i]);
      if (!nxe) v->s.efer &= ~EFER_NXE;
      machine_map(m, 0x201000, 0x7000, 12, P | W);
      const uint64_t everywhere = BITS(paged[i] == PAGING_PAE ? 62 : 51, 40) | (nxe ? 0 : NX);
      for (unsigned level = 1; level <= v->mmu->context.levels; level++)
        reserved_at_level(level, machine_entry_value(m, 0x201000, level), everywhere | (level > 3 ? BIT(7) : 0));
      reserved_at_level(2, ENTRY_PAGE_SIZE | P | W, everywhere | BITS(20, 13));
      if (paged[i] >= PAGING_4_LEVEL) reserved_at_level(3, ENTRY_PAGE_SIZE | P | W, everywhere | BITS(29, 13));
    }
  }
}

static void reserved_bits_of_32_bit_paging(void **state) {
  (void)state;
  static const struct {
    unsigned width;
    uint64_t reserved;
  } rows[] = {{32, BITS(21, 13)}, {36, BITS(21, 17)}, {39, BITS(21, 20)}, {40, BIT(21)}, {52, BIT(21)}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    m->capabilities.phys_bits = rows[i].width;
    machine_mode(m, PAGING_OFF);
    machine_mode(m, PAGING_32);
    reserved_at_level(2, ENTRY_PAGE_SIZE | P | W, rows[i].reserved);
    machine_map(m, 0x201000, 0x7000, 12, P | W);
    reserved_at_level(1, 0x7000 | P | W, 0);
  }
}

static void maxphyaddr_moves_reserved_bits(void **state) {
  (void)state;
  m->capabilities.phys_bits = 52;
  machine_mode(m, PAGING_4_LEVEL);
  machine_map(m, 0x1000, BIT(51), 12, P | W);
  expect_quad(0x1000, UINT64_MAX);
}

/* One row: a page, a privilege, an access, what is to come of it. */
struct permission {
  uint64_t entry;
  unsigned cpl;
  char access; /* r, w, x */
  int error;   /* -1: good */
};

static void check_permission(const struct permission *p, uint64_t linear) {
  machine_map(m, linear, 0x7000, 12, p->entry);
  mmu_flush_all(v, true);
  machine_cpl(m, p->cpl);
  for (unsigned again = 0; again < 2; again++) { /* from the walk, then from the TLB */
    bool done = p->access == 'r' ? reads(linear) : p->access == 'w' ? writes(linear) : fetches(linear);
    if (p->error < 0)
      assert_true(done);
    else
      expect_page_fault(done, linear, (uint32_t)p->error);
    if (p->error >= 0) assert_int_equal(machine_entry_value(m, linear, 1) & (A | D), 0);
  }
  machine_cpl(m, 0);
}

static void permissions(void **state) {
  (void)state;
  static const struct permission rows[] = {
      {P, 0, 'r', -1},          {P, 0, 'w', 3},           {P, 0, 'x', -1},      {P, 3, 'r', 5},
      {P, 3, 'w', 7},           {P, 3, 'x', 21},          {P | W, 0, 'w', -1},  {P | W, 3, 'w', 7},
      {P | U, 3, 'r', -1},      {P | U, 3, 'w', 7},       {P | U, 3, 'x', -1},  {P | U, 0, 'w', 3},
      {P | U | NX, 3, 'x', 21}, {P | U | NX, 3, 'r', -1}, {P | NX, 0, 'x', 17}, {P | U | W, 3, 'w', -1},
  };
  for (size_t i = 1; i < 4; i++) {
    machine_mode(m, paged[i]);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) check_permission(&rows[r], 0x201000);
  }
}

static void write_protect_off(void **state) {
  (void)state;
  static const struct permission rows[] = {{P, 0, 'w', -1}, {P | U, 0, 'w', -1}, {P | U, 3, 'w', 7}, {P, 3, 'w', 7}};
  machine_mode(m, PAGING_4_LEVEL);
  v->s.cr0 &= ~CR0_WP;
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) check_permission(&rows[r], 0x201000);
  /* What was granted without WP is not with it, though nothing is flushed. */
  machine_map(m, 0x202000, 0x8000, 12, P);
  assert_true(writes(0x202000));
  v->s.cr0 |= CR0_WP;
  mmu_mode_changed(v);
  expect_page_fault(writes(0x202000), 0x202000, 3);
}

/* Tables count as much as the last entry. */
static void upper_levels_restrict(void **state) {
  (void)state;
  for (unsigned level = 2; level <= 4; level++) {
    machine_mode(m, PAGING_4_LEVEL);
    machine_map(m, 0x201000, 0x7000, 12, P | W | U);
    const uint64_t entry = machine_entry_value(m, 0x201000, level);
    machine_entry_set(m, 0x201000, level, entry & ~(uint64_t)W);
    expect_page_fault(writes(0x201000), 0x201000, 3);
    machine_entry_set(m, 0x201000, level, entry | NX);
    expect_page_fault(fetches(0x201000), 0x201000, 17);
    machine_entry_set(m, 0x201000, level, entry & ~(uint64_t)U);
    machine_cpl(m, 3);
    expect_page_fault(reads(0x201000), 0x201000, 5);
  }
}

static void smep(void **state) {
  (void)state;
  static const struct permission rows[] = {
      {P | U, 0, 'x', 17}, {P | U, 3, 'x', -1}, {P, 0, 'x', -1}, {P | U, 0, 'r', -1}};
  machine_mode(m, PAGING_4_LEVEL);
  v->s.cr4 |= CR4_SMEP;
  v->s.efer &= ~EFER_NXE; /* SMEP alone makes the I/D bit */
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) check_permission(&rows[r], 0x201000);
  machine_mode(m, PAGING_32);
  v->s.cr4 |= CR4_SMEP;
  check_permission(&rows[0], 0x201000);
}

static void smap(void **state) {
  (void)state;
  static const struct permission off[] = {
      {P | U, 0, 'r', 1}, {P | U | W, 0, 'w', 3}, {P | U, 3, 'r', -1}, {P, 0, 'r', -1}, {P | U, 0, 'x', -1}};
  static const struct permission on[] = {{P | U, 0, 'r', -1}, {P | U | W, 0, 'w', -1}};
  machine_mode(m, PAGING_4_LEVEL);
  v->s.cr4 |= CR4_SMAP;
  for (size_t r = 0; r < 5; r++) check_permission(&off[r], 0x201000);
  v->s.rflags |= RFLAGS_AC;
  for (size_t r = 0; r < 2; r++) check_permission(&on[r], 0x201000);
  /* EFLAGS.AC is no excuse for implicit accesses, and ends with itself. */
  uint64_t value;
  assert_true(reads(0x201000));
  expect_page_fault(mem_read_linear(v, 0x201000, 8, MEM_SYSTEM, &value), 0x201000, 1);
  v->cpl = 3;
  expect_page_fault(mem_write_linear(v, 0x201000, 8, MEM_SYSTEM, 0), 0x201000, 3);
  machine_cpl(m, 0);
  assert_true(reads(0x201000));
  v->s.rflags &= ~RFLAGS_AC;
  mmu_mode_changed(v);
  expect_page_fault(reads(0x201000), 0x201000, 1);
}

static void protection_keys_for_user_pages(void **state) {
  (void)state;
  const uint64_t page = P | W | U | KEY(5);
  machine_mode(m, PAGING_4_LEVEL);
  v->s.cr4 |= CR4_PKE;
  v->s.pkru = 1u << 10; /* access disable */
  const struct permission no_access[] = {{page, 3, 'r', 0x25},         {page, 3, 'w', 0x27},
                                         {page, 0, 'r', 0x21},         {page, 3, 'x', -1},
                                         {P | W | KEY(5), 0, 'w', -1}, {P | W | U | KEY(4), 3, 'w', -1}};
  for (size_t r = 0; r < 6; r++) check_permission(&no_access[r], 0x201000);
  v->s.pkru = 2u << 10; /* write disable */
  const struct permission no_write[] = {
      {page, 3, 'r', -1}, {page, 3, 'w', 0x27}, {page, 0, 'w', 0x23}, {P | U | KEY(5), 3, 'w', 0x27}};
  for (size_t r = 0; r < 4; r++) check_permission(&no_write[r], 0x201000);
  v->s.cr0 &= ~CR0_WP;
  check_permission(&(struct permission){page, 0, 'w', -1}, 0x201000);
  check_permission(&(struct permission){page, 3, 'w', 0x27}, 0x201000);
  v->s.cr4 &= ~CR4_PKE;
  check_permission(&(struct permission){page, 3, 'w', -1}, 0x201000);
}

static void wrpkru_needs_no_flush(void **state) {
  (void)state;
  machine_mode(m, PAGING_4_LEVEL);
  v->s.cr4 |= CR4_PKE;
  machine_cpl(m, 3);
  machine_map(m, 0x201000, 0x7000, 12, P | W | U | KEY(1));
  assert_true(writes(0x201000));
  v->s.pkru = 8;
  mmu_mode_changed(v);
  assert_true(reads(0x201000));
  expect_page_fault(writes(0x201000), 0x201000, 0x27);
  v->s.pkru = 0;
  mmu_mode_changed(v);
  assert_true(writes(0x201000));
}

static void protection_keys_for_supervisor_pages(void **state) {
  (void)state;
  machine_mode(m, PAGING_4_LEVEL);
  v->s.cr4 |= CR4_PKS;
  v->s.pkrs = 1u << 10;
  check_permission(&(struct permission){P | W | KEY(5), 0, 'r', 0x21}, 0x201000);
  check_permission(&(struct permission){P | W | KEY(5), 0, 'x', -1}, 0x201000);
  check_permission(&(struct permission){P | W | U | KEY(5), 0, 'r', -1}, 0x201000);
  v->s.pkrs = 2u << 10;
  check_permission(&(struct permission){P | W | KEY(5), 0, 'r', -1}, 0x201000);
  check_permission(&(struct permission){P | W | KEY(5), 0, 'w', 0x23}, 0x201000);
  v->s.cr0 &= ~CR0_WP;
  check_permission(&(struct permission){P | W | KEY(5), 0, 'w', -1}, 0x201000);
}

static void shadow_stacks(void **state) {
  (void)state;
  uint64_t value;
  machine_mode(m, PAGING_4_LEVEL);
  v->s.cr4 |= CR4_CET;
  mmu_flush_all(v, true);
  machine_map(m, 0x201000, 0x7000, 12, P | D);     /* supervisor shadow stack */
  machine_map(m, 0x202000, 0x8000, 12, P | D | U); /* user shadow stack */
  machine_map(m, 0x203000, 0x9000, 12, P | W | D); /* ordinary */
  assert_true(mem_write_linear(v, 0x201000, 8, MEM_SHADOW_STACK, 0x1234));
  assert_true(mem_read_linear(v, 0x201000, 8, MEM_SHADOW_STACK, &value));
  assert_int_equal(value, 0x1234);
  expect_page_fault(writes(0x201000), 0x201000, 3);
  assert_true(reads(0x201000));
  expect_page_fault(mem_write_linear(v, 0x203000, 8, MEM_SHADOW_STACK, 0), 0x203000, 0x43);
  expect_page_fault(mem_read_linear(v, 0x202000, 8, MEM_SHADOW_STACK, &value), 0x202000, 0x41);
  assert_true(mem_write_linear(v, 0x202000, 8, MEM_SHADOW_STACK | MEM_USER, 1));
  expect_page_fault(mem_read_linear(v, 0x201000, 8, MEM_SHADOW_STACK | MEM_USER, &value), 0x201000, 0x45);
  expect_page_fault(mem_write_linear(v, 0x209000, 8, MEM_SHADOW_STACK, 0), 0x209000, 0x42);
}

static void pdpte_loading(void **state) {
  (void)state;
  machine_mode(m, PAGING_PAE);
  for (unsigned bit = 1; bit < 64; bit++) {
    const bool reserved = (bit >= 1 && bit <= 2) || (bit >= 5 && bit <= 8) || bit >= 40;
    put(0x3000 + 8 * (bit % 4), BIT(bit) | P);
    const bool done = mmu_load_pdptes(v, 0x3000 | 0x1f);
    if (reserved)
      expect_fault(done, VECTOR_GP, 0);
    else
      assert_true(done && v->s.pdpte[bit % 4] == (BIT(bit) | P));
    put(0x3000 + 8 * (bit % 4), BIT(bit)); /* not present: anything goes */
    assert_true(mmu_load_pdptes(v, 0x3000));
    put(0x3000 + 8 * (bit % 4), 0);
  }
}

/* --- the TLB ------------------------------------------------------------------------------------------------------ */

static void remap(uint64_t linear, uint64_t physical, uint64_t flags) {
  machine_map(m, linear, physical, 12, flags);
}

static void start_stale(enum paging_mode mode) {
  machine_mode(m, mode);
  put(0x7000, 7);
  put(0x8000, 8);
}

static void stale_until_invlpg(void **state) {
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    start_stale(paged[i]);
    remap(0x201000, 0x7000, P | W);
    expect_quad(0x201000, 7);
    remap(0x201000, 0x8000, P | W);
    expect_quad(0x201000, 7);
    mmu_drop_fast(v->mmu);
    expect_quad(0x201000, 7);
    machine_entry_set(m, 0x201000, 1, 0);
    expect_quad(0x201000, 7);
    assert_true(fetches(0x201000)); /* one TLB for code and data */
    mmu_flush_page(v, 0x201fff);
    remap(0x201000, 0x8000, P | W);
    expect_quad(0x201000, 8);
  }
}

static void a_denied_access_walks_again(void **state) {
  (void)state;
  start_stale(PAGING_4_LEVEL);
  remap(0x201000, 0x7000, P);
  expect_quad(0x201000, 7);
  remap(0x201000, 0x8000, P | W);
  assert_true(writes(0x201008)); /* no spurious fault; and the new page from now on */
  expect_quad(0x201000, 8);
}

static void the_dirty_bit_is_set_by_a_walk(void **state) {
  (void)state;
  start_stale(PAGING_4_LEVEL);
  remap(0x201000, 0x7000, P | W);
  assert_true(writes(0x201008));
  remap(0x201000, 0x7000, P | W); /* clears A and D behind the TLB's back */
  assert_true(writes(0x201008));
  assert_int_equal(machine_entry_value(m, 0x201000, 1) & (A | D), 0);
  mmu_flush_page(v, 0x201000);
  assert_true(writes(0x201008));
  assert_int_equal(machine_entry_value(m, 0x201000, 1) & (A | D), A | D);
}

static void cr3_spares_global_pages(void **state) {
  (void)state;
  start_stale(PAGING_4_LEVEL);
  v->s.cr4 |= CR4_PGE;
  mmu_flush_all(v, true);
  remap(0x201000, 0x7000, P | G);
  remap(0x202000, 0x7000, P);
  expect_quad(0x201000, 7);
  expect_quad(0x202000, 7);
  remap(0x201000, 0x8000, P | G);
  remap(0x202000, 0x8000, P);
  mmu_flush_all(v, false);
  expect_quad(0x201000, 7);
  expect_quad(0x202000, 8);
  mmu_flush_page(v, 0x201000);
  expect_quad(0x201000, 8);
  remap(0x201000, 0x7000, P | G);
  mmu_flush_all(v, true);
  expect_quad(0x201000, 7);
}

/* What changes behind a walk that is known is seen by the next one: an entry's address, its permissions, the bits that
 * a walk has to set anew, the table that it begins with. */
static void known_walks_are_compared(void **state) {
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    start_stale(paged[i]);
    remap(0x201000, 0x7000, P);
    for (unsigned again = 0; again < 3; again++) {
      expect_quad(0x201000, 7);
      mmu_flush_all(v, true);
    }
    machine_entry_set(m, 0x201000, 2, machine_entry_value(m, 0x201000, 2) & ~(uint64_t)A);
    expect_quad(0x201000, 7);
    assert_true(machine_entry_value(m, 0x201000, 2) & A);
    remap(0x201000, 0x8000, P);
    mmu_flush_all(v, true);
    expect_quad(0x201000, 8);
    mmu_flush_all(v, true);
    machine_entry_set(m, 0x201000, 1, 0);
    expect_page_fault(reads(0x201000), 0x201000, 0);
  }
}

static void switch_pcid(uint16_t pcid) {
  v->s.cr3 = (v->s.cr3 & ~CR3_PCID) | pcid;
  mmu_mode_changed(v);
}

static void pcids(void **state) {
  (void)state;
  start_stale(PAGING_4_LEVEL);
  v->s.cr4 |= CR4_PCIDE;
  mmu_flush_all(v, true);
  remap(0x201000, 0x7000, P);
  switch_pcid(1);
  expect_quad(0x201000, 7);
  remap(0x201000, 0x8000, P);
  switch_pcid(2);
  expect_quad(0x201000, 8);
  switch_pcid(1);
  expect_quad(0x201000, 7);
  mmu_flush_all(v, false); /* MOV to CR3 with bit 63 clear: PCID 1 */
  expect_quad(0x201000, 8);
  remap(0x201000, 0x7000, P);
  switch_pcid(2);
  expect_quad(0x201000, 8);
  mmu_flush_page(v, 0x201000);
  expect_quad(0x201000, 7);
  switch_pcid(1);
  expect_quad(0x201000, 8);
}

/* Fills PCIDs 1 and 2 and a global page with page 7, points the tables at page 8, does one INVPCID in PCID 1 and tells
 * what is stale: bit 0 PCID 1, bit 1 PCID 2, bit 2 another page of PCID 1, bit 3 the global page. */
static unsigned stale_after_invpcid(unsigned type, uint16_t pcid) {
  start_stale(PAGING_4_LEVEL);
  v->s.cr4 |= CR4_PCIDE | CR4_PGE;
  mmu_flush_all(v, true);
  static const uint64_t pages[3] = {0x201000, 0x202000, 0x203000};
  for (unsigned i = 0; i < 3; i++) remap(pages[i], 0x7000, P | (i == 2 ? G : 0));
  for (uint16_t p = 2; p >= 1; p--) {
    switch_pcid(p);
    for (unsigned i = 0; i < 3; i++) expect_quad(pages[i], 7);
  }
  for (unsigned i = 0; i < 3; i++) remap(pages[i], 0x8000, P | (i == 2 ? G : 0));
  mmu_invpcid(v, type, pcid, 0x201000);
  uint64_t a = 0, b = 0, other = 0, global = 0;
  assert_true(read8(pages[0], &a) && read8(pages[1], &other) && read8(pages[2], &global));
  switch_pcid(2);
  assert_true(read8(pages[0], &b));
  return (a == 7 ? 1u : 0) | (b == 7 ? 2u : 0) | (other == 7 ? 4u : 0) | (global == 7 ? 8u : 0);
}

static void invpcid(void **state) {
  (void)state;
  assert_int_equal(stale_after_invpcid(0, 1), 14);
  assert_int_equal(stale_after_invpcid(0, 2), 13);
  assert_int_equal(stale_after_invpcid(1, 1), 10);
  assert_int_equal(stale_after_invpcid(1, 2), 13);
  assert_int_equal(stale_after_invpcid(2, 0), 0);
  assert_int_equal(stale_after_invpcid(3, 0), 8);
}

static void invlpg_drops_all_of_a_large_page(void **state) {
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    start_stale(paged[i]);
    const unsigned shift = paged[i] == PAGING_32 ? 22 : 21;
    put((UINT64_C(1) << shift) + 0x7000, 9);
    machine_map(m, 0x40000000, 0, shift, P);
    expect_quad(0x40007000, 7);
    expect_quad(0x40008000, 8);
    machine_map(m, 0x40000000, UINT64_C(1) << shift, shift, P);
    expect_quad(0x40007000, 7);
    mmu_flush_page(v, 0x40100000);
    expect_quad(0x40007000, 9);
  }
}

static void misses_cost_cycles_once(void **state) {
  (void)state;
  start_stale(PAGING_4_LEVEL);
  mmu_set_miss_cycles(v->mmu, 10);
  remap(0x201000, 0x7000, P | W | D);
  v->cycles = 0;
  for (unsigned i = 0; i < 5; i++) {
    expect_quad(0x201000, 7);
    mmu_drop_fast(v->mmu);
  }
  assert_int_equal(v->cycles, 10);
  assert_false(reads(0x209000));
  assert_int_equal(v->cycles, 10);
}

static void eviction_is_first_in_first_out(void **state) {
  (void)state;
  start_stale(PAGING_4_LEVEL);
  const uint64_t step = (uint64_t)TLB_SMALL_SETS << PAGE_SHIFT;
  for (unsigned i = 0; i <= TLB_WAYS; i++) remap(0x10000000 + i * step, 0x7000, P);
  for (unsigned i = 0; i < TLB_WAYS; i++) expect_quad(0x10000000 + i * step, 7);
  for (unsigned i = 0; i <= TLB_WAYS; i++) remap(0x10000000 + i * step, 0x8000, P);
  for (unsigned i = 0; i < 10; i++) expect_quad(0x10000000, 7); /* no hit saves it */
  expect_quad(0x10000000 + TLB_WAYS * step, 8);
  expect_quad(0x10000000 + 1 * step, 7);
  expect_quad(0x10000000, 8);
}

/* --- accesses ----------------------------------------------------------------------------------------------------- */

static void split_accesses(void **state) {
  (void)state;
  machine_mode(m, PAGING_4_LEVEL);
  remap(0x201000, 0x9000, P | W);
  remap(0x202000, 0x7000, P | W);
  for (unsigned i = 1; i < 8; i++) {
    const uint64_t linear = 0x202000 - i;
    assert_true(mem_write(v, VMXSIM_DS, linear, 8, 0x8877665544332211));
    assert_memory_equal(m->ram + 0xa000 - i, "\x11\x22\x33\x44\x55\x66\x77\x88", i);
    assert_memory_equal(m->ram + 0x7000, &"\x11\x22\x33\x44\x55\x66\x77\x88"[i], 8 - i);
    expect_quad(linear, 0x8877665544332211);
  }
  uint8_t bytes[64], back[64];
  for (unsigned i = 0; i < 64; i++) bytes[i] = (uint8_t)(i * 3);
  assert_true(mem_write_bytes(v, VMXSIM_DS, 0x202000 - 30, bytes, 64, 0));
  assert_true(mem_read_bytes(v, VMXSIM_DS, 0x202000 - 30, back, 64, 0));
  assert_memory_equal(bytes, back, 64);
}

static void a_split_write_that_faults_writes_nothing(void **state) {
  (void)state;
  machine_mode(m, PAGING_4_LEVEL);
  remap(0x201000, 0x9000, P | W);
  remap(0x202000, 0x7000, P);
  memset(m->ram + 0x9ff0, 0xee, 16);
  expect_page_fault(mem_write(v, VMXSIM_DS, 0x201ffc, 8, 0), 0x202000, 3);
  expect_page_fault(mem_write(v, VMXSIM_DS, 0x202ffc, 8, 0), 0x202ffc, 3);
  assert_int_equal(m->ram[0x9ffc], 0xee);
  struct mem_rmw rmw;
  uint64_t value = 5;
  expect_page_fault(mem_rmw_read(v, VMXSIM_DS, 0x201ffc, 8, &value, &rmw), 0x202000, 3);
  expect_page_fault(mem_probe_write(v, VMXSIM_DS, 0x201ff0, 32, 0), 0x202000, 3);
  assert_true(mem_probe_write(v, VMXSIM_DS, 0x201ff0, 16, 0));
  expect_page_fault(mem_read(v, VMXSIM_DS, 0x202ffc, 8, &value), 0x203000, 0);
}

static void addresses_wrap_at_4_gib_outside_64_bit_mode(void **state) {
  (void)state;
  machine_mode(m, PAGING_PAE);
  remap(0xfffff000, 0x9000, P | W);
  remap(0, 0x7000, P | W);
  v->s.segment[VMXSIM_DS].base = 0xfffff000;
  assert_true(mem_write(v, VMXSIM_DS, 0xffe, 4, 0x44332211));
  assert_int_equal(m->ram[0x9fff], 0x22);
  assert_int_equal(m->ram[0x7000], 0x33);
  assert_true(mem_write(v, VMXSIM_DS, 0x1010, 1, 0x66));
  assert_int_equal(m->ram[0x7010], 0x66);
}

static void read_modify_write(void **state) {
  (void)state;
  machine_mode(m, PAGING_4_LEVEL);
  remap(0x201000, 0x9000, P | W);
  remap(0x202000, 0x7000, P | W);
  static const uint64_t at[] = {0x201100, 0x201ffd};
  for (size_t i = 0; i < 2; i++) {
    for (unsigned again = 0; again < 2; again++) { /* slow, then fast */
      struct mem_rmw rmw;
      uint64_t value;
      assert_true(mem_write(v, VMXSIM_DS, at[i], 8, 0x1111111111111111));
      mmu_drop_fast(v->mmu);
      if (again) assert_true(writes(0x201000));
      assert_true(mem_rmw_read(v, VMXSIM_DS, at[i], 4, &value, &rmw));
      assert_int_equal(value, 0x11111111);
      mem_rmw_write(v, &rmw, 0x22222222);
      expect_quad(at[i], 0x1111111122222222);
    }
  }
  struct mem_rmw rmw;
  uint64_t pair[2];
  expect_fault(mem_rmw16_read(v, VMXSIM_DS, 0x201008, pair, &rmw), VECTOR_GP, 0);
  for (unsigned i = 0; i < 2; i++) {
    assert_true(mem_rmw16_read(v, VMXSIM_DS, 0x201200, pair, &rmw));
    mem_rmw16_write(v, &rmw, (const uint64_t[]){pair[0] + 1, pair[1] + 2});
  }
  expect_quad(0x201200, 2);
  expect_quad(0x201208, 4);
}

static void devices(void **state) {
  (void)state;
  machine_mode(m, PAGING_4_LEVEL);
  remap(0x201000, DEVICE, P | W);
  remap(0x202000, 0x7000, P | W);
  m->device_value = 0xaabbccdd;
  uint64_t value;
  assert_true(mem_read(v, VMXSIM_DS, 0x201003, 4, &value));
  assert_int_equal(value, 0xaabbccdd);
  assert_int_equal(m->device_offset, 3);
  assert_int_equal(m->device_size, 4);
  struct mem_rmw rmw;
  assert_true(mem_rmw_read(v, VMXSIM_DS, 0x201010, 4, &value, &rmw));
  mem_rmw_write(v, &rmw, value + 1);
  assert_int_equal(m->device_value, 0xaabbccde);
  assert_int_equal(m->device_writes, 1);
  /* Half device, half memory. */
  assert_true(mem_write(v, VMXSIM_DS, 0x201ffe, 4, 0x44332211));
  assert_int_equal(m->device_value, 0x2211);
  assert_int_equal(m->ram[0x7000], 0x33);
  uint8_t bytes[32];
  m->device_reads = 0;
  assert_true(mem_read_bytes(v, VMXSIM_DS, 0x201020, bytes, 32, 16));
  assert_int_equal(m->device_reads, 4);
  size_t span;
  assert_null(mem_host_span(v, VMXSIM_DS, 0x201000, false, &span));
}

static void the_local_apic_lies_over_memory(void **state) {
  (void)state;
  machine_mode(m, PAGING_4_LEVEL);
  remap(0x201000, APIC_PAGE, P | W);
  assert_true(mem_write(v, VMXSIM_DS, 0x201080, 4, 0x20));
  uint64_t value;
  assert_true(mem_read(v, VMXSIM_DS, 0x201080, 4, &value));
  assert_int_equal(value, 0x20);
  v->s.apic_base = APIC_PAGE;
  mmu_mode_changed(v);
  assert_true(mem_read(v, VMXSIM_DS, 0x201080, 4, &value));
  assert_int_equal(value, 0xffffffff);
  /* Over RAM: both ways without any flush. */
  remap(0x202000, 0x7000, P | W);
  put(0x7000, 7);
  expect_quad(0x202000, 7);
  v->s.apic_base = 0x7000 | APIC_BASE_EN;
  mmu_mode_changed(v);
  expect_quad(0x202000, 0x20);
}

static void host_spans(void **state) {
  (void)state;
  size_t bytes;
  machine_mode(m, PAGING_4_LEVEL);
  remap(0x201000, 0x9000, P | W);
  remap(0x202000, 0x7000, P);
  assert_null(mem_host_span(v, VMXSIM_DS, 0x201ff0, true, &bytes)); /* nor does it bring the translation */
  assert_null(tlb_find(&v->mmu->tlb, 0x201000));
  assert_true(writes(0x201ff0));
  assert_ptr_equal(mem_host_span(v, VMXSIM_DS, 0x201ff0, true, &bytes), m->ram + 0x9ff0);
  assert_int_equal(bytes, 16);
  assert_true(reads(0x202000));
  assert_ptr_equal(mem_host_span(v, VMXSIM_DS, 0x202000, false, &bytes), m->ram + 0x7000);
  assert_int_equal(bytes, 4096);
  assert_null(mem_host_span(v, VMXSIM_DS, 0x202000, true, &bytes));
  assert_null(mem_host_span(v, VMXSIM_DS, 0x203000, false, &bytes));
  assert_null(mem_host_span(v, VMXSIM_DS, UINT64_C(0x8000000000000000), false, &bytes));
  assert_false(v->exception.pending);
  machine_mode(m, PAGING_OFF);
  v->s.segment[VMXSIM_ES].limit = 0x1007;
  assert_true(writes(0x1000));
  assert_ptr_equal(mem_host_span(v, VMXSIM_ES, 0x1000, true, &bytes), m->ram + 0x1000);
  assert_int_equal(bytes, 8);
}

/* --- segmentation ------------------------------------------------------------------------------------------------- */

static void set_segment(unsigned segment, uint64_t base, uint32_t limit, uint32_t rights) {
  v->s.segment[segment] = (struct vmxsim_segment){.base = base, .limit = limit, .access_rights = rights};
}

static void limits_and_types(void **state) {
  (void)state;
  machine_mode(m, PAGING_OFF);
  static const struct {
    uint32_t rights, limit;
    uint64_t offset;
    unsigned size;
    bool read, write;
  } rows[] = {
      {0x4093, 0xfff, 0xffc, 4, true, true},        {0x4093, 0xfff, 0xffd, 4, false, false},
      {0x4093, 0xfff, 0x1000, 1, false, false},     {0x4091, 0xfff, 0, 1, true, false},
      {0x409b, 0xfff, 0, 4, true, false},           {0x4099, 0xfff, 0, 4, false, false},
      {0x14093, 0xfff, 0, 4, false, false},         {0x4097, 0xfff, 0xfff, 1, false, false},
      {0x4097, 0xfff, 0x1000, 4, true, true},       {0x4097, 0xfff, 0xfffffffc, 4, true, true},
      {0x4097, 0xfff, 0xfffffffd, 4, false, false}, {0x0097, 0xfff, 0xfffc, 4, true, true},
      {0x0097, 0xfff, 0xfffd, 4, false, false},     {0x0097, 0xfff, 0x10000, 1, false, false},
      {0x4095, 0xfff, 0x1000, 4, true, false},      {0x4093, 0xffffffff, 0xfffffffe, 4, false, false},
      {0x409f, 0xfff, 0, 4, true, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    for (unsigned segment = VMXSIM_SS; segment <= VMXSIM_DS; segment++) {
      const unsigned vector = segment == VMXSIM_SS ? VECTOR_SS : VECTOR_GP;
      uint64_t value;
      set_segment(segment, 0, rows[i].limit, rows[i].rights);
      bool done = mem_read(v, segment, rows[i].offset, rows[i].size, &value);
      if (rows[i].read)
        assert_true(done);
      else
        expect_fault(done, vector, 0);
      done = mem_write(v, segment, rows[i].offset, rows[i].size, 0);
      if (rows[i].write)
        assert_true(done);
      else
        expect_fault(done, vector, 0);
    }
  }
}

static void segment_bases(void **state) {
  (void)state;
  machine_mode(m, PAGING_4_LEVEL);
  remap(0x201000, 0x7000, P | W);
  put(0x7008, 0x42);
  set_segment(VMXSIM_FS, 0x200000, 0, 0x10000);
  set_segment(VMXSIM_DS, 0x999000, 0, 0x10000);
  uint64_t value;
  assert_true(mem_read(v, VMXSIM_FS, 0x1008, 8, &value));
  assert_int_equal(value, 0x42);
  assert_true(mem_read(v, VMXSIM_FS, (uint64_t)0x201008 - 0x200000, 8, &value));
  expect_quad(0x201008, 0x42);
}

static void canonical_addresses(void **state) {
  (void)state;
  machine_mode(m, PAGING_4_LEVEL);
  uint64_t value;
  static const uint64_t bad[] = {0x800000000000, 0xffff7fffffffffff, 0x7ffffffffffc, 0x8000000000000000};
  for (size_t i = 0; i < 4; i++) {
    expect_fault(mem_read(v, VMXSIM_DS, bad[i], 8, &value), VECTOR_GP, 0);
    expect_fault(mem_write(v, VMXSIM_SS, bad[i], 8, 0), VECTOR_SS, 0);
  }
  expect_page_fault(mem_read(v, VMXSIM_SS, 0x7ffffffffff8, 8, &value), 0x7ffffffffff8, 0);
  expect_fault(fetches(0x800000000000), VECTOR_GP, 0);
  assert_true(mmu_is_canonical(v, 0xffff800000000000));
  assert_false(mmu_is_canonical(v, 0x800000000000));
}

static void linear_address_masking(void **state) {
  (void)state;
  machine_mode(m, PAGING_4_LEVEL);
  remap(0x201000, 0x7000, P | W);
  remap(0xffff800000201000, 0x8000, P | W);
  put(0x7000, 7);
  put(0x8000, 8);
  v->s.cr3 |= BIT(62); /* LAM_U48 */
  mmu_flush_all(v, false);
  expect_quad(0x7fff000000201000, 7);
  expect_fault(reads(0x7fff800000201000), VECTOR_GP, 0);
  expect_fault(reads(0x80ff800000201000), VECTOR_GP, 0);
  expect_fault(fetches(0x7fff000000201000), VECTOR_GP, 0);
  expect_page_fault(reads(0x7fff000000301000), 0x301000, 0);
  v->s.cr3 |= BIT(61); /* LAM_U57 */
  mmu_flush_all(v, false);
  expect_quad(0x7e00000000201000, 7);
  expect_fault(reads(0x7f00000000201000), VECTOR_GP, 0);
  expect_fault(reads(0x7e80000000201000), VECTOR_GP, 0);
  v->s.cr4 |= CR4_LAM_SUP;
  mmu_flush_all(v, false);
  expect_quad(0x80ff800000201000, 8);
  expect_fault(reads(0x80ff000000201000), VECTOR_GP, 0);
}

static void alignment_checks(void **state) {
  (void)state;
  machine_mode(m, PAGING_4_LEVEL);
  remap(0x201000, 0x7000, P | W | U);
  machine_cpl(m, 3);
  assert_true(reads(0x201001));
  v->s.cr0 |= CR0_AM;
  v->s.rflags |= RFLAGS_AC;
  mmu_mode_changed(v);
  uint64_t value;
  uint8_t bytes[32];
  for (unsigned size = 2; size <= 8; size *= 2) {
    assert_true(mem_read(v, VMXSIM_DS, 0x201000 + size, size, &value));
    expect_fault(mem_read(v, VMXSIM_DS, 0x201001, size, &value), VECTOR_AC, 0);
    expect_fault(mem_write(v, VMXSIM_DS, 0x201000 + size / 2, size, 0), VECTOR_AC, 0);
  }
  expect_fault(reads(0x209001), VECTOR_AC, 0); /* before the page fault */
  assert_true(mem_read(v, VMXSIM_DS, 0x201001, 1, &value));
  assert_true(mem_read_bytes(v, VMXSIM_DS, 0x201008, bytes, 10, 0));
  expect_fault(mem_read_bytes(v, VMXSIM_DS, 0x201004, bytes, 10, 0), VECTOR_AC, 0);
  expect_fault(mem_read_bytes(v, VMXSIM_DS, 0x201008, bytes, 16, 16), VECTOR_GP, 0);
  expect_fault(mem_read_bytes(v, VMXSIM_SS, 0x800000000001, bytes, 16, 16), VECTOR_GP, 0); /* before canonicality */
  expect_fault(mem_read_bytes(v, VMXSIM_DS, 0x201008, bytes, 16, 0), VECTOR_AC, 0);
  assert_true(mem_read_bytes(v, VMXSIM_DS, 0x201010, bytes, 32, 0));
  assert_true(mem_read_bytes(v, VMXSIM_DS, 0x201001, bytes, 8, 1)); /* never checked */
  expect_fault(mem_probe_write(v, VMXSIM_DS, 0x201001, 8, 0), VECTOR_AC, 0);
  assert_true(mem_probe_write(v, VMXSIM_DS, 0x201001, 8, 1));
  assert_true(mem_check_operand(v, VMXSIM_DS, 0x201004, 108, 4, true));
  expect_fault(mem_check_operand(v, VMXSIM_DS, 0x201002, 108, 4, true), VECTOR_AC, 0);
  assert_true(mem_read_linear(v, 0x201001, 8, MEM_SYSTEM, &value));
  machine_cpl(m, 0);
  assert_true(reads(0x201001));
}

static void code_addresses(void **state) {
  (void)state;
  uint64_t linear;
  machine_mode(m, PAGING_OFF);
  set_segment(VMXSIM_CS, 0xf0000, 0xffff, 0x9b);
  assert_true(mem_code_linear(v, 0xfff0, 16, &linear));
  assert_int_equal(linear, 0xffff0);
  expect_fault(mem_code_linear(v, 0xfff1, 16, &linear), VECTOR_GP, 0);
  machine_mode(m, PAGING_4_LEVEL);
  expect_fault(mem_code_linear(v, 0x7fffffffffff, 2, &linear), VECTOR_GP, 0);
}

static void effective_addresses(void **state) {
  (void)state;
  machine_mode(m, PAGING_4_LEVEL);
  v->s.gpr[VMXSIM_RBX] = 0xfffffff0;
  v->s.gpr[VMXSIM_RSI] = 0x10;
  v->block_rip = 0x1000;
  struct ir_op op = {.address_size = 8, .length = 5, .offset = 3};
  op.memory = (struct ir_memory){.displacement = -8, .base = VMXSIM_RBX, .index = VMXSIM_RSI, .scale = 4};
  assert_int_equal(mem_effective_address(v, &op), 0x100000028);
  op.address_size = 4;
  assert_int_equal(mem_effective_address(v, &op), 0x28);
  op.address_size = 2;
  v->s.gpr[VMXSIM_RBX] = 0xffff;
  assert_int_equal(mem_effective_address(v, &op), 0x37);
  op.address_size = 8;
  op.memory = (struct ir_memory){.displacement = 0x20, .base = IR_RIP, .index = IR_NO_REGISTER};
  assert_int_equal(mem_effective_address(v, &op), 0x1028);
}

/* --- watching ----------------------------------------------------------------------------------------------------- */

struct seen {
  unsigned count;
  uint64_t linear;
  bool write;
};

static void see(void *context, struct vcpu *vcpu, const struct mem_touch *touch) {
  (void)vcpu;
  struct seen *seen = context;
  seen->count++;
  seen->linear = touch->linear;
  seen->write = touch->write;
}

static void hooks_by_range(void **state) {
  (void)state;
  machine_mode(m, PAGING_OFF);
  struct seen seen = {0};
  assert_true(reads(0x5000));
  assert_true(mem_watch_range(v, 0x5010, 0x5017, false, see, &seen));
  assert_true(reads(0x5000));
  assert_int_equal(seen.count, 0);
  assert_true(reads(0x500f));
  assert_true(writes(0x5017));
  assert_int_equal(seen.count, 2);
  assert_true(seen.write && seen.linear == 0x5017);
  assert_true(reads(0x4ffc));
  struct mem_rmw rmw;
  uint64_t value;
  assert_true(mem_rmw_read(v, VMXSIM_DS, 0x5010, 4, &value, &rmw));
  assert_int_equal(seen.count, 3);
  mem_unwatch(v, see, &seen);
  assert_true(writes(0x5017));
  assert_int_equal(seen.count, 3);
  assert_true(mem_watch_range(v, 0x7010, 0x7017, true, see, &seen));
  machine_mode(m, PAGING_4_LEVEL);
  machine_map(m, 0x9000, 0x7000, 12, ENTRY_PRESENT | ENTRY_WRITABLE);
  machine_map(m, 0xa000, 0x6000, 12, ENTRY_PRESENT | ENTRY_WRITABLE);
  assert_true(writes(0x9014) && writes(0xa014) && writes(0x9018));
  assert_int_equal(seen.count, 4);
  mem_unwatch(v, see, &seen);
}

static void data_breakpoints(void **state) {
  (void)state;
  machine_mode(m, PAGING_OFF);
  v->s.dr[0] = 0x5008;
  v->s.dr[1] = 0x6002;
  v->s.dr[2] = 0x5000;
  v->s.dr7 = 1 | 8 | 1 << 16 | 2 << 18 | 3 << 20 | 1 << 22; /* 0: write, 8 bytes; 1: read or write, 2 bytes */
  mem_breakpoints_changed(v);
  assert_true(reads(0x5008));
  assert_int_equal(v->trap_dr6, 0);
  assert_true(mem_write(v, VMXSIM_DS, 0x500f, 1, 0));
  assert_int_equal(v->trap_dr6, 1);
  assert_true(v->attention & ATTENTION_BOUNDARY);
  v->trap_dr6 = 0;
  uint64_t value;
  assert_true(mem_read(v, VMXSIM_DS, 0x6000, 2, &value));
  assert_true(mem_read(v, VMXSIM_DS, 0x6004, 2, &value));
  assert_int_equal(v->trap_dr6, 0);
  assert_true(mem_read(v, VMXSIM_DS, 0x6003, 1, &value));
  assert_int_equal(v->trap_dr6, 2);
  v->trap_dr6 = 0;
  v->s.dr7 = 0;
  mem_breakpoints_changed(v);
  assert_true(mem_write(v, VMXSIM_DS, 0x5008, 8, 0));
  assert_int_equal(v->trap_dr6, 0);
}

static unsigned code_writes;
static uint64_t code_page;
static void code_written(void *context, uint64_t address, size_t size) {
  (void)context;
  (void)size;
  code_writes++;
  code_page = address & ~UINT64_C(0xfff);
}

static void decoded_code(void **state) {
  (void)state;
  machine_mode(m, PAGING_OFF);
  code_writes = 0;
  physical_on_code_written(m->memory, code_written, NULL);
  assert_true(writes(0x50f8)); /* now in the fast cache */
  physical_watch_code_bytes(m->memory, 0x5138, 16);
  assert_true(writes(0x50f8));
  assert_true(writes(0x5180));
  assert_int_equal(code_writes, 0);
  assert_true(writes(0x5131));
  assert_int_equal(code_writes, 1);
  assert_int_equal(code_page, 0x5000);
  assert_true(writes(0x5138));
  assert_int_equal(code_writes, 1);
  physical_watch_code(m->memory, 0x5000, true);
  size_t bytes;
  assert_true(reads(0x5000) && writes(0x5138));
  assert_null(mem_host_span(v, VMXSIM_DS, 0x5000, true, &bytes));
  assert_non_null(mem_host_span(v, VMXSIM_DS, 0x5000, false, &bytes));
  physical_write(m->memory, 0x4ff0, m->high, 32);
  assert_int_equal(code_writes, 2);
  physical_watch_code(m->memory, 0x5000, true);
  physical_watch_code(m->memory, 0x5000, false);
  assert_true(writes(0x5000));
  assert_int_equal(code_writes, 2);
  /* Accessed bits are writes, too; and so is another mapping. */
  physical_watch_code(m->memory, 0x6000, true);
  physical_unmap(m->memory, 0x6000, 0x1000);
  assert_int_equal(code_writes, 3);
  assert_int_equal(code_page, 0x6000);
}

static void dirty_log(void **state) {
  (void)state;
  uint64_t bits[2];
  machine_mode(m, PAGING_OFF);
  physical_dirty_log(m->memory, 0, 100 * PAGE_SIZE, bits, true);
  assert_true(writes(0x5000));
  assert_true(writes(0x63ffc));
  assert_true(reads(0x8000));
  physical_dirty_log(m->memory, 0, 100 * PAGE_SIZE, bits, false);
  assert_int_equal(bits[0], BIT(5));
  assert_int_equal(bits[1], BIT(0x63 - 64));
  physical_dirty_log(m->memory, 0, 100 * PAGE_SIZE, bits, true);
  assert_true(writes(0x5000)); /* seen again though the page was in the fast cache */
  physical_dirty_log(m->memory, 0, 100 * PAGE_SIZE, bits, true);
  assert_int_equal(bits[0], BIT(5));
  assert_int_equal(bits[1], 0);
}

/* --- physical memory ---------------------------------------------------------------------------------------------- */

static void later_mappings_cover_earlier_ones(void **state) {
  (void)state;
  uint8_t byte;
  m->ram[0x5000] = 1, m->ram[0x6000] = 2, m->ram[0x7000] = 3, m->high[0] = 9;
  machine_mode(m, PAGING_OFF);
  uint64_t value;
  assert_true(mem_read(v, VMXSIM_DS, 0x6000, 1, &value));
  assert_true(physical_map(m->memory, 0x6000, 0x1000, PHYSICAL_ROM, m->high));
  assert_true(mem_read(v, VMXSIM_DS, 0x6000, 1, &value));
  assert_int_equal(value, 9);
  static const uint64_t at[] = {0x5000, 0x6000, 0x7000};
  static const uint8_t expected[] = {1, 9, 3};
  for (unsigned i = 0; i < 3; i++) {
    physical_read(m->memory, at[i], &byte, 1);
    assert_int_equal(byte, expected[i]);
  }
  assert_true(physical_unmap(m->memory, 0x5000, 0x3000));
  assert_null(physical_page(m->memory, 0x6000));
  assert_ptr_equal(physical_page(m->memory, 0x8123), m->ram + 0x8000);
  assert_ptr_equal(physical_page(m->memory, 0x4fff), m->ram + 0x4000);
  uint8_t bytes[0x3002];
  m->ram[0x4fff] = 0x21, m->ram[0x8000] = 0x22;
  physical_read(m->memory, 0x4fff, bytes, sizeof bytes);
  assert_int_equal(bytes[0], 0x21);
  assert_int_equal(bytes[1], 0xff);
  assert_int_equal(bytes[0x3000], 0xff);
  assert_int_equal(bytes[0x3001], 0x22);
  assert_false(physical_map(m->memory, 0x800, 0x1000, PHYSICAL_RAM, m->ram));
  assert_false(physical_map(m->memory, 0x1000, 0, PHYSICAL_RAM, m->ram));
}

static void rom_is_not_written(void **state) {
  (void)state;
  machine_mode(m, PAGING_OFF);
  m->rom[0x10] = 0x5a;
  assert_true(mem_write(v, VMXSIM_DS, ROM + 0x10, 4, 0));
  assert_true(mem_write(v, VMXSIM_DS, ROM + 0x10, 4, 0));
  assert_int_equal(m->rom[0x10], 0x5a);
  uint64_t value;
  assert_true(mem_read(v, VMXSIM_DS, ROM + 0x10, 1, &value));
  assert_int_equal(value, 0x5a);
}

/* --- the fast cache and the known walks change nothing
 * ------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t value) {
  return (hash ^ value) * UINT64_C(0x100000001b3);
}

static void random_remap(uint64_t r) {
  const uint64_t flags = (r & (P | W | U | G)) | ((r >> 16 & 3) ? P : 0) | (r >> 20 & 1 ? NX : 0);
  if (r >> 21 & 7)
    machine_map(m, 0x200000 + (r >> 24 & 0x3f) * PAGE_SIZE, 0x10000 + (r >> 32 & 0xf) * PAGE_SIZE, 12, flags);
  else
    machine_map(m, 0x40000000 + (r >> 24 & 7) * 0x200000, (r >> 32 & 1) * 0x200000, 21, flags);
}

static void random_change(uint64_t r) {
  switch (r >> 8 & 15) {
  case 0: mmu_flush_all(v, r >> 16 & 1); break;
  case 1: mmu_flush_page(v, 0x200000 + (r >> 24 & 0x3f) * PAGE_SIZE); break;
  case 2: machine_cpl(m, r >> 16 & 1 ? 3 : 0); break;
  case 3: v->s.rflags ^= RFLAGS_AC; break;
  case 4: v->s.cr0 ^= CR0_WP; break;
  case 5: switch_pcid(r >> 16 & 3); break;
  case 6: mmu_invpcid(v, r >> 16 & 3, r >> 20 & 3, 0x200000 + (r >> 24 & 0x3f) * PAGE_SIZE); break;
  case 7: v->s.cr4 ^= CR4_SMAP; break;
  default: random_remap(r); break;
  }
  mmu_mode_changed(v);
}

static uint64_t random_access(uint64_t r) {
  const unsigned size = 1u << (r >> 8 & 3);
  const uint64_t linear = r >> 10 & 7 ? 0x200000 + (r >> 24 & 0x3ffff) : 0x40000000 + (r >> 24 & 0xffffff);
  uint64_t value = 0;
  struct mem_rmw rmw;
  bool done;
  switch (r >> 14 & 3) {
  case 0: done = mem_read(v, VMXSIM_DS, linear, size, &value); break;
  case 1: done = mem_write(v, VMXSIM_DS, linear, size, r); break;
  case 2: done = mem_translate_fetch_inline(v, linear, &value); break;
  default:
    done = mem_rmw_read(v, VMXSIM_DS, linear, size, &value, &rmw);
    if (done) mem_rmw_write(v, &rmw, value + 1);
    break;
  }
  if (done) return value;
  return mix(v->exception.address, v->exception.error_code);
}

static uint64_t run_random(bool drop) {
  random_state = 0x9e3779b97f4a7c15;
  machine_mode(m, PAGING_4_LEVEL);
  v->s.cr4 |= CR4_PCIDE | CR4_PGE;
  mmu_flush_all(v, true);
  mmu_set_miss_cycles(v->mmu, 7);
  v->cycles = 0;
  for (unsigned i = 0; i < 64; i++) random_remap(next_random());
  uint64_t hash = 0;
  for (unsigned i = 0; i < 200000; i++) {
    const uint64_t r = next_random();
    if ((r & 31) == 0)
      random_change(r);
    else
      hash = mix(hash, random_access(r));
    hash = mix(hash, v->cycles);
    if (!drop) continue;
    mmu_drop_fast(v->mmu);
    known_walks_forget(v->mmu);
  }
  for (size_t i = 0; i < RAM_SIZE; i += 8) hash = mix(hash, host_load(m->ram + i, 8));
  return hash;
}

static void dropping_the_fast_cache_changes_nothing(void **state) {
  (void)state;
  const uint64_t hash = run_random(false);
  machine_destroy(m);
  machine_create(m);
  assert_int_equal(hash, run_random(true));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(paging_off_is_identity),
      TEST(small_pages_and_their_bits),
      TEST(large_pages),
      TEST(pse_36_reaches_above_4_gib),
      TEST(gigabyte_pages),
      TEST(five_levels_use_57_bits),
      TEST(absent_at_every_level),
      TEST(reserved_bits),
      TEST(reserved_bits_of_32_bit_paging),
      TEST(maxphyaddr_moves_reserved_bits),
      TEST(permissions),
      TEST(write_protect_off),
      TEST(upper_levels_restrict),
      TEST(smep),
      TEST(smap),
      TEST(protection_keys_for_user_pages),
      TEST(wrpkru_needs_no_flush),
      TEST(protection_keys_for_supervisor_pages),
      TEST(shadow_stacks),
      TEST(pdpte_loading),
      TEST(stale_until_invlpg),
      TEST(known_walks_are_compared),
      TEST(a_denied_access_walks_again),
      TEST(the_dirty_bit_is_set_by_a_walk),
      TEST(cr3_spares_global_pages),
      TEST(pcids),
      TEST(invpcid),
      TEST(invlpg_drops_all_of_a_large_page),
      TEST(misses_cost_cycles_once),
      TEST(eviction_is_first_in_first_out),
      TEST(split_accesses),
      TEST(a_split_write_that_faults_writes_nothing),
      TEST(addresses_wrap_at_4_gib_outside_64_bit_mode),
      TEST(read_modify_write),
      TEST(devices),
      TEST(the_local_apic_lies_over_memory),
      TEST(host_spans),
      TEST(limits_and_types),
      TEST(segment_bases),
      TEST(canonical_addresses),
      TEST(linear_address_masking),
      TEST(alignment_checks),
      TEST(code_addresses),
      TEST(effective_addresses),
      TEST(hooks_by_range),
      TEST(data_breakpoints),
      TEST(decoded_code),
      TEST(dirty_log),
      TEST(later_mappings_cover_earlier_ones),
      TEST(rom_is_not_written),
      TEST(dropping_the_fast_cache_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
