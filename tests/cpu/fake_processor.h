/* Stand-ins for what cpu/exec calls outside itself: memory that is one flat array (any segment, no protection beyond
 * its bounds), ports that echo, exceptions that are noted. To be included by one test program. */
#ifndef VMXSIM_TESTS_CPU_FAKE_PROCESSOR_H
#define VMXSIM_TESTS_CPU_FAKE_PROCESSOR_H

#include "cpu/exec/io.h"
#include "tests/cpu/fake_vcpu.h"

enum { FAKE_MEMORY = 8192, BLOCK_LIMIT = 16 };

/* The memory answers at addresses from fake_base on. Writes beyond fake_limit fault. */
static _Alignas(4096) uint8_t fake_memory[FAKE_MEMORY];
static uint64_t fake_base, fake_limit = FAKE_MEMORY;
static uint32_t fake_port_value;
static unsigned fake_port_accesses;
static bool fake_spans; /* whether mem_host_span() finds anything */

static bool fake_locate(struct vcpu *v, uint64_t offset, size_t size, uint8_t **host) {
  uint64_t at = offset - fake_base;
  if (at + size > fake_limit || at + size < at) {
    v->exception.address = offset;
    vcpu_raise_with_code(v, VECTOR_PF, 0);
    return false;
  }
  *host = fake_memory + at;
  return true;
}

bool mem_read_slow(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value) {
  uint8_t *host;
  (void)segment;
  if (!fake_locate(v, offset, size, &host)) return false;
  *value = host_load(host, size);
  return true;
}

bool mem_write_slow(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t value) {
  uint8_t *host;
  (void)segment;
  if (!fake_locate(v, offset, size, &host)) return false;
  host_store(host, size, value);
  return true;
}

bool mem_rmw_read_slow(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value,
                       struct mem_rmw *rmw) {
  rmw->size = (uint8_t)size;
  return fake_locate(v, offset, size, &rmw->host) && mem_read_slow(v, segment, offset, size, value);
}

void mem_rmw_write_slow(struct vcpu *v, const struct mem_rmw *rmw, uint64_t value) {
  (void)v;
  host_store(rmw->host, rmw->size, value);
}

bool mem_read(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value) {
  return mem_read_slow(v, segment, offset, size, value);
}
bool mem_write(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t value) {
  return mem_write_slow(v, segment, offset, size, value);
}
bool mem_rmw_read(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value,
                  struct mem_rmw *rmw) {
  return mem_rmw_read_slow(v, segment, offset, size, value, rmw);
}
void mem_rmw_write(struct vcpu *v, const struct mem_rmw *rmw, uint64_t value) {
  mem_rmw_write_slow(v, rmw, value);
}

bool mem_rmw16_read(struct vcpu *v, unsigned segment, uint64_t offset, uint64_t value[2], struct mem_rmw *rmw) {
  (void)segment;
  if (!fake_locate(v, offset, 16, &rmw->host)) return false;
  memcpy(value, rmw->host, 16);
  return true;
}
void mem_rmw16_write(struct vcpu *v, const struct mem_rmw *rmw, const uint64_t value[2]) {
  (void)v;
  memcpy(rmw->host, value, 16);
}

bool mem_probe_write(struct vcpu *v, unsigned segment, uint64_t offset, size_t size, unsigned alignment) {
  (void)alignment;
  uint8_t *host;
  (void)segment;
  return fake_locate(v, offset, size, &host);
}

uint8_t *mem_host_span(struct vcpu *v, unsigned segment, uint64_t offset, bool write, size_t *bytes) {
  uint64_t at = offset - fake_base;
  (void)v, (void)segment, (void)write;
  if (!fake_spans || at >= fake_limit) return NULL;
  *bytes = (size_t)(4096 - at % 4096 < fake_limit - at ? 4096 - at % 4096 : fake_limit - at);
  return fake_memory + at;
}

bool segment_linear(struct vcpu *v, unsigned segment, uint64_t offset, size_t size, unsigned access, uint64_t *linear) {
  (void)v, (void)segment, (void)size, (void)access;
  *linear = offset;
  return true;
}

bool mem_read_linear(struct vcpu *v, uint64_t linear, unsigned size, enum mem_access access, uint64_t *value) {
  return mem_read_slow(v, access, linear, size, value);
}
bool mem_write_linear(struct vcpu *v, uint64_t linear, unsigned size, enum mem_access access, uint64_t value) {
  return mem_write_slow(v, access, linear, size, value);
}
void mmu_mode_changed(struct vcpu *v) {
  v->attention |= ATTENTION_MODE;
}
bool vcpu_update_mode(struct vcpu *v) {
  v->attention |= ATTENTION_MODE;
  return true;
}
uint64_t machine_random(struct machine *machine) {
  (void)machine;
  return 0x0123456789abcdef;
}
bool io_read(struct vcpu *v, uint16_t port, unsigned size, uint32_t *value) {
  (void)v, (void)port;
  fake_port_accesses++;
  *value = size == 4 ? fake_port_value : fake_port_value & ((1u << size * 8) - 1);
  return true;
}
bool io_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value) {
  (void)v, (void)port, (void)size;
  fake_port_accesses++;
  fake_port_value = value;
  return true;
}

/* Puts the memory's pages into the fast cache, so that the handlers' fast paths are taken; or takes them out. The
 * memory has to begin at a page, in the host and in the model. */
static inline void fake_fill_fast_cache(struct vcpu *v, bool fill) {
  for (unsigned kind = FAST_READ; kind <= FAST_WRITE; kind++)
    for (uint64_t page = fake_base; page < fake_base + FAKE_MEMORY; page += 4096)
      v->mmu->bank->table[kind].entry[(page >> 12) % FAST_ENTRIES] =
          (struct fast_entry){fill ? page | 1 : 0, (uintptr_t)fake_memory - fake_base};
}

/* Decodes and executes a stretch of code as one block at s.rip. Returns how many ops it has; 0: it does not decode. */
static unsigned fake_run(struct vcpu *v, const uint8_t *code, size_t length) {
  static struct decoder decoder;
  static struct ir_op ops[BLOCK_LIMIT + 1];
  static bool ready;
  if (!ready) decoder_init(&decoder, UINT64_MAX);
  ready = true;
  unsigned count = 0;
  size_t at = 0;
  for (; at < length && count < BLOCK_LIMIT; count++) {
    struct ir_op *op = &ops[count];
    memset(op, 0, sizeof *op);
    if (decode_instruction(&decoder, v->mode, code + at, length - at, op) != DECODE_OK) return 0;
    op->offset = (uint16_t)at;
    op->cycle = (uint16_t)count;
    op->cycles = 1;
    op->execute = exec_bind_integer(op);
    if (!op->execute) op->execute = exec_bind_transfer(op);
    if (!op->execute) op->execute = exec_bind_string(op);
    if (!op->execute) op->execute = exec_bind_cet(op);
    if (!op->execute) return 0;
    at += op->length;
  }
  memset(&ops[count], 0, sizeof ops[count]);
  ops[count].execute = fake_end_of_block;
  ops[count].offset = (uint16_t)at;
  v->exception.pending = false;
  v->block_rip = v->s.rip;
  v->current = ops;
  ops[0].execute(v, ops);
  return count;
}

#endif
