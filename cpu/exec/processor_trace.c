/* Intel Processor Trace: its registers, and what they say of the current context. */
#include "cpu/exec/processor_trace.h"

#include "cpu/exec/system.h"

#define CTL_OS BIT(2)
#define CTL_USER BIT(3)
#define CTL_FABRIC_EN BIT(6)
#define CTL_CR3_FILTER BIT(7)
#define CTL_TSC_EN BIT(10)
#define CTL_DIS_RETC BIT(11)
#define CTL_BRANCH_EN BIT(13)
#define CTL_ADDR_CFG BITS(32 + 4 * TRACE_RANGES - 1, 32)
#define CTL_SUPPORTED \
  (RTIT_CTL_TRACE_EN | CTL_OS | CTL_USER | CTL_FABRIC_EN | CTL_CR3_FILTER | CTL_TSC_EN | CTL_DIS_RETC | \
   CTL_BRANCH_EN | CTL_ADDR_CFG)

#define STATUS_FILTER_EN BIT(0)
#define STATUS_CONTEXT_EN BIT(1)
#define STATUS_TRIGGER_EN BIT(2)

/* --- what is traced -------------------------------------------------------------------------------------------------
 */

static unsigned range_use(uint64_t ctl, unsigned range) {
  return (ctl >> (32 + 4 * range)) & 15;
}

static bool in_range(const struct vcpu *v, unsigned range, uint64_t linear) {
  return linear >= v->s.rtit_addr[2 * range] && linear <= v->s.rtit_addr[2 * range + 1];
}

/* Bits 11:5 are part of the address with PAE paging only. */
static bool cr3_matches(const struct vcpu *v) {
  const uint64_t address = is_pae_paging(v->s.cr0, v->s.cr4, v->s.efer) ? BITS(63, 5) : BITS(63, 12);
  return ((v->s.cr3 ^ v->s.rtit_cr3_match) & address) == 0;
}

static bool is_in_context(const struct vcpu *v) {
  if (!(v->s.rtit_ctl & (v->cpl ? CTL_USER : CTL_OS))) return false;
  return !(v->s.rtit_ctl & CTL_CR3_FILTER) || cr3_matches(v);
}

static bool passes_filter(const struct vcpu *v) {
  const uint64_t linear = vcpu_code_linear(v, v->s.rip);
  bool filters = false;
  for (unsigned i = 0; i < TRACE_RANGES; i++) {
    if (range_use(v->s.rtit_ctl, i) != TRACE_FILTERS) continue;
    if (in_range(v, i, linear)) return true;
    filters = true;
  }
  return !filters;
}

void trace_reach(struct vcpu *v) {
  const uint64_t linear = vcpu_code_linear(v, v->s.rip);
  if (!is_in_context(v)) return;
  for (unsigned i = 0; i < TRACE_RANGES; i++)
    if (range_use(v->s.rtit_ctl, i) == TRACE_STOPS && in_range(v, i, linear)) v->s.rtit_status |= RTIT_STATUS_STOPPED;
}

/* --- registers ------------------------------------------------------------------------------------------------------
 */

bool trace_is_msr(uint32_t msr) {
  return (msr >= MSR_IA32_RTIT_CTL && msr <= MSR_IA32_RTIT_CR3_MATCH) ||
         (msr >= MSR_IA32_RTIT_ADDR0_A && msr < MSR_IA32_RTIT_ADDR0_A + 2 * TRACE_RANGES);
}

static uint64_t read_status(const struct vcpu *v) {
  if (!trace_is_triggered(v)) return v->s.rtit_status;
  return v->s.rtit_status | STATUS_TRIGGER_EN | (is_in_context(v) ? STATUS_CONTEXT_EN : 0) |
         (passes_filter(v) ? STATUS_FILTER_EN : 0);
}

bool trace_msr_read(const struct vcpu *v, uint32_t msr, uint64_t *value) {
  if (!system_has(v, VMXSIM_FEATURE_pt)) return false;
  switch (msr) {
  case MSR_IA32_RTIT_CTL: *value = v->s.rtit_ctl; break;
  case MSR_IA32_RTIT_STATUS: *value = read_status(v); break;
  case MSR_IA32_RTIT_CR3_MATCH: *value = v->s.rtit_cr3_match; break;
  default: *value = v->s.rtit_addr[msr - MSR_IA32_RTIT_ADDR0_A]; break;
  }
  return true;
}

static bool is_supported(uint64_t ctl) {
  if (ctl & ~CTL_SUPPORTED) return false;
  for (unsigned i = 0; i < TRACE_RANGES; i++)
    if (range_use(ctl, i) > TRACE_STOPS) return false;
  return true;
}

/* Without output to memory, tracing needs FabricEn. SDM 3C, "Restrictions on VMX Operation": with bit 14 of
 * IA32_VMX_MISC 0, none begins in VMX operation. */
static bool may_begin(const struct vcpu *v, uint64_t ctl) {
  const bool usable = !v->vmx.in_vmx_operation || (v->capabilities->ia32_vmx_misc & VMX_MISC_PT);
  return (ctl & CTL_FABRIC_EN) && usable;
}

/* While tracing is on it can be switched off, or the same be written. */
static bool write_ctl(struct vcpu *v, uint64_t ctl) {
  const uint64_t old = v->s.rtit_ctl;
  if (!is_supported(ctl)) return false;
  if (ctl == old) return true;
  if ((ctl & RTIT_CTL_TRACE_EN) && ((old & RTIT_CTL_TRACE_EN) || !may_begin(v, ctl))) return false;
  v->s.rtit_ctl = ctl;
  vcpu_attend(v, ATTENTION_BOUNDARY);
  return true;
}

/* What the processor says of itself is ignored. */
static bool write_status(struct vcpu *v, uint64_t status) {
  const uint64_t kept = RTIT_STATUS_ERROR | RTIT_STATUS_STOPPED;
  if (status & ~(kept | STATUS_FILTER_EN | STATUS_CONTEXT_EN | STATUS_TRIGGER_EN)) return false;
  v->s.rtit_status = status & kept;
  return true;
}

static bool write_cr3_match(struct vcpu *v, uint64_t value) {
  if (value & BITS(4, 0)) return false;
  v->s.rtit_cr3_match = value;
  return true;
}

static bool write_address(struct vcpu *v, unsigned index, uint64_t address) {
  if (!system_is_canonical(v, address)) return false;
  v->s.rtit_addr[index] = address;
  return true;
}

bool trace_msr_write(struct vcpu *v, uint32_t msr, uint64_t value) {
  if (!system_has(v, VMXSIM_FEATURE_pt)) return false;
  if (msr == MSR_IA32_RTIT_CTL) return write_ctl(v, value);
  if (v->s.rtit_ctl & RTIT_CTL_TRACE_EN) return false;
  switch (msr) {
  case MSR_IA32_RTIT_STATUS: return write_status(v, value);
  case MSR_IA32_RTIT_CR3_MATCH: return write_cr3_match(v, value);
  default: return write_address(v, msr - MSR_IA32_RTIT_ADDR0_A, value);
  }
}
