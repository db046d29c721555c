/* Descriptors, segment registers and their checks. Far transfers are far.c, iret.c; event delivery is cpu/events.
 *
 * SDM 3A, "Segment Descriptors", "Segment Loading Instructions in IA-32e Mode"; SDM 2B, "MOV--Move".
 */
#include "cpu/exec/segments.h"

#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

uint64_t descriptor_base(const struct descriptor *d) {
  return (d->words[0] >> 16) | (d->words[1] & 0xffU) << 16 | (d->words[1] & 0xff000000U) | (uint64_t)d->words[2] << 32;
}

uint32_t descriptor_limit(const struct descriptor *d) {
  const uint32_t limit = (d->words[0] & 0xffffU) | (d->words[1] & 0xf0000U);
  return d->words[1] & BIT(23) ? limit << 12 | 0xfffU : limit;
}

static bool read_words(struct vcpu *v, uint64_t linear, uint32_t words[2]) {
  uint64_t value;
  if (!mem_read_linear(v, linear, 8, MEM_READ | MEM_SYSTEM, &value)) return false;
  words[0] = (uint32_t)value;
  words[1] = (uint32_t)(value >> 32);
  return true;
}

/* Descriptor tables lie in the 32-bit space outside IA-32e mode. */
static uint64_t table_address(const struct vcpu *v, uint64_t base, uint32_t offset) {
  return vcpu_in_ia32e_mode(v) ? base + offset : (uint32_t)(base + offset);
}

enum descriptor_result descriptor_fetch(struct vcpu *v, uint16_t selector, struct descriptor *d) {
  const bool local = selector & SELECTOR_TI;
  if (local && (v->s.ldtr.access_rights & AR_UNUSABLE)) return DESCRIPTOR_BEYOND;
  const uint64_t base = local ? v->s.ldtr.base : v->s.gdtr.base;
  const uint32_t limit = local ? v->s.ldtr.limit : v->s.gdtr.limit;
  const uint32_t offset = selector & 0xfff8U;
  if (offset + 7 > limit) return DESCRIPTOR_BEYOND;
  *d = (struct descriptor){.linear = table_address(v, base, offset)};
  if (!read_words(v, d->linear, d->words)) return DESCRIPTOR_FAULT;
  if (!vcpu_in_ia32e_mode(v) || !descriptor_is_system(d)) return DESCRIPTOR_FOUND;
  if (offset + 15 > limit) return DESCRIPTOR_BEYOND;
  return read_words(v, table_address(v, base, offset + 8), d->words + 2) ? DESCRIPTOR_FOUND : DESCRIPTOR_FAULT;
}

bool descriptor_get(struct vcpu *v, uint16_t selector, struct descriptor *d, unsigned vector, uint32_t error_code) {
  const enum descriptor_result result = descriptor_fetch(v, selector, d);
  if (result == DESCRIPTOR_BEYOND) vcpu_raise_with_code(v, vector, error_code);
  return result == DESCRIPTOR_FOUND;
}

static bool write_type_byte(struct vcpu *v, const struct descriptor *d) {
  return mem_write_linear(v, d->linear + 5, 1, MEM_WRITE | MEM_SYSTEM, (d->words[1] >> 8) & 0xff);
}

bool descriptor_set_accessed(struct vcpu *v, struct descriptor *d) {
  if (d->words[1] & BIT(8)) return true;
  d->words[1] |= 1U << 8;
  return write_type_byte(v, d);
}

bool descriptor_set_busy(struct vcpu *v, struct descriptor *d, bool busy) {
  d->words[1] = busy ? d->words[1] | 1U << 9 : d->words[1] & ~(1U << 9);
  return write_type_byte(v, d);
}

void segment_from_descriptor(struct vmxsim_segment *segment, uint16_t selector, const uint32_t words[2]) {
  const struct descriptor d = {.words = {words[0], words[1]}};
  *segment = (struct vmxsim_segment){.selector = selector,
                                     .limit = descriptor_limit(&d),
                                     .access_rights = (words[1] >> 8) & 0xf0ffU,
                                     .base = descriptor_base(&d)};
}

/* In real-address mode limit and the D/B and G bits stay what protected mode has left ("unreal mode"). */
void segment_load_real(struct vcpu *v, unsigned segment, uint16_t selector) {
  struct vmxsim_segment *const s = &v->s.segment[segment];
  s->selector = selector;
  s->base = (uint64_t)selector << 4;
  if (system_in_v86_mode(v)) {
    s->limit = 0xffff;
    s->access_rights = 0xf3;
  } else {
    s->access_rights = 0x93 | (s->access_rights & (uint32_t)(AR_DB | AR_G | AR_AVL));
  }
}

