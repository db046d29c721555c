/* The fast path of memory accesses, inline: for handlers whose sizes are constants. Everything that is not a plain
 * access to a page in the fast cache goes to the functions of memory.h, which do the same with all checks.
 */
#ifndef VMXSIM_CPU_MMU_FAST_H
#define VMXSIM_CPU_MMU_FAST_H

#include <string.h>

#include "cpu/mmu/mmu.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "memory is read in the host's byte order");

#define MEM_LIKELY(condition) __builtin_expect(!!(condition), 1)

/* mem_read() and mem_write() without the fast path (memory.c). */
bool mem_read_slow(struct vcpu *vcpu, unsigned segment, uint64_t offset, unsigned size, uint64_t *value);
bool mem_write_slow(struct vcpu *vcpu, unsigned segment, uint64_t offset, unsigned size, uint64_t value);
bool mem_read_bytes_slow(struct vcpu *vcpu, unsigned segment, uint64_t offset, void *bytes, size_t size,
                         unsigned alignment);
bool mem_write_bytes_slow(struct vcpu *vcpu, unsigned segment, uint64_t offset, const void *bytes, size_t size,
                          unsigned alignment);
bool mem_rmw_read_slow(struct vcpu *vcpu, unsigned segment, uint64_t offset, unsigned size, uint64_t *value,
                       struct mem_rmw *rmw);
void mem_rmw_write_slow(struct vcpu *vcpu, const struct mem_rmw *rmw, uint64_t value);

static inline uint64_t host_load(const uint8_t *host, unsigned size) {
  uint16_t word;
  uint32_t doubleword;
  uint64_t quadword;
  switch (size) {
  case 1: return *host;
  case 2: memcpy(&word, host, 2); return word;
  case 4: memcpy(&doubleword, host, 4); return doubleword;
  default: memcpy(&quadword, host, 8); return quadword;
  }
}

static inline void host_store(uint8_t *host, unsigned size, uint64_t value) {
  switch (size) {
  case 1: *host = (uint8_t)value; break;
  case 2: memcpy(host, &(uint16_t){(uint16_t)value}, 2); break;
  case 4: memcpy(host, &(uint32_t){(uint32_t)value}, 4); break;
  default: memcpy(host, &value, 8); break;
  }
}

/* The host address of `size` bytes at `linear`; NULL: not in the table, or they cross into the next page. */
static inline uint8_t *fast_host(const struct fast_table *table, uint64_t linear, unsigned size) {
  const struct fast_entry *entry = &table->entry[(linear >> PAGE_SHIFT) % FAST_ENTRIES];
  const uint64_t tag = ((linear + (size - 1)) & PAGE_MASK) | table->generation;
  if (!MEM_LIKELY(entry->tag == tag)) return NULL;
  uint8_t *const host = (uint8_t *)(uintptr_t)(entry->addend + linear);
  if (!host) __builtin_unreachable(); /* so that callers need not look twice */
  return host;
}

/* Segmentation where it is simple: 64-bit mode (the fast cache has canonical addresses only) and writable segments that
 * expand up. S = 1, type 001x, usable. */
static inline bool fast_linear(const struct vcpu *v, unsigned segment, uint64_t offset, unsigned size,
                               uint64_t *linear) {
  const struct vmxsim_segment *s = &v->s.segment[segment];
  if (MEM_LIKELY(v->mode & DECODE_CODE_64)) {
    *linear = segment < VMXSIM_FS ? offset : s->base + offset;
    return true;
  }
  *linear = (uint32_t)(s->base + offset);
  return (s->access_rights & 0x1001e) == 0x12 && offset + (size - 1) <= s->limit;
}

/* As far as it is in the fast cache; NULL: the slow way. */
static inline uint8_t *mem_fast(const struct vcpu *v, unsigned segment, uint64_t offset, unsigned size,
                                enum fast_kind kind) {
  uint64_t linear;
  if (!MEM_LIKELY(fast_linear(v, segment, offset, size, &linear))) return NULL;
  return fast_host(&v->mmu->bank->table[kind], linear, size);
}

static inline bool mem_read_inline(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value) {
  const uint8_t *host = mem_fast(v, segment, offset, size, FAST_READ);
  if (!MEM_LIKELY(host)) return mem_read_slow(v, segment, offset, size, value);
  *value = host_load(host, size);
  return true;
}

