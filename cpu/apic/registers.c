/* The registers of the local APIC by their two ways of access: the page of xAPIC mode and the MSRs of x2APIC mode.
 *
 * SDM 3A, "Local APIC" (the register address map) and "x2APIC Register Address Space".
 */
#include "cpu/apic/apic_internal.h"

/* Version 14H, six LVT entries, EOI broadcasts can be suppressed. */
enum { VERSION = 0x14 | (APIC_LVTS - 1) << 16 | 1 << 24 };

static uint32_t read_id(const struct apic *apic) {
  return apic_in_x2apic_mode(apic) ? apic->initial_id : apic->id << 24;
}

static bool is_lvt(unsigned reg) {
  return reg >= APIC_LVT_TIMER && reg <= APIC_LVT_ERROR;
}

/* The registers of the page that nothing answers for set an error, unless the processor has them as reserved words. */
static uint32_t read_other(struct apic *apic, unsigned reg) {
  if (is_lvt(reg)) return apic->lvt[reg - APIC_LVT_TIMER];
  if (reg >= APIC_ISR && reg < APIC_ISR + APIC_WORDS) return apic->isr[reg - APIC_ISR];
  if (reg >= APIC_TMR && reg < APIC_TMR + APIC_WORDS) return apic->tmr[reg - APIC_TMR];
  if (reg >= APIC_IRR && reg < APIC_IRR + APIC_WORDS) return apic->irr[reg - APIC_IRR];
  apic_error(apic, ERROR_REGISTER);
  return 0;
}

uint32_t apic_read_register(struct apic *apic, unsigned reg) {
  switch (reg) {
  case APIC_ID: return read_id(apic);
  case APIC_VERSION: return VERSION;
  case APIC_TPR: return apic->tpr;
  case APIC_APR:
  case APIC_PPR: return apic_ppr(apic);
  case APIC_EOI:
  case APIC_RRD: return 0;
  case APIC_LDR: return apic_logical_id(apic);
  case APIC_DFR: return apic->dfr;
  case APIC_SVR: return apic->svr;
  case APIC_ESR: return apic->errors_read;
  case APIC_ICR_LOW: return (uint32_t)apic->icr;
  case APIC_ICR_HIGH: return (uint32_t)(apic->icr >> 32);
  case APIC_INITIAL_COUNT: return apic->initial_count;
  case APIC_CURRENT_COUNT: return apic_timer_count(apic);
  case APIC_DIVIDE: return apic->divide;
  default: return read_other(apic, reg);
  }
}

static void write_svr(struct apic *apic, uint32_t value) {
  apic->svr = value & 0x13ff;
  if (!(apic->svr & SVR_ENABLED)) apic_mask_lvts(apic);
}

/* A write gives out what has been collected, and starts collecting anew. */
static void write_esr(struct apic *apic) {
  apic->errors_read = apic->errors;
  apic->errors = 0;
}

static bool is_read_only(unsigned reg) {
  return reg == APIC_VERSION || reg == APIC_APR || reg == APIC_PPR || reg == APIC_RRD || reg == APIC_CURRENT_COUNT ||
         (reg >= APIC_ISR && reg < APIC_ESR);
}

static void write_other(struct apic *apic, unsigned reg, uint32_t value) {
  if (is_lvt(reg)) {
    apic_write_lvt(apic, reg, value);
  } else if (!is_read_only(reg)) {
    apic_error(apic, ERROR_REGISTER);
  }
}

void apic_write_register(struct apic *apic, unsigned reg, uint32_t value) {
  switch (reg) {
  case APIC_ID: apic->id = value >> 24; break;
  case APIC_TPR:
    apic->tpr = value & 0xff;
    apic_update(apic);
    break;
  case APIC_EOI: apic_end_of_interrupt(apic); break;
  case APIC_LDR: apic->ldr = value & 0xff000000; break;
  case APIC_DFR: apic->dfr = value | 0x0fffffff; break;
  case APIC_SVR: write_svr(apic, value); break;
  case APIC_ESR: write_esr(apic); break;
  case APIC_ICR_LOW: apic_write_icr(apic, (apic->icr & ~(uint64_t)UINT32_MAX) | (value & 0xcdfff)); break;
  case APIC_ICR_HIGH: apic->icr = (uint64_t)(value & 0xff000000) << 32 | (uint32_t)apic->icr; break;
  case APIC_INITIAL_COUNT: apic_timer_start(apic, value); break;
  case APIC_DIVIDE: apic_timer_divide(apic, value); break;
  default: write_other(apic, reg, value); break;
  }
}

/* --- the page --- */

static bool answers_on_page(const struct apic *apic) {
  return apic_is_enabled(apic) && !apic_in_x2apic_mode(apic);
}

/* A register is the first four bytes of sixteen; the others read as zero. */
uint64_t apic_mmio_read(struct apic *apic, uint64_t offset, unsigned size) {
  uint64_t value = 0;
  if (!answers_on_page(apic)) return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
  unsigned last = UINT32_MAX;
  uint32_t word = 0;
  for (unsigned i = 0; i < size && i < 8; i++) {
    const unsigned at = (unsigned)(offset + i) & 0xfff;
    if (at % 16 >= 4) continue;
    if (at / 16 != last) word = apic_read_register(apic, at / 16);
    last = at / 16;
    value |= (uint64_t)(word >> (8 * (at % 16)) & 0xff) << (8 * i);
  }
  return value;
}

/* Only whole registers are written: anything narrower or not on their first byte is undefined, and ignored here. */
void apic_mmio_write(struct apic *apic, uint64_t offset, unsigned size, uint64_t value) {
  vcpu_attend(apic->vcpu, ATTENTION_BOUNDARY); /* the timer may have been set: the run loop asks anew */
  if (!answers_on_page(apic) || offset % 16 || size < 4) return;
  apic_write_register(apic, (unsigned)(offset & 0xfff) / 16, (uint32_t)value);
}

/* --- the MSRs --- */

struct rule {
  uint8_t first, count;
  bool readable, writable;
  uint64_t may_be_1;
};

static const struct rule rules[] = {
#define X2APIC(reg, count, readable, writable, may_be_1) {reg, count, readable, writable, may_be_1},
#include "cpu/apic/x2apic.def"
#undef X2APIC
};

static const struct rule *find_rule(unsigned reg) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    if (reg >= rules[i].first && reg - rules[i].first < rules[i].count) return &rules[i];
  }
  return NULL;
}

bool apic_x2apic_read(struct apic *apic, unsigned reg, uint64_t *value) {
  const struct rule *rule = find_rule(reg);
  if (!rule || !rule->readable) return false;
  *value = reg == APIC_ICR_LOW ? apic->icr : apic_read_register(apic, reg);
  return true;
}

static bool has_reserved_bits(const struct apic *apic, const struct rule *rule, uint64_t value) {
  const bool no_deadline = rule->first == APIC_LVT_TIMER && !apic_has_deadline_mode(apic);
  return value & (~rule->may_be_1 | (no_deadline ? LVT_TIMER_DEADLINE : 0));
}

bool apic_x2apic_write(struct apic *apic, unsigned reg, uint64_t value) {
  const struct rule *rule = find_rule(reg);
  if (!rule || !rule->writable || has_reserved_bits(apic, rule, value)) return false;
  if (reg == APIC_ICR_LOW) {
    apic_write_icr(apic, value);
  } else if (reg == APIC_SELF_IPI) {
    apic_self_ipi(apic, (uint8_t)value);
  } else {
    apic_write_register(apic, reg, (uint32_t)value);
  }
  return true;
}
