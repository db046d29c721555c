/* A processor with memory, decoder, MMU and local APIC, but without a machine around it: for test_events.c and
 * test_system.c, each of which includes this once. Tables and code are laid out by code; execution is one instruction
 * at a time, as the run loop does it when it has to be careful.
 */
#ifndef VMXSIM_TESTS_CPU_EVENT_MACHINE_H
#define VMXSIM_TESTS_CPU_EVENT_MACHINE_H

#include "tests/cmocka_main.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/apic/apic.h"
#include "cpu/events/events.h"
#include "cpu/exec/cpuid.h"
#include "cpu/exec/exec.h"
#include "cpu/exec/io.h"
#include "cpu/exec/segments.h"
#include "cpu/exec/system.h"
#include "cpu/exec/vmx.h"
#include "cpu/exec/wait.h"
#include "cpu/mmu/mmu.h"
#include "cpu/timing/timing.h"

enum {
  RAM = 1 << 20,
  GDT = 0x1000,
  IDT = 0x2000,
  TSS = 0x3000,
  TSS_2 = 0x3100,
  KERNEL_STACK = 0x6000,
  USER_STACK = 0x7000,
  INNER_STACK = 0x5000,
  CODE = 0x8000,
  HANDLERS = 0x9000, /* 16 bytes each */
  SHADOW = 0xa000,
  TABLES = 0x10000,
  /* selectors */
  CODE32 = 0x08,
  DATA = 0x10,
  USER_CODE32 = 0x1b,
  USER_DATA = 0x23,
  CODE64 = 0x28,
  USER_CODE64 = 0x33,
  CODE16 = 0x38,
  TASK = 0x40, /* 16 bytes */
  TASK_2 = 0x50,
  SPARE = 0x60,
  SPARE_2 = 0x70,
  CONFORMING = 0x80,
};

static struct vcpu processor, *const v = &processor;
static struct vmxsim_capabilities capabilities;
static struct physical_memory *memory;
static _Alignas(4096) uint8_t ram[RAM];

/* --- what is outside cpu/ --- */

void apic_bus_send(struct machine *machine, const struct apic_message *message) {
  (void)machine;
  (void)message;
}
bool io_read(struct vcpu *vcpu, uint16_t port, unsigned size, uint32_t *value) {
  (void)vcpu, (void)port, (void)size;
  *value = 0;
  return true;
}
bool io_write(struct vcpu *vcpu, uint16_t port, unsigned size, uint32_t value) {
  (void)vcpu, (void)port, (void)size, (void)value;
  return true;
}
uint64_t machine_random(struct machine *machine) {
  (void)machine;
  return 4;
}

/* --- memory --- */

static void put(uint64_t at, unsigned size, uint64_t value) {
  for (unsigned i = 0; i < size; i++) ram[at + i] = (uint8_t)(value >> (8 * i));
}
static uint64_t get(uint64_t at, unsigned size) {
  uint64_t value = 0;
  for (unsigned i = 0; i < size; i++) value |= (uint64_t)ram[at + i] << (8 * i);
  return value;
}

static void descriptor(unsigned selector, uint32_t base, uint32_t limit, uint32_t rights) {
  const uint32_t at = GDT + (selector & 0xfff8U);
  put(at, 4, (limit & 0xffff) | base << 16);
  put(at + 4, 4, (base >> 16 & 0xff) | rights << 8 | (limit & 0xf0000) | (base & 0xff000000U));
}
static void gate(unsigned vector, uint16_t selector, uint32_t offset, uint32_t rights) {
  const uint32_t at = IDT + vector * 8;
  put(at, 4, (offset & 0xffff) | (uint32_t)selector << 16);
  put(at + 4, 4, (offset & 0xffff0000U) | rights << 8);
}
static void gate64(unsigned vector, uint16_t selector, uint64_t offset, uint32_t rights, unsigned ist) {
  const uint32_t at = IDT + vector * 16;
  put(at, 4, (offset & 0xffff) | (uint32_t)selector << 16);
  put(at + 4, 4, (offset & 0xffff0000U) | rights << 8 | ist);
  put(at + 8, 8, offset >> 32);
}
static void code_at(uint64_t at, const char *bytes, size_t size) {
  memcpy(ram + at, bytes, size);
}
#define CODE_AT(at, bytes) code_at((at), (bytes), sizeof(bytes) - 1)

/* --- the processor --- */

static void create_cpu(const char *spec) {
  memset(&processor, 0, sizeof processor);
  memset(ram, 0, sizeof ram);
  assert_int_equal(vmxsim_capabilities_from_spec(&capabilities, spec, strlen(spec), NULL), VMXSIM_OK);
  memory = physical_create(NULL);
  assert_true(physical_map(memory, 0, RAM, PHYSICAL_RAM, ram));
  v->capabilities = &capabilities;
  v->mmu = mmu_create(v, memory);
  v->apic = apic_create(v, 0);
  v->cpuid = cpuid_table_create(NULL, &capabilities, vmxsim_profile_nearest(&capabilities), NULL);
  decoder_init(&v->decoder, cpuid_decode_features(v->cpuid));
  exec_vmx_init(v);
  vcpu_reset(v, 0);
}

