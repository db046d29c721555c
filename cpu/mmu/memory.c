/* Memory as instructions and the processor access it (memory.h): the ways that are not fast.
 *
 * An access is located first, all of it: one or two pages, with every fault it can have. Then it is done.
 */
#include "cpu/apic/apic.h"
#include "cpu/mmu/mmu_fast.h"
#include "cpu/mmu/registers.h"
#include "cpu/observe.h"

/* Where the bytes of an access are; `first` of them on the first page. */
struct place {
  uint64_t physical[2];
  size_t first, size;
};

/* --- physical accesses of one vCPU: its local APIC lies over the machine's memory --------------------------------- */

static bool is_apic(const struct vcpu *v, uint64_t physical) {
  return (v->s.apic_base & (APIC_BASE_EN | APIC_BASE_EXTD)) == APIC_BASE_EN &&
         ((physical ^ v->s.apic_base) & PAGE_MASK) == 0;
}

static void read_physical(struct vcpu *v, uint64_t physical, uint8_t *bytes, size_t size) {
  if (!is_apic(v, physical)) {
    physical_read(v->mmu->memory, physical, bytes, size);
    return;
  }
  while (size > 0) {
    const unsigned n = device_size(size);
    const uint64_t value = apic_mmio_read(v->apic, physical & ~PAGE_MASK, n);
    observe_access(v, VMXSIM_EVENT_mmio_read, physical, n, value);
    memcpy(bytes, &value, n);
    physical += n;
    bytes += n;
    size -= n;
  }
}

static void write_physical(struct vcpu *v, uint64_t physical, const uint8_t *bytes, size_t size) {
  if (!is_apic(v, physical)) {
    physical_write(v->mmu->memory, physical, bytes, size);
    return;
  }
  while (size > 0) {
    const unsigned n = device_size(size);
    uint64_t value = 0;
    memcpy(&value, bytes, n);
    observe_access(v, VMXSIM_EVENT_mmio_write, physical, n, value);
    apic_mmio_write(v->apic, physical & ~PAGE_MASK, n, value);
    physical += n;
    bytes += n;
    size -= n;
  }
}

/* --- data caches -------------------------------------------------------------------------------------------------- */

static bool is_cached(struct vcpu *v, uint64_t physical) {
  const struct physical_region *const region = physical_find(v->mmu->memory, physical);
  return region && region->block->host && !is_apic(v, physical);
}

typedef void cache_access(struct caches *caches, uint64_t physical, size_t size);

static void through_caches(struct vcpu *v, const struct place *place, cache_access *access) {
  if (is_cached(v, place->physical[0])) access(v->mmu->caches, place->physical[0], place->first);
  if (place->first < place->size && is_cached(v, place->physical[1]))
    access(v->mmu->caches, place->physical[1], place->size - place->first);
}

/* --- accesses that have been located ------------------------------------------------------------------------------ */

static void read_place(struct vcpu *v, const struct place *place, void *bytes) {
  if (v->mmu->caches) through_caches(v, place, caches_load);
  read_physical(v, place->physical[0], bytes, place->first);
  if (place->first < place->size)
    read_physical(v, place->physical[1], (uint8_t *)bytes + place->first, place->size - place->first);
}

static void write_place(struct vcpu *v, const struct place *place, const void *bytes) {
  if (v->mmu->caches) through_caches(v, place, caches_store);
  write_physical(v, place->physical[0], bytes, place->first);
  if (place->first < place->size)
    write_physical(v, place->physical[1], (const uint8_t *)bytes + place->first, place->size - place->first);
}

/* --- linear accesses ---------------------------------------------------------------------------------------------- */

/* Addresses wrap at 4 GiB but in 64-bit mode, and for what the processor itself accesses in IA-32e mode. */
static uint64_t wrap(const struct vcpu *v, uint64_t linear, unsigned access) {
  const bool wide = (v->mode & DECODE_CODE_64) || (vcpu_in_ia32e_mode(v) && (access & MEM_SYSTEM));
  return wide ? linear : (uint32_t)linear;
}

static bool locate(struct vcpu *v, uint64_t linear, size_t size, unsigned access, struct place *place) {
  const size_t left = PAGE_SIZE - (size_t)(linear & ~PAGE_MASK);
  place->size = size;
  place->first = size < left ? size : left;
  if (!paging_translate(v, linear, access, &place->physical[0])) return false;
  return size <= left || paging_translate(v, wrap(v, linear + left, access), access, &place->physical[1]);
}

static void note(struct vcpu *v, uint64_t linear, const struct place *place, bool write) {
  if (!v->mmu->any_watched) return;
  watch_note(v->mmu, &(struct mem_touch){.linear = linear,
                                         .physical = {place->physical[0], place->physical[1]},
                                         .first = place->first,
                                         .size = place->size,
                                         .write = write});
}

/* NULL also for accesses that the fast cache knows nothing of. */
static uint8_t *fast_linear_host(struct vcpu *v, uint64_t linear, unsigned size, unsigned access) {
  if (access & MEM_SHADOW_STACK) return NULL;
  const enum fast_kind kind = access & MEM_WRITE ? FAST_WRITE : FAST_READ;
  return fast_host(&v->mmu->banks[fast_bank_of(v->mmu, access)].table[kind], linear, size);
}

