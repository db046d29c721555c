/* The local APIC: xAPIC page, x2APIC MSRs, timer, IPIs. One a vCPU. */
#ifndef VMXSIM_CPU_APIC_APIC_H
#define VMXSIM_CPU_APIC_APIC_H

#include "cpu/vcpu.h"

struct apic *apic_create(struct vcpu *vcpu, unsigned id); /* NULL: no memory */
void apic_destroy(struct apic *apic);
void apic_reset(struct apic *apic, bool init_only);

/* MMIO of the page at IA32_APIC_BASE, any size and split, as the processor does it for its own accesses. */
uint64_t apic_mmio_read(struct apic *apic, uint64_t offset, unsigned size);
void apic_mmio_write(struct apic *apic, uint64_t offset, unsigned size, uint64_t value);
/* MSRs 800H-8FFH and IA32_APIC_BASE, IA32_TSC_DEADLINE. False: #GP(0). */
bool apic_msr_read(struct apic *apic, uint32_t msr, uint64_t *value);
bool apic_msr_write(struct apic *apic, uint32_t msr, uint64_t value);
uint64_t apic_tpr(const struct apic *apic); /* CR8: TPR[7:4] */
void apic_set_tpr(struct apic *apic, uint64_t cr8);

/* An interrupt that can be delivered now (above PPR), -1 if none. acknowledge moves it from IRR to ISR and returns it.
 */
int apic_pending(const struct apic *apic);
int apic_acknowledge(struct apic *apic);
bool apic_accepts_virtual_wire(const struct apic *apic); /* LINT0 in ExtINT mode and unmasked, or the APIC disabled */

/* From the bus: interrupt messages of IPIs, I/O APIC, MSI. */
enum apic_delivery { APIC_FIXED, APIC_LOWEST, APIC_SMI, APIC_NMI = 4, APIC_INIT, APIC_STARTUP, APIC_EXTINT };
struct apic_message {
  uint32_t destination;
  bool logical;
  uint8_t vector, delivery, trigger_level, shorthand; /* shorthand as in the ICR */
  unsigned source;                                    /* vCPU index, for self and all-but-self */
};
void apic_bus_send(struct machine *machine, const struct apic_message *message);
/* A level-triggered vector was acknowledged (EOI): the machine's I/O APIC wants to know. */
typedef void apic_eoi(void *context, uint8_t vector);
void apic_on_eoi(struct apic *apic, apic_eoi *eoi, void *context);

/* The bus's own: on it FFFFFFFFH is the broadcast destination, whoever sends (senders of 8-bit destinations translate
 * FFH). apic_bus_send() is the machine's (libvmxsim/platform/interrupt_bus.c), as the ports are. */
bool apic_is_destination(const struct apic *apic, uint32_t destination, bool logical);
bool apic_takes_interrupts(const struct apic *apic); /* software-enabled: fixed and lowest-priority messages arrive */
uint32_t apic_processor_priority(const struct apic *apic); /* PPR, for lowest-priority arbitration */
/* The message is addressed to this APIC; it takes effect when its vCPU's clock reaches `cycle`, at once if it has. */
void apic_receive(struct apic *apic, const struct apic_message *message, uint64_t cycle);
/* The pins LINT0 (8259) and LINT1 (NMI). ExtINT on LINT0 goes by vcpu.interrupt_line instead. */
void apic_set_lint(struct apic *apic, unsigned pin, bool level);
/* Whether LINT0 can bring no more than interrupts that the processor can mask. */
bool apic_lint0_only_interrupts(const struct apic *apic);

/* The timer runs on the vCPU's cycles: the cycle of its next expiry, UINT64_MAX if none; and taking it. Messages that
 * wait for their cycle (apic_receive()) are taken in the same way. */
uint64_t apic_next_event(const struct apic *apic);
bool apic_has_mail(const struct apic *apic); /* such messages are there */
void apic_timer_expired(struct apic *apic);

#endif