static void destroy_cpu(void) {
  if (!v->mmu) return;
  apic_destroy(v->apic);
  mmu_destroy(v->mmu);
  cpuid_table_destroy(NULL, v->cpuid);
  physical_destroy(memory);
  v->mmu = NULL;
}

static int setup(void **state) {
  (void)state;
  create_cpu("max");
  return 0;
}
static int teardown(void **state) {
  (void)state;
  destroy_cpu();
  return 0;
}

/* From here on as a processor that has just been reset: another one. */
static void recreate(const char *spec) {
  destroy_cpu();
  create_cpu(spec);
}

static void build_tables(void) {
  descriptor(CODE32, 0, 0xfffff, 0xc09b);
  descriptor(DATA, 0, 0xfffff, 0xc093);
  descriptor(USER_CODE32, 0, 0xfffff, 0xc0fb);
  descriptor(USER_DATA, 0, 0xfffff, 0xc0f3);
  descriptor(CODE64, 0, 0xfffff, 0xa09b);
  descriptor(USER_CODE64, 0, 0xfffff, 0xa0fb);
  descriptor(CODE16, 0, 0xffff, 0x009b);
  descriptor(TASK, TSS, 0x67, 0x008b);
  descriptor(TASK_2, TSS_2, 0x67, 0x0089);
  descriptor(CONFORMING, 0, 0xfffff, 0xc09f);
  v->s.gdtr = (struct vmxsim_table_register){GDT, 0xff};
  v->s.idtr = (struct vmxsim_table_register){IDT, 0xfff};
  v->s.tr = (struct vmxsim_segment){.selector = TASK, .limit = 0x67, .access_rights = 0x8b, .base = TSS};
  v->s.ldtr = (struct vmxsim_segment){.access_rights = 0x10000};
  for (unsigned i = 0; i < 256; i++) ram[HANDLERS + i * 16] = 0x90;
}

static void load(unsigned segment, unsigned selector) {
  struct vmxsim_segment *const s = &v->s.segment[segment];
  uint32_t words[2] = {(uint32_t)get(GDT + (selector & 0xfff8U), 4), (uint32_t)get(GDT + (selector & 0xfff8U) + 4, 4)};
  segment_from_descriptor(s, (uint16_t)selector, words);
}

static void settle(void) {
  control_set(v, v->s.cr0, v->s.cr3, v->s.cr4, v->s.efer);
  vcpu_update_mode(v);
  events_rearm(v);
  v->s.rip = CODE;
}

/* 32-bit protected mode without paging at that level, interrupt gates for all vectors. */
static void protected_mode(unsigned cpl) {
  build_tables();
  for (unsigned i = 0; i < 256; i++) gate(i, CODE32, HANDLERS + i * 16, 0x8e);
  v->s.cr0 = CR0_PE | CR0_ET | CR0_NE;
  load(VMXSIM_CS, cpl ? USER_CODE32 : CODE32);
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++)
    if (i != VMXSIM_CS) load(i, cpl ? USER_DATA : DATA);
  v->s.gpr[VMXSIM_RSP] = cpl ? USER_STACK : KERNEL_STACK;
  put(TSS + 4, 4, INNER_STACK);
  put(TSS + 8, 2, DATA);
  settle();
}

/* 64-bit mode, the first MiB mapped one to one in 4-KiB pages, user and writable; 0xffff'8000'0000'0000 is not mapped.
 */
static void long_mode(unsigned cpl) {
  build_tables();
  for (unsigned i = 0; i < 256; i++) gate64(i, CODE64, HANDLERS + i * 16, 0x8e, 0);
  put(TABLES, 8, (TABLES + 0x1000) | 7);
  put(TABLES + 0x1000, 8, (TABLES + 0x2000) | 7);
  put(TABLES + 0x2000, 8, (TABLES + 0x3000) | 7);
  for (uint64_t i = 0; i < 256; i++) put(TABLES + 0x3000 + i * 8, 8, i << 12 | 7);
  v->s.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG | CR0_WP;
  v->s.cr4 = CR4_PAE;
  v->s.cr3 = TABLES;
  v->s.efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
  load(VMXSIM_CS, cpl ? USER_CODE64 : CODE64);
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++)
    if (i != VMXSIM_CS) load(i, cpl ? USER_DATA : DATA);
  v->s.gpr[VMXSIM_RSP] = cpl ? USER_STACK : KERNEL_STACK;
  put(TSS + 4, 8, INNER_STACK);
  settle();
}