static bool read_at(struct vcpu *v, uint64_t linear, void *bytes, size_t size, unsigned access) {
  struct place place = {.size = 0};
  if (!locate(v, linear, size, access | MEM_READ, &place)) return false;
  read_place(v, &place, bytes);
  note(v, linear, &place, false);
  return true;
}

static bool write_at(struct vcpu *v, uint64_t linear, const void *bytes, size_t size, unsigned access) {
  struct place place = {.size = 0};
  if (!locate(v, linear, size, access | MEM_WRITE, &place)) return false;
  write_place(v, &place, bytes);
  note(v, linear, &place, true);
  return true;
}

bool mem_read_linear(struct vcpu *v, uint64_t linear, unsigned size, enum mem_access access, uint64_t *value) {
  linear = wrap(v, linear, access | MEM_SYSTEM);
  const uint8_t *host = fast_linear_host(v, linear, size, access);
  *value = host ? host_load(host, size) : 0;
  return host || read_at(v, linear, value, size, access);
}

bool mem_write_linear(struct vcpu *v, uint64_t linear, unsigned size, enum mem_access access, uint64_t value) {
  linear = wrap(v, linear, access | MEM_SYSTEM);
  uint8_t *host = fast_linear_host(v, linear, size, access | MEM_WRITE);
  if (!host) return write_at(v, linear, &value, size, access);
  host_store(host, size, value);
  return true;
}

/* --- segmented accesses ------------------------------------------------------------------------------------------- */

static bool locate_segmented(struct vcpu *v, unsigned segment, uint64_t offset, size_t size, unsigned access,
                             uint64_t *linear) {
  return segment_linear(v, segment, offset, size, access, linear) && alignment_good(v, *linear, size);
}

/* Most misses of the fast cache end with the page in it: then the access is as cheap as a hit. */
bool mem_read_slow(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value) {
  uint64_t linear, read = 0;
  struct place place = {.size = 0};
  if (!locate_segmented(v, segment, offset, size, MEM_READ, &linear)) return false;
  if (!locate(v, linear, size, MEM_READ, &place)) return false;
  const uint8_t *host = fast_linear_host(v, linear, size, MEM_READ);
  if (host) {
    *value = host_load(host, size);
    return true;
  }
  read_place(v, &place, &read);
  note(v, linear, &place, false);
  *value = read;
  return true;
}

bool mem_write_slow(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t value) {
  uint64_t linear;
  struct place place = {.size = 0};
  if (!locate_segmented(v, segment, offset, size, MEM_WRITE, &linear)) return false;
  if (!locate(v, linear, size, MEM_WRITE, &place)) return false;
  uint8_t *host = fast_linear_host(v, linear, size, MEM_WRITE);
  if (host) {
    host_store(host, size, value);
    return true;
  }
  write_place(v, &place, &value);
  note(v, linear, &place, true);
  return true;
}

bool mem_read(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value) {
  return mem_read_inline(v, segment, offset, size, value);
}

bool mem_write(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t value) {
  return mem_write_inline(v, segment, offset, size, value);
}

/* Alignment that the instruction itself asks for comes before limits and canonicality, as on silicon; the manual does
 * not say. What EFLAGS.AC asks for comes behind. */
static bool locate_aligned(struct vcpu *v, unsigned segment, uint64_t offset, size_t size, unsigned alignment,
                           unsigned access, uint64_t *linear) {
  if (alignment > 1 && !segment_aligned(v, segment, offset, alignment)) {
    vcpu_raise_with_code(v, VECTOR_GP, 0);
    return false;
  }
  return segment_linear(v, segment, offset, size, access, linear) &&
         (alignment != 0 || alignment_good(v, *linear, size));
}

bool mem_read_bytes_slow(struct vcpu *v, unsigned segment, uint64_t offset, void *bytes, size_t size,
                         unsigned alignment) {
  uint64_t linear;
  return locate_aligned(v, segment, offset, size, alignment, MEM_READ, &linear) && read_at(v, linear, bytes, size, 0);
}

bool mem_write_bytes_slow(struct vcpu *v, unsigned segment, uint64_t offset, const void *bytes, size_t size,
                          unsigned alignment) {
  uint64_t linear;
  return locate_aligned(v, segment, offset, size, alignment, MEM_WRITE, &linear) && write_at(v, linear, bytes, size, 0);
}

bool mem_read_bytes(struct vcpu *v, unsigned segment, uint64_t offset, void *bytes, size_t size, unsigned alignment) {
  return mem_read_bytes_inline(v, segment, offset, bytes, size, alignment);
}

bool mem_write_bytes(struct vcpu *v, unsigned segment, uint64_t offset, const void *bytes, size_t size,
                     unsigned alignment) {
  return mem_write_bytes_inline(v, segment, offset, bytes, size, alignment);
}