static inline bool mem_write_inline(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t value) {
  uint8_t *host = mem_fast(v, segment, offset, size, FAST_WRITE);
  if (!MEM_LIKELY(host)) return mem_write_slow(v, segment, offset, size, value);
  host_store(host, size, value);
  return true;
}

static inline bool mem_rmw_read_inline(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size,
                                       uint64_t *value, struct mem_rmw *rmw) {
  uint8_t *host = mem_fast(v, segment, offset, size, FAST_WRITE);
  if (!MEM_LIKELY(host)) return mem_rmw_read_slow(v, segment, offset, size, value, rmw);
  rmw->host = host;
  rmw->size = (uint8_t)size;
  *value = host_load(host, size);
  return true;
}

static inline uint8_t *mem_fast_bytes(const struct vcpu *v, unsigned segment, uint64_t offset, size_t size,
                                      unsigned alignment, enum fast_kind kind) {
  uint64_t linear;
  if (!MEM_LIKELY(fast_linear(v, segment, offset, (unsigned)size, &linear))) return NULL;
  if (alignment > 1 && (linear & (alignment - 1))) return NULL;
  return fast_host(&v->mmu->bank->table[kind], linear, (unsigned)size);
}

static inline bool mem_read_bytes_inline(struct vcpu *v, unsigned segment, uint64_t offset, void *bytes, size_t size,
                                         unsigned alignment) {
  const uint8_t *host = mem_fast_bytes(v, segment, offset, size, alignment, FAST_READ);
  if (!MEM_LIKELY(host)) return mem_read_bytes_slow(v, segment, offset, bytes, size, alignment);
  memcpy(bytes, host, size);
  return true;
}

static inline bool mem_write_bytes_inline(struct vcpu *v, unsigned segment, uint64_t offset, const void *bytes,
                                          size_t size, unsigned alignment) {
  uint8_t *host = mem_fast_bytes(v, segment, offset, size, alignment, FAST_WRITE);
  if (!MEM_LIKELY(host)) return mem_write_bytes_slow(v, segment, offset, bytes, size, alignment);
  memcpy(host, bytes, size);
  return true;
}

/* `size` as in mem_rmw_read_inline(), so that it can be a constant. */
static inline void mem_rmw_write_inline(struct vcpu *v, const struct mem_rmw *rmw, unsigned size, uint64_t value) {
  if (MEM_LIKELY(rmw->host))
    host_store(rmw->host, size, value);
  else
    mem_rmw_write_slow(v, rmw, value);
}

/* Physical address of code at a linear address. */
static inline bool mem_translate_fetch_inline(struct vcpu *v, uint64_t linear, uint64_t *physical) {
  const struct fast_table *table = &v->mmu->bank->table[FAST_FETCH];
  const struct fast_entry *entry = &table->entry[(linear >> PAGE_SHIFT) % FAST_ENTRIES];
  if (!MEM_LIKELY(entry->tag == ((linear & PAGE_MASK) | table->generation)))
    return mem_translate_fetch(v, linear, physical);
  *physical = entry->addend + linear;
  return true;
}

/* Whether the fast cache has code of this linear address at this physical one. */
static inline bool mem_fetch_is_at(const struct vcpu *v, uint64_t linear, uint64_t physical) {
  const struct fast_table *table = &v->mmu->bank->table[FAST_FETCH];
  const struct fast_entry *entry = &table->entry[(linear >> PAGE_SHIFT) % FAST_ENTRIES];
  return entry->tag == ((linear & PAGE_MASK) | table->generation) && entry->addend + linear == physical;
}

/* With 64-bit addressing. */
static inline uint64_t mem_effective_address_64(const struct vcpu *v, const struct ir_op *op) {
  const struct ir_memory *m = &op->memory;
  uint64_t address = (uint64_t)m->displacement;
  if (m->base < 16) address += v->s.gpr[m->base];
  if (m->base == IR_RIP) address += vcpu_next_rip(v, op);
  if (m->index < 16) address += v->s.gpr[m->index] * m->scale;
  return address;
}

static inline uint64_t mem_effective_address_inline(const struct vcpu *v, const struct ir_op *op) {
  const uint64_t address = mem_effective_address_64(v, op);
  if (MEM_LIKELY(op->address_size == 8)) return address;
  return op->address_size == 4 ? (uint32_t)address : (uint16_t)address;
}

#endif
