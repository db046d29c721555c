/* XSAVE, XSAVEC, XSAVEOPT, XSAVES, XRSTOR, XRSTORS (SDM 1, "Managing State Using the XSAVE Feature Set"). */
#include "cpu/exec/simd.h"
#include "cpu/exec/x87.h"
#include "cpu/exec/xsave.h"
#include "cpu/registers.h"

enum { HEADER_SIZE = 64, ALIGNMENT = 64 };
#define COMPACTED (UINT64_C(1) << 63)
#define BIT_OF(component) (UINT64_C(1) << (component))
#define X87_BIT BIT_OF(XSAVE_X87)
#define SSE_BIT BIT_OF(XSAVE_SSE)
#define AVX_BIT BIT_OF(XSAVE_AVX)

/* --- layout ------------------------------------------------------------------------------------------------------- */

static unsigned component_size(unsigned component) {
  switch (component) {
  case XSAVE_AVX: return XSAVE_AVX_SIZE;
  case XSAVE_PKRU: return XSAVE_PKRU_SIZE;
  case XSAVE_CET_U: return XSAVE_CET_U_SIZE;
  case XSAVE_CET_S: return XSAVE_CET_S_SIZE;
  default: return 0;
  }
}

/* No component of ours asks for alignment in the compacted format. */
static unsigned component_offset(unsigned component, bool compacted, uint64_t present) {
  unsigned offset = XSAVE_EXTENDED;
  if (!compacted) return component == XSAVE_PKRU ? (unsigned)XSAVE_PKRU_OFFSET : offset;
  for (unsigned i = XSAVE_AVX; i < component; i++) offset += present >> i & 1 ? component_size(i) : 0;
  return offset;
}

static unsigned image_size(bool compacted, uint64_t present) {
  unsigned size = XSAVE_EXTENDED;
  for (unsigned i = XSAVE_AVX; i < XSAVE_COMPONENTS; i++) {
    if (present >> i & 1) size = component_offset(i, compacted, present) + component_size(i);
  }
  return size;
}

/* --- one component: the extended ones ----------------------------------------------------------------------------- */

static void put_component(const struct vcpu *v, unsigned component, uint8_t *to) {
  const struct vmxsim_state *s = &v->s;
  const uint64_t user[2] = {s->u_cet, s->pl_ssp[3]};
  const uint64_t pkru = s->pkru;
  switch (component) {
  case XSAVE_AVX:
    for (unsigned i = 0; i < fxsave_registers(v); i++) memcpy(to + 16 * i, v->fpu.ymm[i] + 16, 16);
    break;
  case XSAVE_PKRU: memcpy(to, &pkru, 8); break;
  case XSAVE_CET_U: memcpy(to, user, 16); break;
  case XSAVE_CET_S: memcpy(to, s->pl_ssp, 24); break;
  default: break;
  }
}

static void get_component(struct vcpu *v, unsigned component, const uint8_t *from) {
  struct vmxsim_state *s = &v->s;
  switch (component) {
  case XSAVE_AVX:
    for (unsigned i = 0; i < fxsave_registers(v); i++) memcpy(v->fpu.ymm[i] + 16, from + 16 * i, 16);
    break;
  case XSAVE_PKRU: s->pkru = (uint32_t)host_load(from, 4); break;
  case XSAVE_CET_U:
    s->u_cet = host_load(from, 8);
    s->pl_ssp[3] = host_load(from + 8, 8);
    break;
  case XSAVE_CET_S: memcpy(s->pl_ssp, from, 24); break;
  default: break;
  }
}

/* --- what is not in its initial configuration: XINUSE ------------------------------------------------------------- */

static bool any_set(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (bytes[i]) return true;
  }
  return false;
}

static bool x87_in_use(const struct vcpu *v) {
  uint8_t now[FXSAVE_XMM] = {0};
  fxsave_put_x87(v, true, now);
  const bool control = host_load(now, 2) != X87_CONTROL_INITIAL;
  memset(now, 0, 2);
  return control || v->fpu.instruction_selector || v->fpu.data_selector || any_set(now, sizeof now);
}