/* --- read-modify-write -------------------------------------------------------------------------------------------- */

static void remember(struct mem_rmw *rmw, const struct place *place) {
  rmw->host = NULL;
  rmw->physical[0] = place->physical[0];
  rmw->physical[1] = place->physical[1];
  rmw->first = (uint8_t)place->first;
  rmw->size = (uint8_t)place->size;
}

static bool read_to_modify(struct vcpu *v, uint64_t linear, void *bytes, size_t size, struct mem_rmw *rmw) {
  struct place place = {.size = 0};
  if (!locate(v, linear, size, MEM_WRITE, &place)) return false;
  read_place(v, &place, bytes);
  remember(rmw, &place);
  note(v, linear, &place, true);
  return true;
}

static void write_modified(struct vcpu *v, const struct mem_rmw *rmw, const void *bytes) {
  const struct place place = {{rmw->physical[0], rmw->physical[1]}, rmw->first, rmw->size};
  write_place(v, &place, bytes);
}

bool mem_rmw_read_slow(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value,
                       struct mem_rmw *rmw) {
  uint64_t linear, read = 0;
  if (!locate_segmented(v, segment, offset, size, MEM_WRITE, &linear)) return false;
  if (!read_to_modify(v, linear, &read, size, rmw)) return false;
  *value = read;
  return true;
}

void mem_rmw_write_slow(struct vcpu *v, const struct mem_rmw *rmw, uint64_t value) {
  write_modified(v, rmw, &value);
}

bool mem_rmw_read(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *value,
                  struct mem_rmw *rmw) {
  return mem_rmw_read_inline(v, segment, offset, size, value, rmw);
}

void mem_rmw_write(struct vcpu *v, const struct mem_rmw *rmw, uint64_t value) {
  mem_rmw_write_inline(v, rmw, rmw->size, value);
}

bool mem_rmw16_read(struct vcpu *v, unsigned segment, uint64_t offset, uint64_t value[2], struct mem_rmw *rmw) {
  uint64_t linear;
  uint8_t *host = mem_fast_bytes(v, segment, offset, 16, 16, FAST_WRITE);
  if (host) {
    rmw->host = host;
    rmw->size = 16;
    memcpy(value, host, 16);
    return true;
  }
  return locate_aligned(v, segment, offset, 16, 16, MEM_WRITE, &linear) && read_to_modify(v, linear, value, 16, rmw);
}

void mem_rmw16_write(struct vcpu *v, const struct mem_rmw *rmw, const uint64_t value[2]) {
  if (rmw->host)
    memcpy(rmw->host, value, 16);
  else
    write_modified(v, rmw, value);
}

/* --- without an access -------------------------------------------------------------------------------------------- */

bool mem_probe_write(struct vcpu *v, unsigned segment, uint64_t offset, size_t size, unsigned alignment) {
  uint64_t linear, physical;
  if (!locate_aligned(v, segment, offset, size, alignment, MEM_WRITE, &linear)) return false;
  for (size_t done = 0; done < size;) {
    const uint64_t at = wrap(v, linear + done, MEM_WRITE);
    if (!paging_translate(v, at, MEM_WRITE, &physical)) return false;
    done += PAGE_SIZE - (size_t)(at & ~PAGE_MASK);
  }
  return true;
}

bool mem_check_operand(struct vcpu *v, unsigned segment, uint64_t offset, size_t size, unsigned unit, bool write) {
  uint64_t linear;
  return segment_linear(v, segment, offset, size, write ? MEM_WRITE : MEM_READ, &linear) &&
         alignment_good(v, linear, unit);
}

bool mem_flush_line(struct vcpu *v, unsigned segment, uint64_t offset, bool keep) {
  uint64_t linear;
  struct place place = {.size = 0};
  if (!locate_segmented(v, segment, offset, 1, MEM_READ, &linear) || !locate(v, linear, 1, MEM_READ, &place))
    return false;
  note(v, linear, &place, false);
  if (v->mmu->caches && !keep) caches_flush_line(v->mmu->caches, place.physical[0]);
  return true;
}

/* Only what the fast cache has: filling the TLB is for the accesses of the elements, one after another as they come, so
 * that its misses do not depend on how many elements are done at once. */
uint8_t *mem_host_span(struct vcpu *v, unsigned segment, uint64_t offset, bool write, size_t *bytes) {
  const unsigned access = write ? MEM_WRITE : MEM_READ;
  uint64_t linear;
  const uint64_t span = segment_span(v, segment, offset, access, &linear);
  if (span == 0 || v->mmu->check_alignment) return NULL;
  const uint64_t left = PAGE_SIZE - (linear & ~PAGE_MASK);
  *bytes = (size_t)(span < left ? span : left);
  return fast_linear_host(v, linear, 1, access);
}

bool mem_translate_fetch(struct vcpu *v, uint64_t linear, uint64_t *physical) {
  return paging_translate(v, linear, MEM_FETCH, physical);
}

uint64_t mem_effective_address(const struct vcpu *v, const struct ir_op *op) {
  return mem_effective_address_inline(v, op);
}
