/* A local APIC as a whole: making it, resetting it, and IA32_APIC_BASE, which switches it between off, xAPIC and x2APIC
 * mode.
 *
 * The registers are registers.c's, interrupts interrupts.c's, messages ipi.c's, the timer timer.c's.
 */
#include "cpu/apic/apic_internal.h"

#include <string.h>

#include "cpu/allocate.h"

struct apic *apic_create(struct vcpu *vcpu, unsigned id) {
  struct apic *apic = memory_allocate(vcpu->allocator, sizeof *apic);
  if (!apic) return NULL;
  apic->vcpu = vcpu;
  apic->initial_id = id;
  apic_reset(apic, false);
  return apic;
}

void apic_destroy(struct apic *apic) {
  if (apic) memory_release(apic->vcpu->allocator, apic);
}

void apic_on_eoi(struct apic *apic, apic_eoi *eoi, void *context) {
  apic->eoi = eoi;
  apic->eoi_context = context;
}

/* SDM 3A, "Local APIC State After Power-Up or Reset". */
static void reset_registers(struct apic *apic) {
  apic->tpr = 0;
  apic->ldr = 0;
  apic->dfr = UINT32_MAX;
  apic->svr = 0xff;
  memset(apic->isr, 0, sizeof apic->isr);
  memset(apic->tmr, 0, sizeof apic->tmr);
  memset(apic->irr, 0, sizeof apic->irr);
  apic->errors = 0;
  apic->errors_read = 0;
  apic->icr = 0;
  for (unsigned i = 0; i < APIC_LVTS; i++) apic->lvt[i] = LVT_MASKED;
  apic_timer_reset(apic);
  apic_update(apic);
}

/* INIT leaves the APIC ID and IA32_APIC_BASE (SDM 3A, "Local APIC State After an INIT Reset"). Messages on their way
 * stay: a start-up IPI follows its INIT. */
void apic_reset(struct apic *apic, bool init_only) {
  if (!init_only) {
    const uint64_t bsp = apic->initial_id ? 0 : APIC_BASE_BSP;
    apic->vcpu->s.apic_base = APIC_BASE_DEFAULT | APIC_BASE_EN | bsp;
    apic->id = apic->initial_id & 0xff;
    apic->inbox_count = 0;
    apic->lint[0] = apic->lint[1] = false;
  }
  reset_registers(apic);
}

/* --- IA32_APIC_BASE --- */

static bool has_reserved_bits(const struct apic *apic, uint64_t value) {
  const struct vmxsim_capabilities *capabilities = apic->vcpu->capabilities;
  uint64_t reserved = 0xff | (uint64_t)1 << 9;
  if (capabilities->phys_bits < 64) reserved |= UINT64_MAX << capabilities->phys_bits;
  if (!vmxsim_has_feature(capabilities, VMXSIM_FEATURE_x2apic)) reserved |= APIC_BASE_EXTD;
  return value & reserved;
}

/* SDM 3A, "x2APIC State Transitions": the only ways are off -> xAPIC -> x2APIC -> off, and xAPIC -> off. */
static bool is_allowed_transition(uint64_t before, uint64_t after) {
  const bool enabled = after & APIC_BASE_EN;
  const bool extended = after & APIC_BASE_EXTD;
  if (extended && !enabled) return false;
  if (extended) return before & APIC_BASE_EN;
  return !enabled || !(before & APIC_BASE_EXTD);
}

static void enter_off(struct apic *apic) {
  apic_timer_reset(apic);
}

/* Switched on again: as after reset, but the TPR is CR8's as well and stays. */
static void enter_xapic_from_off(struct apic *apic) {
  const uint32_t tpr = apic->tpr;
  reset_registers(apic);
  apic->tpr = tpr;
  apic->id = apic->initial_id & 0xff;
}

static void enter_x2apic(struct apic *apic) {
  apic->icr = (uint32_t)apic->icr;
}

/* That what was cached of memory at the page is wrong now is cpu/mmu's business: it keys on IA32_APIC_BASE. */
static bool write_base(struct apic *apic, uint64_t value) {
  uint64_t *base = &apic->vcpu->s.apic_base;
  const uint64_t before = *base;
  if (has_reserved_bits(apic, value) || !is_allowed_transition(before, value)) return false;
  if (value == before) return true;
  *base = value;
  const uint64_t changed = before ^ value;
  if ((changed & APIC_BASE_EN) && !(value & APIC_BASE_EN)) enter_off(apic);
  if ((changed & APIC_BASE_EN) && (value & APIC_BASE_EN)) enter_xapic_from_off(apic);
  if ((changed & APIC_BASE_EXTD) && (value & APIC_BASE_EXTD)) enter_x2apic(apic);
  apic_update(apic);
  return true;
}

/* --- the MSRs that are not registers of the page --- */

enum { X2APIC_FIRST = 0x800, X2APIC_LAST = 0xbff };

static bool read_deadline(const struct apic *apic, uint64_t *value) {
  if (!apic_has_deadline_mode(apic)) return false;
  *value = apic->vcpu->s.tsc_deadline;
  return true;
}

static bool write_deadline(struct apic *apic, uint64_t value) {
  if (!apic_has_deadline_mode(apic)) return false;
  apic_timer_set_deadline(apic, value);
  return true;
}

bool apic_msr_read(struct apic *apic, uint32_t msr, uint64_t *value) {
  if (msr == MSR_IA32_APIC_BASE) {
    *value = apic->vcpu->s.apic_base;
    return true;
  }
  if (msr == MSR_IA32_TSC_DEADLINE) return read_deadline(apic, value);
  if (msr < X2APIC_FIRST || msr > X2APIC_LAST || !apic_in_x2apic_mode(apic)) return false;
  return apic_x2apic_read(apic, msr - X2APIC_FIRST, value);
}

bool apic_msr_write(struct apic *apic, uint32_t msr, uint64_t value) {
  if (msr == MSR_IA32_APIC_BASE) return write_base(apic, value);
  if (msr == MSR_IA32_TSC_DEADLINE) return write_deadline(apic, value);
  if (msr < X2APIC_FIRST || msr > X2APIC_LAST || !apic_in_x2apic_mode(apic)) return false;
  return apic_x2apic_write(apic, msr - X2APIC_FIRST, value);
}

/* --- CR8, which works with the APIC switched off, too --- */

uint64_t apic_tpr(const struct apic *apic) {
  return apic->tpr >> 4;
}

void apic_set_tpr(struct apic *apic, uint64_t cr8) {
  apic->tpr = (uint32_t)(cr8 & 15) << 4;
  apic_update(apic);
}