static uint64_t in_use(const struct vcpu *v) {
  uint64_t used = x87_in_use(v) ? X87_BIT : 0;
  for (unsigned i = 0; i < 16; i++) {
    if (any_set(v->fpu.ymm[i], 16)) used |= SSE_BIT;
    if (any_set(v->fpu.ymm[i] + 16, 16)) used |= AVX_BIT;
  }
  for (unsigned i = XSAVE_PKRU; i < XSAVE_COMPONENTS; i++) {
    uint8_t state[XSAVE_CET_S_SIZE] = {0};
    put_component(v, i, state);
    if (any_set(state, sizeof state)) used |= BIT_OF(i);
  }
  return used;
}

/* --- saving ------------------------------------------------------------------------------------------------------- */

struct area {
  unsigned segment;
  uint64_t offset;
  bool wide; /* REX.W */
};

/* #UD, #NM, #GP for what is wrong before anything is accessed, CPL for XSAVES and XRSTORS; and where the area is. */
static bool area_at(struct vcpu *v, const struct ir_op *op, bool supervisor, struct area *area) {
  *area = (struct area){op->memory.segment, operand_address(v, op), op->operand_size == 8};
  if (!(v->s.cr4 & CR4_OSXSAVE)) return exec_raise(v, VECTOR_UD);
  if (v->s.cr0 & CR0_TS) return exec_raise(v, VECTOR_NM);
  if (supervisor && v->cpl) return exec_raise_with_code(v, VECTOR_GP, 0);
  return xsave_aligned(v, area->segment, area->offset, ALIGNMENT);
}

static uint64_t requested(const struct vcpu *v) {
  return v->s.gpr[VMXSIM_RDX] << 32 | (uint32_t)v->s.gpr[VMXSIM_RAX];
}

static bool write_part(struct vcpu *v, const struct area *area, const uint8_t *image, unsigned from, unsigned size) {
  return xsave_write(v, area->segment, area->offset + from, image + from, size);
}

/* The parts of the legacy area that `saved` names; MXCSR with either of SSE and AVX in the standard format. */
static bool write_legacy(struct vcpu *v, const struct area *area, uint64_t saved, bool mxcsr) {
  uint8_t image[FXSAVE_SIZE];
  fxsave_put_x87(v, area->wide, image);
  fxsave_put_mxcsr(v, image);
  fxsave_put_xmm(v, image);
  if ((saved & X87_BIT) && !(write_part(v, area, image, 0, FXSAVE_MXCSR) && write_part(v, area, image, FXSAVE_ST, 128)))
    return false;
  if (mxcsr && !write_part(v, area, image, FXSAVE_MXCSR, 8)) return false;
  return !(saved & SSE_BIT) || write_part(v, area, image, FXSAVE_XMM, 16 * fxsave_registers(v));
}

static bool write_extended(struct vcpu *v, const struct area *area, uint64_t saved, bool compacted, uint64_t present) {
  for (unsigned i = XSAVE_AVX; i < XSAVE_COMPONENTS; i++) {
    uint8_t state[XSAVE_AVX_SIZE] = {0};
    const unsigned registers_only = i == XSAVE_AVX ? 16 * fxsave_registers(v) : component_size(i);
    if (!(saved >> i & 1)) continue;
    put_component(v, i, state);
    if (!xsave_write(v, area->segment, area->offset + component_offset(i, compacted, present), state, registers_only))
      return false;
  }
  return true;
}

/* XSAVE and XSAVEOPT: the header's other bits of XSTATE_BV stay. XSAVEOPT leaves out what is in its initial state. */
static bool save_standard(struct vcpu *v, const struct ir_op *op, bool optimized) {
  struct area area;
  uint64_t valid;
  if (!area_at(v, op, false, &area)) return false;
  const uint64_t wanted = requested(v) & v->s.xcr0, used = in_use(v) & wanted;
  if (!mem_probe_write(v, area.segment, area.offset, image_size(false, wanted), 1) ||
      !mem_read(v, area.segment, area.offset + XSAVE_HEADER, 8, &valid))
    return false;
  const uint64_t saved = optimized ? used : wanted;
  return write_legacy(v, &area, saved, wanted & (SSE_BIT | AVX_BIT)) &&
         write_extended(v, &area, saved, false, wanted) &&
         mem_write(v, area.segment, area.offset + XSAVE_HEADER, 8, (valid & ~wanted) | used);
}

