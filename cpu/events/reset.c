/* Power-up, INIT, and the start-up IPI.
 *
 * SDM 3A, "Processor Management and Initialization", table "IA-32 and Intel 64 Processor States Following Power-up,
 * Reset, or INIT"; "Multiple-Processor (MP) Initialization".
 */
#include <string.h>

#include "cpu/apic/apic.h"
#include "cpu/events/events.h"
#include "cpu/exec/cpuid.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

enum {
  SEGMENT_DATA = 0x93, /* present, read/write, accessed */
  SYSTEM_LDT = 0x82,
  SYSTEM_TSS = 0x8b,
};

static void reset_segments(struct vmxsim_state *s) {
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++)
    s->segment[i] = (struct vmxsim_segment){.limit = 0xffff, .access_rights = SEGMENT_DATA};
  s->segment[VMXSIM_CS].selector = 0xf000;
  s->segment[VMXSIM_CS].base = 0xffff0000;
  s->ldtr = (struct vmxsim_segment){.limit = 0xffff, .access_rights = SYSTEM_LDT};
  s->tr = (struct vmxsim_segment){.limit = 0xffff, .access_rights = SYSTEM_TSS};
  s->gdtr = s->idtr = (struct vmxsim_table_register){.limit = 0xffff};
}

static void reset_registers(struct vcpu *v) {
  memset(v->s.gpr, 0, sizeof v->s.gpr);
  v->s.gpr[VMXSIM_RDX] = cpuid_signature(v->cpuid);
  v->s.rip = 0xfff0;
  flags_write(v, RFLAGS_ALWAYS_1);
  memset(v->s.dr, 0, sizeof v->s.dr);
  v->s.dr6 = DR6_FIXED;
  v->s.dr7 = DR7_FIXED;
  v->s.cr2 = 0;
  v->s.ssp = 0;
}

static void clear_boundary(struct vcpu *v) {
  v->s.blocking_by_sti = v->s.blocking_by_mov_ss = v->s.blocking_by_nmi = false;
  v->s.pending_debug = v->trap_dr6 = 0;
  v->exception.pending = false;
  v->nmi_pending = v->nmi_pending_2 = false;
  v->monitor_armed = v->wait_ignores_if = v->wait_has_limit = false;
  v->shadow_is_new = v->in_repetition = v->branch_taken = false;
  v->state_replaced = v->nmis_unblocked = v->tpr_below_threshold = false;
  v->wake_cycle = UINT64_MAX;
}

/* The bootstrap processor starts; the others wait for a start-up IPI. */
static void enter_first_state(struct vcpu *v) {
  v->s.activity = v->s.apic_base & APIC_BASE_BSP ? VMXSIM_ACTIVE : VMXSIM_WAIT_FOR_SIPI;
  vcpu_attend(v, ATTENTION_BOUNDARY | ATTENTION_MODE);
}

static void initialize(struct vcpu *v, uint64_t cr0) {
  reset_segments(&v->s);
  reset_registers(v);
  clear_boundary(v);
  control_set(v, cr0, 0, 0, 0);
  mem_breakpoints_changed(v);
  events_rearm(v);
  enter_first_state(v);
}

/* Power-up leaves the x87 registers as +0.0, not empty. */
static void reset_fpu(struct fpu *fpu) {
  memset(fpu, 0, sizeof *fpu);
  fpu->control = 0x40;
  fpu->tags = 0xff;
  fpu->mxcsr = MXCSR_INITIAL;
}

static void reset_msrs(struct vcpu *v) {
  v->s.xcr0 = 1;
  v->s.pat = UINT64_C(0x0007040600070406);
  /* Fast strings; BTS and PEBS unavailable; MONITOR enabled. */
  v->s.misc_enable = BIT(0) | BIT(11) | BIT(12) | MISC_ENABLE_MONITOR;
  v->s.smbase = 0x30000;
  /* As firmware leaves it. */
  v->s.feature_control = v->capabilities->ia32_feature_control;
}

void vcpu_reset(struct vcpu *v, uint64_t now) {
  memset(&v->s, 0, sizeof v->s);
  vmxsim_vmx_reset(&v->vmx);
  v->s.tsc_offset = 0 - now;
  v->smi_pending = v->init_pending = v->sipi_pending = v->machine_check_pending = false;
  reset_msrs(v);
  reset_fpu(&v->fpu);
  apic_reset(v->apic, false);
  initialize(v, CR0_ET | CR0_CD | CR0_NW);
}

/* INIT keeps CR0.CD and CR0.NW, the FPU, MSRs but EFER, and the TSC; also a start-up IPI that has arrived behind it. */
void vcpu_init_signal(struct vcpu *v) {
  apic_reset(v->apic, true);
  initialize(v, CR0_ET | (v->s.cr0 & (CR0_CD | CR0_NW)));
}

void vcpu_startup(struct vcpu *v, uint8_t vector) {
  v->s.segment[VMXSIM_CS].selector = (uint16_t)(vector << 8);
  v->s.segment[VMXSIM_CS].base = (uint64_t)vector << 12;
  v->s.rip = 0;
  v->s.activity = VMXSIM_ACTIVE;
  vcpu_attend(v, ATTENTION_BOUNDARY | ATTENTION_MODE);
  vcpu_update_mode(v);
}
