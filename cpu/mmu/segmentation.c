/* From segment and offset to a linear address: types, limits, canonicality, linear-address masking, alignment.
 *
 * SDM 3A, "Limit Checking", "Type Checking" and "Canonical Addressing"; SDM 1, "Linear-Address Masking".
 */
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/registers.h"

static bool fault(struct vcpu *v, unsigned segment) {
  vcpu_raise_with_code(v, segment == VMXSIM_SS ? VECTOR_SS : VECTOR_GP, 0);
  return false;
}

/* --- 64-bit mode -------------------------------------------------------------------------------------------------- */

/* Bits above the width that LAM leaves become copies of the last bit that counts, which must equal bit 63. */
static bool unmask(const struct mmu_context *c, uint64_t *linear) {
  const unsigned width = *linear >> 63 ? c->lam_supervisor : c->lam_user;
  if (width == 0) return true;
  if ((*linear >> 63) != (*linear >> (width - 1) & 1)) return false;
  *linear = (uint64_t)((int64_t)(*linear << (64 - width)) >> (64 - width));
  return true;
}

static uint64_t linear_64(const struct vcpu *v, unsigned segment, uint64_t offset) {
  return segment < VMXSIM_FS ? offset : v->s.segment[segment].base + offset;
}

/* An access must not run over the edge of the canonical addresses either. */
static bool check_64(const struct mmu *mmu, size_t size, uint64_t *linear) {
  return unmask(&mmu->context, linear) && linear_is_canonical(mmu, *linear) &&
         linear_is_canonical(mmu, *linear + (size - 1));
}

/* --- elsewhere ---------------------------------------------------------------------------------------------------- */

/* Data segments can always be read, code segments never be written. */
static bool type_allows(uint32_t access_rights, unsigned access) {
  const bool code = access_rights & BIT(3);
  const bool writable_or_readable = access_rights & BIT(1);
  if (access_rights & AR_UNUSABLE) return false;
  return access & MEM_WRITE ? !code && writable_or_readable : !code || writable_or_readable;
}

/* Offsets first ... last of the segment are valid. */
static void limits(const struct vmxsim_segment *s, uint64_t *first, uint64_t *last) {
  const bool expand_down = (s->access_rights & (BIT(3) | BIT(2))) == BIT(2);
  *first = expand_down ? (uint64_t)s->limit + 1 : 0;
  *last = s->limit;
  if (expand_down) *last = s->access_rights & AR_DB ? UINT32_MAX : UINT16_MAX;
}

uint64_t segment_span(const struct vcpu *v, unsigned segment, uint64_t offset, unsigned access, uint64_t *linear) {
  if (v->mode & DECODE_CODE_64) {
    *linear = linear_64(v, segment, offset);
    return check_64(v->mmu, 1, linear) ? UINT64_MAX : 0;
  }
  const struct vmxsim_segment *s = &v->s.segment[segment];
  uint64_t first, last;
  limits(s, &first, &last);
  if (!type_allows(s->access_rights, access) || offset < first || offset > last) return 0;
  *linear = (uint32_t)(s->base + offset);
  return last - offset + 1;
}

bool segment_linear(struct vcpu *v, unsigned segment, uint64_t offset, size_t size, unsigned access, uint64_t *linear) {
  if (v->mode & DECODE_CODE_64) {
    *linear = linear_64(v, segment, offset);
    return check_64(v->mmu, size, linear) || fault(v, segment);
  }
  return segment_span(v, segment, offset, access, linear) >= size || fault(v, segment);
}

bool mem_code_linear(struct vcpu *v, uint64_t rip, unsigned size, uint64_t *linear) {
  const struct vmxsim_segment *cs = &v->s.segment[VMXSIM_CS];
  const bool is_64 = v->mode & DECODE_CODE_64;
  *linear = is_64 ? rip : (uint32_t)(cs->base + rip);
  const bool good = is_64 ? linear_is_canonical(v->mmu, rip) && linear_is_canonical(v->mmu, rip + (size - 1))
                          : rip + (size - 1) <= cs->limit;
  return good || fault(v, VMXSIM_CS);
}

/* --- alignment ---------------------------------------------------------------------------------------------------- */

/* What #AC asks of an operand (SDM 3A, "Alignment Check Exception"): 80-bit numbers 8, far pointers and
 * descriptor-table registers 4. Whether it is raised for 16 and 32 bytes is left open (SDM 2B, "MOVUPS"): here it is,
 * unless they are aligned to 16. */
static unsigned alignment_of(size_t size) {
  if (size >= 16) return 16;
  if (size >= 8) return 8;
  if (size >= 4) return 4;
  return size >= 2 ? 2 : 1;
}

bool alignment_good(struct vcpu *v, uint64_t linear, size_t size) {
  if (!v->mmu->check_alignment || linear % alignment_of(size) == 0) return true;
  vcpu_raise_with_code(v, VECTOR_AC, 0);
  return false;
}

/* The base is of 64-bit mode's zero where the segment has none there. */
bool segment_aligned(const struct vcpu *v, unsigned segment, uint64_t offset, unsigned alignment) {
  const uint64_t linear =
      v->mode & DECODE_CODE_64 ? linear_64(v, segment, offset) : v->s.segment[segment].base + offset;
  return linear % alignment == 0;
}