/* XSAVEC and XSAVES. An MXCSR that is not initial counts as SSE state in use. */
static bool save_compacted(struct vcpu *v, const struct ir_op *op, bool supervisor) {
  struct area area;
  if (!area_at(v, op, supervisor, &area)) return false;
  const uint64_t wanted = requested(v) & (v->s.xcr0 | (supervisor ? v->s.xss : 0));
  const uint64_t mxcsr_used = v->fpu.mxcsr == MXCSR_INITIAL ? 0 : SSE_BIT;
  const uint64_t saved = (in_use(v) | mxcsr_used) & wanted;
  if (!mem_probe_write(v, area.segment, area.offset, image_size(true, wanted), 1)) return false;
  return write_legacy(v, &area, saved, saved & SSE_BIT) && write_extended(v, &area, saved, true, wanted) &&
         mem_write(v, area.segment, area.offset + XSAVE_HEADER, 8, saved) &&
         mem_write(v, area.segment, area.offset + XSAVE_HEADER + 8, 8, wanted | COMPACTED);
}

static bool xsave_step(struct vcpu *v, const struct ir_op *op) {
  return save_standard(v, op, false);
}
static bool xsaveopt_step(struct vcpu *v, const struct ir_op *op) {
  return save_standard(v, op, true);
}
static bool xsavec_step(struct vcpu *v, const struct ir_op *op) {
  return save_compacted(v, op, false);
}
static bool xsaves_step(struct vcpu *v, const struct ir_op *op) {
  return save_compacted(v, op, true);
}
EXEC_HANDLER(xsave, xsave_step)
EXEC_HANDLER(xsaveopt, xsaveopt_step)
EXEC_HANDLER(xsavec, xsavec_step)
EXEC_HANDLER(xsaves, xsaves_step)

/* --- restoring ---------------------------------------------------------------------------------------------------- */

struct header {
  uint64_t valid, format; /* XSTATE_BV, XCOMP_BV */
  uint64_t reserved[6];
};

static bool header_is_good(const struct vcpu *v, const struct header *h, bool supervisor) {
  const uint64_t may = v->s.xcr0 | (supervisor ? v->s.xss : 0);
  uint64_t reserved = 0;
  if (!(h->format & COMPACTED)) return !supervisor && !(h->valid & ~may) && !h->format && !h->reserved[0];
  const bool has_compacted = v->decoder.features >> DECODE_FEATURE_XSAVEC & 1;
  for (unsigned i = 0; i < 6; i++) reserved |= h->reserved[i];
  return has_compacted && !(h->format & ~COMPACTED & ~may) && !(h->valid & ~h->format) && !reserved;
}

static bool cet_is_good(const struct vcpu *v, uint64_t value) {
  return !(value & 0x3c0) && (value & 0xc00) != 0xc00 && mmu_is_canonical(v, value);
}

static bool ssp_is_good(const struct vcpu *v, uint64_t value) {
  return !(value & 3) && mmu_is_canonical(v, value);
}

/* Supervisor state is checked as WRMSR would. */
static bool component_is_good(const struct vcpu *v, unsigned component, const uint8_t *from) {
  switch (component) {
  case XSAVE_PKRU: return host_load(from + 4, 4) == 0;
  case XSAVE_CET_U: return cet_is_good(v, host_load(from, 8)) && ssp_is_good(v, host_load(from + 8, 8));
  case XSAVE_CET_S:
    return ssp_is_good(v, host_load(from, 8)) && ssp_is_good(v, host_load(from + 8, 8)) &&
           ssp_is_good(v, host_load(from + 16, 8));
  default: return true;
  }
}

/* Reads the components that are wanted into the places of the image, and checks those that are loaded. XRSTOR "may
 * access any byte of any state component on which that execution operates even [...] when restoring a state component
 * to its initial configuration" (SDM 1, "Memory Access by the XSAVE Feature Set"), and processors do. A compacted area
 * has no place for a component that is not in XCOMP_BV. */
static bool read_image(struct vcpu *v, const struct area *area, uint64_t wanted, const struct header *header,
                       uint8_t *image) {
  const uint64_t format = header->format, read = format & COMPACTED ? wanted & format : wanted;
  if (!xsave_read(v, area->segment, area->offset, image, FXSAVE_SIZE)) return false;
  for (unsigned i = XSAVE_AVX; i < XSAVE_COMPONENTS; i++) {
    const unsigned at = component_offset(i, format & COMPACTED, format);
    if (!(read >> i & 1)) continue;
    if (!xsave_read(v, area->segment, area->offset + at, image + at, component_size(i))) return false;
    if ((header->valid >> i & 1) && !component_is_good(v, i, image + at)) return exec_raise_with_code(v, VECTOR_GP, 0);
  }
  return true;
}

