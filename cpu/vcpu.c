/* The mode that decoding and execution depend on, and raising exceptions. Reset and INIT are cpu/events/reset.c. */
#include "cpu/vcpu.h"

#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"
#include "cpu/observe.h"

/* Outside protected mode CPL is 0; SS.DPL is CPL everywhere else, also where SS is unusable. */
static uint8_t privilege(const struct vmxsim_state *s) {
  if (!(s->cr0 & CR0_PE)) return 0;
  if (s->rflags & RFLAGS_VM) return 3;
  return (uint8_t)AR_DPL_OF(s->segment[VMXSIM_SS].access_rights);
}

static decode_mode bit_if(uint64_t condition, decode_mode bit) {
  return condition ? bit : 0;
}

static decode_mode operating_mode(const struct vmxsim_state *s) {
  const uint32_t cs = s->segment[VMXSIM_CS].access_rights;
  const bool v86 = (s->cr0 & CR0_PE) && (s->rflags & RFLAGS_VM);
  const bool long_mode = (s->efer & EFER_LMA) && (cs & AR_L);
  return bit_if(long_mode, DECODE_CODE_64) | bit_if(!long_mode && (cs & AR_DB), DECODE_CODE_32) |
         bit_if(!long_mode && (s->segment[VMXSIM_SS].access_rights & AR_DB), DECODE_STACK_32) |
         bit_if(v86, DECODE_V86) | bit_if((s->cr0 & CR0_PE) && !v86, DECODE_PROTECTED);
}

static decode_mode control_mode(const struct vmxsim_state *s) {
  return bit_if(s->cr0 & CR0_EM, DECODE_CR0_EM) | bit_if(s->cr0 & CR0_TS, DECODE_CR0_TS) |
         bit_if(s->cr0 & CR0_MP, DECODE_CR0_MP) | bit_if(s->cr4 & CR4_OSFXSR, DECODE_OSFXSR) |
         bit_if((s->cr4 & CR4_OSXSAVE) && (s->xcr0 & 6) == 6, DECODE_OSXSAVE_AVX) |
         bit_if(s->cr4 & CR4_FSGSBASE, DECODE_FSGSBASE) | bit_if(s->cr4 & CR4_UMIP, DECODE_UMIP);
}

/* SDM 1, "Control-Flow Enforcement Technology": neither in real-address nor in virtual-8086 mode. */
static decode_mode enforcement_mode(const struct vmxsim_state *s, decode_mode mode, unsigned cpl) {
  if (!(s->cr4 & CR4_CET) || !(mode & DECODE_PROTECTED)) return 0;
  const uint64_t cet = cpl == 3 ? s->u_cet : s->s_cet;
  return bit_if(cet & CET_SH_STK_EN, DECODE_SHADOW_STACK) | bit_if(cet & CET_ENDBR_EN, DECODE_INDIRECT_BRANCH);
}

static unsigned code_bits(decode_mode mode) {
  return mode & DECODE_CODE_64 ? 64 : mode & DECODE_CODE_32 ? 32 : 16;
}

/* `mode` and `cpl` are what is to come. */
static void tell_of_mode(struct vcpu *v, decode_mode mode, uint8_t cpl) {
  const decode_mode visible = DECODE_CODE_64 | DECODE_CODE_32 | DECODE_PROTECTED | DECODE_V86;
  if (!observes(v, VMXSIM_EVENT_mode) || (((mode ^ v->mode) & visible) == 0 && cpl == v->cpl)) return;
  struct vmxsim_event event = observe_begin(v, VMXSIM_EVENT_mode);
  event.u.mode.before = (uint8_t)code_bits(v->mode);
  event.u.mode.after = (uint8_t)code_bits(mode);
  event.u.mode.cpl_before = v->cpl;
  event.u.mode.cpl_after = cpl;
  event.u.mode.paging = v->s.cr0 & CR0_PG;
  event.u.mode.protection = mode & DECODE_PROTECTED;
  event.u.mode.v86 = mode & DECODE_V86;
  observe_tell(v, &event);
}

bool vcpu_update_mode(struct vcpu *v) {
  const uint8_t cpl = privilege(&v->s);
  decode_mode mode = operating_mode(&v->s) | control_mode(&v->s);
  mode |= enforcement_mode(&v->s, mode, cpl);
  mode |= bit_if(cpl == 3, DECODE_CPL_3) | bit_if(cpl <= RFLAGS_IOPL_OF(v->s.rflags), DECODE_IOPL_OK);
  mode |= bit_if(v->vmx.in_non_root, DECODE_NON_ROOT);
  if (mode == v->mode && cpl == v->cpl) return false;
  tell_of_mode(v, mode, cpl);
  v->mode = mode;
  v->cpl = cpl;
  vcpu_attend(v, ATTENTION_MODE);
  mmu_mode_changed(v);
  return true;
}

void vcpu_raise(struct vcpu *v, unsigned vector) {
  v->exception = (struct exception){.pending = true, .vector = (uint8_t)vector};
}

void vcpu_raise_with_code(struct vcpu *v, unsigned vector, uint32_t error_code) {
  v->exception =
      (struct exception){.pending = true, .vector = (uint8_t)vector, .has_error_code = true, .error_code = error_code};
}