void segment_load_null(struct vcpu *v, unsigned segment, uint16_t selector, unsigned cpl) {
  v->s.segment[segment] = (struct vmxsim_segment){
      .selector = selector, .access_rights = (uint32_t)AR_UNUSABLE | (segment == VMXSIM_SS ? cpl << 5 : 0)};
}

bool segment_check_stack(struct vcpu *v, uint16_t selector, unsigned cpl, unsigned vector, uint32_t external,
                         struct descriptor *d) {
  const uint32_t error = selector_error(selector) | external;
  if (selector_is_null(selector)) return vcpu_raise_with_code(v, vector, external), false;
  if (!descriptor_get(v, selector, d, vector, error)) return false;
  if ((selector & SELECTOR_RPL) != cpl || !descriptor_is_writable_data(d) || descriptor_dpl(d) != cpl)
    return vcpu_raise_with_code(v, vector, error), false;
  if (!descriptor_present(d)) return vcpu_raise_with_code(v, VECTOR_SS, error), false;
  return true;
}

static bool load_stack_segment(struct vcpu *v, uint16_t selector) {
  /* A null SS is good for 64-bit mode below CPL 3 with RPL = CPL. */
  if (selector_is_null(selector) && vcpu_in_64_bit_mode(v) && v->cpl < 3 && (selector & SELECTOR_RPL) == v->cpl) {
    segment_load_null(v, VMXSIM_SS, selector, v->cpl);
    return true;
  }
  struct descriptor d;
  if (!segment_check_stack(v, selector, v->cpl, VECTOR_GP, 0, &d) || !descriptor_set_accessed(v, &d)) return false;
  segment_from_descriptor(&v->s.segment[VMXSIM_SS], selector, d.words);
  return true;
}

/* Data, or code that can be read; unless it is conforming code, neither CPL nor RPL beyond DPL. */
static bool data_segment_allowed(const struct vcpu *v, uint16_t selector, const struct descriptor *d) {
  if (descriptor_is_system(d) || (descriptor_type(d) & 10) == 8) return false;
  if (descriptor_is_conforming(d)) return true;
  return (selector & SELECTOR_RPL) <= descriptor_dpl(d) && v->cpl <= descriptor_dpl(d);
}

static bool load_data_segment(struct vcpu *v, unsigned segment, uint16_t selector) {
  if (selector_is_null(selector)) {
    segment_load_null(v, segment, selector, v->cpl);
    return true;
  }
  struct descriptor d;
  const uint32_t error = selector_error(selector);
  if (!descriptor_get(v, selector, &d, VECTOR_GP, error)) return false;
  if (!data_segment_allowed(v, selector, &d)) return vcpu_raise_with_code(v, VECTOR_GP, error), false;
  if (!descriptor_present(&d)) return vcpu_raise_with_code(v, VECTOR_NP, error), false;
  if (!descriptor_set_accessed(v, &d)) return false;
  segment_from_descriptor(&v->s.segment[segment], selector, d.words);
  return true;
}

bool segment_load(struct vcpu *v, unsigned segment, uint16_t selector) {
  if (!vcpu_in_protected_mode(v)) {
    segment_load_real(v, segment, selector);
  } else if (segment == VMXSIM_SS) {
    if (!load_stack_segment(v, selector)) return false;
  } else if (!load_data_segment(v, segment, selector)) {
    return false;
  }
  vcpu_update_mode(v);
  return true;
}

void segment_drop_inner(struct vcpu *v) {
  static const uint8_t data[] = {VMXSIM_ES, VMXSIM_DS, VMXSIM_FS, VMXSIM_GS};
  for (unsigned i = 0; i < sizeof data; i++) {
    struct vmxsim_segment *const s = &v->s.segment[data[i]];
    const bool conforming = (s->access_rights & 12) == 12;
    if ((s->access_rights & AR_UNUSABLE) || conforming || AR_DPL_OF(s->access_rights) >= v->cpl) continue;
    /* Only the selector becomes null: the base stays, and FS and GS have one in 64-bit mode. */
    s->selector = 0;
    s->access_rights |= (uint32_t)AR_UNUSABLE;
  }
}