/* Registers too, unlike FNINIT. */
static void initialize_x87(struct vcpu *v) {
  x87_initialize(v);
  memset(v->fpu.st, 0, sizeof v->fpu.st);
}

/* Components that are wanted: out of the image, or into their initial state. */
static void restore(struct vcpu *v, const struct area *area, uint64_t wanted, uint64_t loaded, uint64_t format,
                    const uint8_t *image) {
  static const uint8_t initial[FXSAVE_SIZE] = {0};
  if (wanted & loaded & X87_BIT)
    fxsave_get_x87(v, area->wide, image);
  else if (wanted & X87_BIT)
    initialize_x87(v);
  if (wanted & SSE_BIT) fxsave_get_xmm(v, loaded & SSE_BIT ? image : initial);
  for (unsigned i = XSAVE_AVX; i < XSAVE_COMPONENTS; i++) {
    if (wanted >> i & 1)
      get_component(v, i, loaded >> i & 1 ? image + component_offset(i, format & COMPACTED, format) : initial);
  }
}

/* MXCSR comes with SSE or AVX in the standard format, whatever XSTATE_BV says; in the compacted one it is SSE state. */
static uint32_t new_mxcsr(const struct vcpu *v, uint64_t wanted, uint64_t loaded, bool compacted,
                          const uint8_t *image) {
  const uint32_t in_image = (uint32_t)host_load(image + FXSAVE_MXCSR, 4);
  if (!compacted) return wanted & (SSE_BIT | AVX_BIT) ? in_image : v->fpu.mxcsr;
  if (!(wanted & SSE_BIT)) return v->fpu.mxcsr;
  return loaded & SSE_BIT ? in_image : MXCSR_INITIAL;
}

static bool restore_step(struct vcpu *v, const struct ir_op *op, bool supervisor) {
  struct area area;
  struct header header;
  uint8_t bytes[HEADER_SIZE], image[XSAVE_MAX];
  if (!area_at(v, op, supervisor, &area) ||
      !mem_check_operand(v, area.segment, area.offset, XSAVE_HEADER + HEADER_SIZE, 1, false) ||
      !xsave_read(v, area.segment, area.offset + XSAVE_HEADER, bytes, HEADER_SIZE))
    return false;
  memcpy(&header, bytes, sizeof header);
  if (!header_is_good(v, &header, supervisor)) return exec_raise_with_code(v, VECTOR_GP, 0);
  const uint64_t wanted = requested(v) & (v->s.xcr0 | (supervisor ? v->s.xss : 0)), loaded = wanted & header.valid;
  if (!read_image(v, &area, wanted, &header, image)) return false;
  const uint32_t mxcsr = new_mxcsr(v, wanted, loaded, header.format & COMPACTED, image);
  if (mxcsr & ~MXCSR_MASK) return exec_raise_with_code(v, VECTOR_GP, 0);
  restore(v, &area, wanted, loaded, header.format, image);
  v->fpu.mxcsr = mxcsr;
  if (wanted & BIT_OF(XSAVE_PKRU)) mmu_mode_changed(v);
  if (wanted & BIT_OF(XSAVE_CET_U)) vcpu_update_mode(v);
  return true;
}

static bool xrstor_step(struct vcpu *v, const struct ir_op *op) {
  return restore_step(v, op, false);
}
static bool xrstors_step(struct vcpu *v, const struct ir_op *op) {
  return restore_step(v, op, true);
}

/* Both end the block: what they load decides how code is decoded and translated. */
static void xrstor(struct vcpu *v, const struct ir_op *op) {
  if (!xrstor_step(v, op)) return exec_fault(v, op);
  return exec_attend(v, op);
}
static void xrstors(struct vcpu *v, const struct ir_op *op) {
  if (!xrstors_step(v, op)) return exec_fault(v, op);
  return exec_attend(v, op);
}

ir_execute *bind_xsave(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_XSAVE: return xsave;
  case IR_XSAVEOPT: return xsaveopt;
  case IR_XSAVEC: return xsavec;
  case IR_XSAVES: return xsaves;
  case IR_XRSTOR: return xrstor;
  case IR_XRSTORS: return xrstors;
  default: return NULL;
  }
}
