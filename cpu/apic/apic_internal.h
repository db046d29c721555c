/* What a local APIC is made of. Private to cpu/apic/. */
#ifndef VMXSIM_CPU_APIC_APIC_INTERNAL_H
#define VMXSIM_CPU_APIC_APIC_INTERNAL_H

#include "cpu/apic/apic.h"
#include "cpu/registers.h"

/* Registers by their place: offset of the page / 16 and MSR - 800H are the same number. */
enum apic_register {
  APIC_ID = 0x02,
  APIC_VERSION = 0x03,
  APIC_TPR = 0x08,
  APIC_APR = 0x09,
  APIC_PPR = 0x0a,
  APIC_EOI = 0x0b,
  APIC_RRD = 0x0c,
  APIC_LDR = 0x0d,
  APIC_DFR = 0x0e,
  APIC_SVR = 0x0f,
  APIC_ISR = 0x10,
  APIC_TMR = 0x18,
  APIC_IRR = 0x20,
  APIC_ESR = 0x28,
  APIC_ICR_LOW = 0x30,
  APIC_ICR_HIGH = 0x31,
  APIC_LVT_TIMER = 0x32,
  APIC_LVT_THERMAL = 0x33,
  APIC_LVT_COUNTERS = 0x34,
  APIC_LVT_LINT0 = 0x35,
  APIC_LVT_LINT1 = 0x36,
  APIC_LVT_ERROR = 0x37,
  APIC_INITIAL_COUNT = 0x38,
  APIC_CURRENT_COUNT = 0x39,
  APIC_DIVIDE = 0x3e,
  APIC_SELF_IPI = 0x3f,
};

enum {
  APIC_LVTS = APIC_LVT_ERROR - APIC_LVT_TIMER + 1,
  APIC_WORDS = 8, /* of the 256-bit registers */
  APIC_INBOX = 64,
  APIC_FIRST_VECTOR = 16, /* vectors below are illegal */
};

/* IA32_APIC_BASE after reset */
#define APIC_BASE_DEFAULT ((uint64_t)0xfee00000)

enum { SVR_ENABLED = 1 << 8, SVR_NO_EOI_BROADCAST = 1 << 12 };
enum { LVT_MASKED = 1 << 16, LVT_REMOTE_IRR = 1 << 14, LVT_LEVEL = 1 << 15 };
enum { LVT_TIMER_PERIODIC = 1 << 17, LVT_TIMER_DEADLINE = 1 << 18, LVT_TIMER_MODE = 3 << 17 };
enum { ERROR_SEND_VECTOR = 1 << 5, ERROR_RECEIVE_VECTOR = 1 << 6, ERROR_REGISTER = 1 << 7 };

/* A message from another vCPU whose clock is ahead of ours. */
struct inbox_entry {
  uint64_t cycle;
  struct apic_message message;
};

struct apic {
  struct vcpu *vcpu;
  uint32_t initial_id; /* the x2APIC ID, and the xAPIC ID after reset */
  uint32_t id;         /* the xAPIC ID */
  uint32_t tpr, ldr, dfr, svr;
  uint32_t isr[APIC_WORDS], tmr[APIC_WORDS], irr[APIC_WORDS];
  uint32_t errors, errors_read; /* collected; as the last write of the ESR gave them */
  uint64_t icr;
  uint32_t lvt[APIC_LVTS];
  bool lint[2];

  uint32_t initial_count, divide;
  uint64_t expiry; /* cycle of the next expiry in one-shot and periodic mode; UINT64_MAX: stopped */

  int deliverable; /* what apic_pending() gives */

  struct inbox_entry inbox[APIC_INBOX]; /* by cycle, oldest first */
  unsigned inbox_count;

  apic_eoi *eoi;
  void *eoi_context;
};

static inline bool apic_is_enabled(const struct apic *apic) {
  return apic->vcpu->s.apic_base & APIC_BASE_EN;
}
static inline bool apic_in_x2apic_mode(const struct apic *apic) {
  const uint64_t both = APIC_BASE_EN | APIC_BASE_EXTD;
  return (apic->vcpu->s.apic_base & both) == both;
}
static inline bool apic_has_deadline_mode(const struct apic *apic) {
  return vmxsim_has_feature(apic->vcpu->capabilities, VMXSIM_FEATURE_tsc_deadline);
}
static inline bool apic_is_software_enabled(const struct apic *apic) {
  return apic_is_enabled(apic) && (apic->svr & SVR_ENABLED);
}

/* interrupts.c */
uint32_t apic_ppr(const struct apic *apic);
int apic_find_deliverable(const struct apic *apic);
void apic_update(struct apic *apic); /* after a change of IRR, ISR or TPR */
void apic_request(struct apic *apic, uint8_t vector, bool level);
void apic_end_of_interrupt(struct apic *apic);

/* lvt.c */
void apic_deliver_lvt(struct apic *apic, unsigned reg); /* a local interrupt, unless it is masked */
void apic_write_lvt(struct apic *apic, unsigned reg, uint32_t value);
void apic_mask_lvts(struct apic *apic);
void apic_error(struct apic *apic, uint32_t error);

/* ipi.c */
void apic_write_icr(struct apic *apic, uint64_t value);
void apic_self_ipi(struct apic *apic, uint8_t vector);
uint32_t apic_logical_id(const struct apic *apic);
void apic_take_inbox(struct apic *apic);

/* timer.c */
void apic_timer_reset(struct apic *apic);
void apic_timer_start(struct apic *apic, uint32_t count);
uint32_t apic_timer_count(const struct apic *apic);
void apic_timer_divide(struct apic *apic, uint32_t value);
void apic_timer_mode_changed(struct apic *apic, uint32_t before, uint32_t after);
void apic_timer_set_deadline(struct apic *apic, uint64_t tsc);

/* registers.c: what both ways of access share. */
uint32_t apic_read_register(struct apic *apic, unsigned reg);
void apic_write_register(struct apic *apic, unsigned reg, uint32_t value);
/* By MSR, in x2APIC mode. False: #GP(0). */
bool apic_x2apic_read(struct apic *apic, unsigned reg, uint64_t *value);
bool apic_x2apic_write(struct apic *apic, unsigned reg, uint64_t value);

#endif
