/* What ops, transitions and memory accesses cost in the timing models. */
#include "tests/cmocka_main.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/timing/caches.h"
#include "cpu/timing/timing.h"

/* --- ops and transitions ------------------------------------------------------------------------------------------ */

static unsigned cost_of(enum timing_model model, enum ir_opcode opcode, enum ir_operand_kind first,
                        enum ir_operand_kind second) {
  const struct ir_op op = {.opcode = (uint16_t)opcode,
                           .operand_size = 4,
                           .operand = {{.kind = (uint8_t)first, .size = 4}, {.kind = (uint8_t)second, .size = 4}}};
  return timing_of_op(model, &op);
}

static void ops(void **state) {
  (void)state;
  assert_int_equal(cost_of(TIMING_FIXED, IR_WRMSR, IR_NONE, IR_NONE), 1);
  assert_int_equal(cost_of(TIMING_LATENCY, IR_WRMSR, IR_NONE, IR_NONE), 141);
  assert_int_equal(cost_of(TIMING_MEMORY, IR_WRMSR, IR_NONE, IR_NONE), 141);
  assert_int_equal(cost_of(TIMING_LATENCY, IR_MOV_CR, IR_GPR, IR_CONTROL), 8);
  assert_int_equal(cost_of(TIMING_LATENCY, IR_MOV_CR, IR_CONTROL, IR_GPR), 141);
  assert_int_equal(cost_of(TIMING_LATENCY, IR_MOV_DR, IR_DEBUG, IR_GPR), 207);
  assert_int_equal(cost_of(TIMING_LATENCY, IR_MOV, IR_GPR, IR_GPR), 1);
  assert_int_equal(cost_of(TIMING_LATENCY, IR_MOV, IR_GPR, IR_MEMORY), 5);
}

static void round_trip(const char *processor, unsigned expected) {
  uint16_t cycles[TRANSITIONS];
  struct vmxsim_capabilities capabilities;
  assert_int_equal(vmxsim_capabilities_from_spec(&capabilities, processor, strlen(processor), NULL), VMXSIM_OK);
  timing_transitions(TIMING_LATENCY, vmxsim_profile_nearest(&capabilities), cycles);
  assert_int_equal(cycles[TRANSITION_VM_ENTRY] + cycles[TRANSITION_VM_EXIT] + 48,
                   expected); /* test_vm_round_trip.c measures */
}

static void vm_entries_and_exits_by_processor(void **state) {
  (void)state;
  round_trip("merom", 1681);
  round_trip("nehalem", 982);
  round_trip("haswell", 543);
  round_trip("skylake-client", 608);
  round_trip("skylake-client,phys-bits=46", 608);
  round_trip("max", 441);
}

static void nothing_but_ops_in_fixed(void **state) {
  (void)state;
  uint16_t cycles[TRANSITIONS];
  timing_transitions(TIMING_FIXED, vmxsim_profile_find("max", 3), cycles);
  for (unsigned i = 0; i < TRANSITIONS; i++) assert_int_equal(cycles[i], 0);
  assert_int_equal(timing_tlb_miss(TIMING_FIXED), 0);
  assert_int_equal(timing_tlb_miss(TIMING_LATENCY), 23);
  assert_int_equal(timing_tlb_miss(TIMING_MEMORY), 0); /* its accesses cost */
}

/* --- caches ------------------------------------------------------------------------------------------------------- */

enum { L1_HIT = 0, L2_HIT = 12 - 4, L3_HIT = 44 - 4, MISS = 160 - 4 };

static struct caches_shared *shared;
static struct vcpu processor[2];
static struct caches *caches[2];

static int create(void **state) {
  (void)state;
  shared = caches_shared_create(NULL);
  memset(processor, 0, sizeof processor);
  for (unsigned i = 0; i < 2; i++) caches[i] = caches_create(&processor[i], shared);
  return 0;
}

static int destroy(void **state) {
  (void)state;
  for (unsigned i = 0; i < 2; i++) caches_destroy(caches[i]);
  free(shared);
  return 0;
}

static uint64_t load_costs(unsigned vcpu, uint64_t physical, size_t size) {
  const uint64_t before = processor[vcpu].cycles;
  caches_load(caches[vcpu], physical, size);
  return processor[vcpu].cycles - before;
}

static void levels(void **state) {
  (void)state;
  assert_int_equal(load_costs(0, 0x1000, 8), MISS);
  assert_int_equal(load_costs(0, 0x103f, 1), L1_HIT);
  assert_int_equal(load_costs(0, 0x103f, 2), MISS); /* the next line */
  assert_int_equal(load_costs(0, 0x107c, 8), MISS);
  assert_int_equal(load_costs(1, 0x1000, 8), L3_HIT); /* the machine's */
  for (uint64_t i = 1; i <= L1D_WAYS; i++) load_costs(0, 0x1000 + i * L1D_SETS * CACHE_LINE, 8);
  assert_int_equal(load_costs(0, 0x1000, 8), L2_HIT);
}

static void the_one_not_accessed_for_longest_goes(void **state) {
  (void)state;
  const uint64_t step = L1D_SETS * CACHE_LINE;
  for (uint64_t i = 0; i < L1D_WAYS; i++) load_costs(0, i * step, 8);
  assert_int_equal(load_costs(0, 0, 8), L1_HIT);
  load_costs(0, L1D_WAYS * step, 8);
  assert_int_equal(load_costs(0, 0, 8), L1_HIT);
  assert_int_equal(load_costs(0, step, 8), L2_HIT);
}

static void stores_wait_for_nothing_and_take_the_line(void **state) {
  (void)state;
  load_costs(1, 0x2000, 8);
  caches_store(caches[0], 0x2000, 8);
  assert_int_equal(processor[0].cycles, 0);
  assert_int_equal(load_costs(0, 0x2000, 8), L1_HIT);
  assert_int_equal(load_costs(1, 0x2000, 8), L3_HIT);
}

static void flushing(void **state) {
  (void)state;
  load_costs(0, 0x3000, 8);
  load_costs(1, 0x3000, 8);
  caches_flush_line(caches[0], 0x3020);
  assert_int_equal(load_costs(1, 0x3000, 8), MISS);
  assert_int_equal(load_costs(0, 0x3000, 8), L3_HIT);
  caches_flush(caches[0]);
  assert_int_equal(load_costs(1, 0x3000, 8), L1_HIT);
  assert_int_equal(load_costs(0, 0x3000, 8), MISS);
}

static void walks_cost_all_of_it(void **state) {
  (void)state;
  caches_walk(caches[0], 0x4000);
  assert_int_equal(processor[0].cycles, 160);
  caches_walk(caches[0], 0x4008);
  assert_int_equal(processor[0].cycles, 164);
}

#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ops),
      cmocka_unit_test(vm_entries_and_exits_by_processor),
      cmocka_unit_test(nothing_but_ops_in_fixed),
      CACHE_TEST(levels),
      CACHE_TEST(the_one_not_accessed_for_longest_goes),
      CACHE_TEST(stores_wait_for_nothing_and_take_the_line),
      CACHE_TEST(flushing),
      CACHE_TEST(walks_cost_all_of_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