/* Real-address mode with everything in the first 64 KiB. */
static inline void real_mode(void) {
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++) segment_load_real(v, i, 0);
  v->s.gpr[VMXSIM_RSP] = KERNEL_STACK;
  v->s.idtr = (struct vmxsim_table_register){0, 0x3ff};
  for (unsigned i = 0; i < 256; i++) {
    put(i * 4, 4, HANDLERS + i * 16);
    ram[HANDLERS + i * 16] = 0x90;
  }
  settle();
}

/* Virtual-8086 mode under 32-bit protected mode. */
static inline void v86_mode(unsigned iopl) {
  protected_mode(3);
  v->s.rflags |= RFLAGS_VM | (uint64_t)iopl << 12;
  vcpu_update_mode(v);
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++) segment_load_real(v, i, (uint16_t)(i * 0x10));
  segment_load_real(v, VMXSIM_CS, 0);
  segment_load_real(v, VMXSIM_SS, 0);
  v->s.gpr[VMXSIM_RSP] = USER_STACK;
  vcpu_update_mode(v);
}

/* --- execution --- */

static void end_marker(struct vcpu *vcpu, const struct ir_op *op) {
  vcpu->s.rip = vcpu->block_rip + op->offset;
}

static inline ir_execute *bind(const struct ir_op *op) {
  static ir_execute *(*const groups[])(const struct ir_op *) = {exec_bind_far, exec_bind_system, exec_bind_transfer,
                                                                exec_bind_integer, exec_bind_string};
  for (unsigned i = 0; i < sizeof groups / sizeof groups[0]; i++) {
    ir_execute *const execute = groups[i](op);
    if (execute) return execute;
  }
  return NULL;
}

static void execute(void) {
  static struct ir_op ops[2];
  uint8_t bytes[IR_LENGTH_MAX];
  uint64_t linear = v->s.rip, physical;
  if (!vcpu_in_64_bit_mode(v)) linear = (uint32_t)(linear + v->s.segment[VMXSIM_CS].base);
  v->current = NULL;
  v->block_rip = v->s.rip;
  if (!mem_translate_fetch(v, linear, &physical)) return events_deliver_exception(v);
  physical_read(memory, physical, bytes, sizeof bytes);
  assert_int_equal(decode_instruction(&v->decoder, v->mode, bytes, sizeof bytes, &ops[0]), DECODE_OK);
  ops[0].execute = bind(&ops[0]);
  ops[0].cycles = 1;
  ops[1] = (struct ir_op){.execute = end_marker, .offset = ops[0].length};
  v->current = ops;
  if (ops[0].execute) {
    ops[0].execute(v, ops);
  } else {
    vcpu_raise(v, VECTOR_UD);
  }
  v->cycles++;
  if (!v->exception.pending) return events_instruction_done(v);
  v->s.rip = v->block_rip;
  events_deliver_exception(v);
}

/* One event or one instruction. */
static void step(void) {
  if (events_any(v) && events_take(v)) return;
  if (v->s.activity != VMXSIM_ACTIVE) return;
  if ((v->s.dr7 & DR7_ENABLED) && events_code_breakpoint(v)) return events_deliver_exception(v);
  execute();
}

static inline void steps(unsigned count) {
  while (count--) step();
}

/* Where the handler of a vector is. */
static uint64_t handler(unsigned vector) {
  return HANDLERS + vector * 16;
}

#define assert_at(address) assert_int_equal(v->s.rip, (address))
#define assert_vector(vector) assert_int_equal(v->s.rip, handler(vector))

/* The stack as 32-bit and as 64-bit slots. */
static uint32_t slot32(unsigned n) {
  return (uint32_t)get((v->s.gpr[VMXSIM_RSP] & UINT32_MAX) + 4 * n, 4);
}
static uint64_t slot64(unsigned n) {
  return get(v->s.gpr[VMXSIM_RSP] + 8 * n, 8);
}

/* Runs one instruction and expects an exception with that error code (32-bit or 64-bit stack); goes back to CODE. */
static inline void expect_fault(const char *bytes, size_t size, unsigned vector, uint32_t error) {
  const struct vmxsim_state before = v->s;
  memset(ram + CODE, 0x90, 32);
  memcpy(ram + CODE, bytes, size);
  v->s.rip = CODE;
  step();
  assert_vector(vector);
  if (vector != VECTOR_UD && vector != VECTOR_DB) assert_int_equal(v->s.efer & EFER_LMA ? slot64(0) : slot32(0), error);
  v->s = before;
  v->s.rip = CODE;
  vcpu_update_mode(v);
  mmu_flush_all(v, true);
}
#define EXPECT_FAULT(bytes, vector, error) expect_fault((bytes), sizeof(bytes) - 1, (vector), (error))

static inline void run_bytes(const char *bytes, size_t size) {
  memset(ram + CODE, 0x90, 32);
  memcpy(ram + CODE, bytes, size);
  v->s.rip = CODE;
  step();
}
/* One instruction that completes. */
#define RUN(bytes) \
  do { \
    run_bytes((bytes), sizeof(bytes) - 1); \
    assert_at(CODE + sizeof(bytes) - 1); \
  } while (0)

#endif
