/* MSRs that the manual lists by processor family and that software uses unasked where it sees the family: frequency and
 * power of the first Core i7 (Nehalem) and of what came after it. They are kept, not obeyed.
 *
 * SDM 4, "Model-Specific Registers (MSRs)".
 */
#include "cpu/exec/cpuid.h"
#include "cpu/exec/msr_ranges.h"
#include "cpu/exec/system.h"

enum {
  MSR_PLATFORM_INFO = 0xce,
  MSR_PKG_CST_CONFIG_CONTROL = 0xe2,
  MSR_POWER_CTL = 0x1fc,
  NEHALEM = 0x1a,
  SANDY_BRIDGE = 0x2a,
};
#define CST_CONFIG_LOCK BIT(15)

bool msr_is_of_model(uint32_t msr) {
  return msr == MSR_PLATFORM_INFO || msr == MSR_PKG_CST_CONFIG_CONTROL || msr == MSR_POWER_CTL;
}

/* Of family 6; 0: another one. */
static unsigned model_of(const struct vcpu *v) {
  const uint32_t signature = cpuid_signature(v->cpuid);
  return (signature >> 8 & 15) == 6 ? (signature >> 12 & 0xf0) | (signature >> 4 & 15) : 0;
}

/* Numbers from Nehalem's on that are older designs: Bonnell and Saltwell (Atom), Dunnington. */
static bool is_since_nehalem(const struct vcpu *v) {
  switch (model_of(v)) {
  case 0x1c:
  case 0x1d:
  case 0x26:
  case 0x27:
  case 0x35:
  case 0x36: return false;
  default: return model_of(v) >= NEHALEM;
  }
}

static bool is_before_sandy_bridge(const struct vcpu *v) {
  switch (model_of(v)) {
  case 0x2c:
  case 0x2e:
  case 0x2f: return true; /* Westmere-EP, Nehalem-EX, Westmere-EX */
  default: return model_of(v) < SANDY_BRIDGE;
  }
}

/* Bits 15:8: the TSC's frequency in steps of 100 MHz, before Sandy Bridge of 133 1/3 MHz. */
static uint64_t platform_info(const struct vcpu *v) {
  const uint64_t mhz = v->tsc_hz / 1000000;
  const uint64_t ratio = is_before_sandy_bridge(v) ? mhz * 3 / 400 : mhz / 100;
  return (ratio & 0xff) << 8;
}

bool msr_model_read(const struct vcpu *v, uint32_t msr, uint64_t *value) {
  switch (msr) {
  case MSR_PLATFORM_INFO: *value = platform_info(v); break;
  case MSR_PKG_CST_CONFIG_CONTROL: *value = CST_CONFIG_LOCK; break;
  default: *value = v->s.power_ctl; break;
  }
  return is_since_nehalem(v);
}

/* Firmware has locked the C-states: no package C-state is offered. */
bool msr_model_write(struct vcpu *v, uint32_t msr, uint64_t value) {
  if (!is_since_nehalem(v) || msr == MSR_PLATFORM_INFO) return false;
  if (msr == MSR_PKG_CST_CONFIG_CONTROL) return value == CST_CONFIG_LOCK;
  v->s.power_ctl = value;
  return true;
}
