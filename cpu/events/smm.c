/* System-management mode: SMI and RSM with both save-state maps.
 *
 * SDM 3C, "System Management Mode": tables "SMRAM State Save Map" and "SMRAM State Save Map for Intel 64 Architecture".
 * Processors with Intel 64 use the second one. What the tables call reserved holds the hidden parts of segment
 * registers here, and what else has to come back.
 */
#include "cpu/events/events.h"
#include "cpu/exec/processor_trace.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/mmu.h"
#include "cpu/observe.h"

enum {
  SAVE_AREA = 0x8000,
  HALT_RESTART = 0x7f02,
  REVISION = 0x7efc,
  SMBASE = 0x7ef8,
  REVISION_32 = 0x30004,
  REVISION_64 = 0x30006
};

static bool is_64_bit(const struct vcpu *v) {
  return system_has(v, VMXSIM_FEATURE_intel64);
}

/* --- the maps -------------------------------------------------------------------------------------------------------
 */

struct slot {
  uint16_t offset;
  uint8_t size;
  uint64_t *value;
};

/* One direction at a time: physical memory to or from a register. */
static void transfer(struct vcpu *v, bool save, uint32_t offset, unsigned size, uint64_t *value) {
  const uint64_t address = (uint32_t)(v->s.smbase + SAVE_AREA + offset);
  uint8_t bytes[8];
  if (save) {
    for (unsigned i = 0; i < size; i++) bytes[i] = (uint8_t)(*value >> (8 * i));
    physical_write(v->mmu->memory, address, bytes, size);
    return;
  }
  physical_read(v->mmu->memory, address, bytes, size);
  *value = 0;
  for (unsigned i = 0; i < size; i++) *value |= (uint64_t)bytes[i] << (8 * i);
}

/* What is in no member of 64 bits of the state. */
struct extra {
  uint64_t rflags, revision, halt, flags;
  uint64_t gdt_limit, idt_limit;
};
enum { EXTRA_NMI_BLOCKED = 1, EXTRA_STI = 2, EXTRA_MOV_SS = 4, EXTRA_TRACE = 8 };

/* Segment numbers as far as there are six, then LDTR and TR. */
static struct vmxsim_segment *segment_at(struct vcpu *v, unsigned i) {
  return i < VMXSIM_SEGMENTS ? &v->s.segment[i] : i == VMXSIM_SEGMENTS ? &v->s.ldtr : &v->s.tr;
}

static void transfer_segments(struct vcpu *v, bool save, const uint16_t selectors[8], uint32_t hidden,
                              unsigned base_size) {
  for (unsigned i = 0; i < 8; i++) {
    struct vmxsim_segment *const s = segment_at(v, i);
    const uint32_t at = hidden + i * (8 + base_size);
    uint64_t selector = s->selector, limit = s->limit, rights = s->access_rights;
    transfer(v, save, selectors[i], 4, &selector);
    transfer(v, save, at, 4, &limit);
    transfer(v, save, at + 4, 4, &rights);
    transfer(v, save, at + 8, base_size, &s->base);
    s->selector = (uint16_t)selector;
    s->limit = (uint32_t)limit;
    s->access_rights = (uint32_t)rights;
  }
}

static void transfer_slots(struct vcpu *v, bool save, const struct slot *slots, size_t count) {
  for (size_t i = 0; i < count; i++) transfer(v, save, slots[i].offset, slots[i].size, slots[i].value);
}

static void transfer_64(struct vcpu *v, bool save, struct extra *x) {
  struct vmxsim_state *const s = &v->s;
  /* ES, CS, SS, DS, FS, GS, LDTR, TR */
  static const uint16_t selectors[8] = {0x7fa8, 0x7fac, 0x7fb0, 0x7fb4, 0x7fb8, 0x7fbc, 0x7fc0, 0x7fc4};
  /* In the order of numbers; RDI down to RAX, then R8 to R15, go downwards in the map. */
  static const uint16_t gpr[16] = {0x7f5c, 0x7f64, 0x7f6c, 0x7f74, 0x7f7c, 0x7f84, 0x7f8c, 0x7f94,
                                   0x7f54, 0x7f4c, 0x7f44, 0x7f3c, 0x7f34, 0x7f2c, 0x7f24, 0x7f1c};
  uint64_t gdt_high = s->gdtr.base >> 32, idt_high = s->idtr.base >> 32, ldt_high = s->ldtr.base >> 32;
  uint64_t gdt_low = s->gdtr.base, idt_low = s->idtr.base, ldt_low = s->ldtr.base;
  const struct slot slots[] = {
      {0x7ff8, 8, &s->cr0},        {0x7ff0, 8, &s->cr3},   {0x7fe8, 8, &x->rflags},    {0x7fe0, 8, &s->efer},
      {0x7fd8, 8, &s->rip},        {0x7fd0, 8, &s->dr6},   {0x7fc8, 8, &s->dr7},       {HALT_RESTART, 2, &x->halt},
      {REVISION, 4, &x->revision}, {0x7ec8, 8, &s->ssp},   {0x7e40, 8, &s->cr4},       {0x7e9c, 4, &ldt_low},
      {0x7e94, 4, &idt_low},       {0x7e8c, 4, &gdt_low},  {0x7dd8, 4, &idt_high},     {0x7dd4, 4, &ldt_high},
      {0x7dd0, 4, &gdt_high},      {0x7e80, 4, &x->flags}, {0x7e84, 2, &x->gdt_limit}, {0x7e86, 2, &x->idt_limit},
  };
  transfer_slots(v, save, slots, sizeof slots / sizeof slots[0]);
  for (unsigned i = 0; i < 16; i++) transfer(v, save, gpr[i], 8, &s->gpr[i]);
  transfer_segments(v, save, selectors, 0x7c00, 8);
  s->gdtr.base = gdt_high << 32 | (uint32_t)gdt_low;
  s->idtr.base = idt_high << 32 | (uint32_t)idt_low;
}

static void transfer_32(struct vcpu *v, bool save, struct extra *x) {
  struct vmxsim_state *const s = &v->s;
  static const uint16_t selectors[8] = {0x7fa8, 0x7fac, 0x7fb0, 0x7fb4, 0x7fb8, 0x7fbc, 0x7fc0, 0x7fc4};
  static const uint16_t gpr[8] = {0x7fd0, 0x7fd4, 0x7fd8, 0x7fdc, 0x7fe0, 0x7fe4, 0x7fe8, 0x7fec};
  const struct slot slots[] = {
      {0x7ffc, 4, &s->cr0},       {0x7ff8, 4, &s->cr3},       {0x7ff4, 4, &x->rflags},     {0x7ff0, 4, &s->rip},
      {0x7fcc, 4, &s->dr6},       {0x7fc8, 4, &s->dr7},       {HALT_RESTART, 2, &x->halt}, {REVISION, 4, &x->revision},
      {0x7f14, 4, &s->cr4},       {0x7e00, 4, &s->gdtr.base}, {0x7e04, 4, &s->idtr.base},  {0x7e08, 2, &x->gdt_limit},
      {0x7e0a, 2, &x->idt_limit}, {0x7e0c, 4, &x->flags},     {0x7e10, 8, &s->efer},
  };
  transfer_slots(v, save, slots, sizeof slots / sizeof slots[0]);
  for (unsigned i = 0; i < 8; i++) transfer(v, save, gpr[i], 4, &s->gpr[i]);
  transfer_segments(v, save, selectors, 0x7e20, 4);
}

static void transfer_all(struct vcpu *v, bool save, struct extra *x) {
  x->gdt_limit = v->s.gdtr.limit;
  x->idt_limit = v->s.idtr.limit;
  if (is_64_bit(v)) {
    transfer_64(v, save, x);
  } else {
    transfer_32(v, save, x);
  }
  v->s.gdtr.limit = (uint16_t)x->gdt_limit;
  v->s.idtr.limit = (uint16_t)x->idt_limit;
}

/* --- SMI -------------------------------------------------------------------------------------------------------------
 */

static void save_state(struct vcpu *v) {
  const uint64_t zero_io = 0;
  struct extra x = {.rflags = flags_read(v),
                    .revision = is_64_bit(v) ? REVISION_64 : REVISION_32,
                    .halt = v->s.activity == VMXSIM_HLT};
  x.flags = (v->s.blocking_by_nmi ? EXTRA_NMI_BLOCKED : 0U) | (v->s.blocking_by_sti ? EXTRA_STI : 0U) |
            (v->s.blocking_by_mov_ss ? EXTRA_MOV_SS : 0U) | (v->s.rtit_ctl & RTIT_CTL_TRACE_EN ? EXTRA_TRACE : 0U);
  uint64_t smbase = v->s.smbase, io = zero_io;
  transfer_all(v, true, &x);
  transfer(v, true, SMBASE, 4, &smbase);
  transfer(v, true, 0x7fa4, 4, &io); /* IO_MISC: no I/O instruction caused the SMI */
  transfer(v, true, 0x7f00, 2, &io);
}

static void load_segments(struct vcpu *v) {
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++)
    v->s.segment[i] = (struct vmxsim_segment){.limit = UINT32_MAX, .access_rights = 0x8093};
  v->s.segment[VMXSIM_CS].selector = (uint16_t)(v->s.smbase >> 4);
  v->s.segment[VMXSIM_CS].base = v->s.smbase;
}

void smm_enter(struct vcpu *v) {
  vmxsim_vmx_enter_smm(&v->vmx);
  save_state(v);
  v->s.in_smm = true;
  v->s.activity = VMXSIM_ACTIVE;
  v->s.blocking_by_nmi = true;
  v->s.blocking_by_sti = v->s.blocking_by_mov_ss = v->shadow_is_new = false;
  v->wake_cycle = UINT64_MAX;
  flags_write(v, RFLAGS_ALWAYS_1);
  v->s.rip = 0x8000;
  v->s.dr7 = DR7_FIXED;
  v->s.ssp = 0;
  v->s.rtit_ctl &= ~RTIT_CTL_TRACE_EN; /* SDM 3C, "Intel Processor Trace": "System Management Mode (SMM)" */
  load_segments(v);
  control_set(v, v->s.cr0 & ~(CR0_PE | CR0_EM | CR0_TS | CR0_PG), v->s.cr3, 0, 0);
  mem_breakpoints_changed(v);
  vcpu_attend(v, ATTENTION_BOUNDARY | ATTENTION_MODE);
}

/* --- RSM -------------------------------------------------------------------------------------------------------------
 */

static bool state_is_good(const struct vcpu *v) {
  const uint64_t cr0 = v->s.cr0, cr4 = v->s.cr4;
  if ((cr0 & CR0_PG) && !(cr0 & CR0_PE)) return false;
  if ((cr0 & CR0_NW) && !(cr0 & CR0_CD)) return false;
  if ((cr0 >> 32) || (cr4 & ~control_cr4_supported(v)) || (cr4 & CR4_VMXE)) return false;
  if (v->s.efer & ~v->capabilities->efer_supported) return false;
  return !(v->s.efer & EFER_LMA) || ((cr0 & CR0_PG) && (cr4 & CR4_PAE));
}

static void shut_down(struct vcpu *v) {
  v->s.activity = VMXSIM_SHUTDOWN;
  control_set(v, CR0_ET | CR0_CD | CR0_NW, 0, 0, 0);
}

/* PDPTEs are not in the map. */
static void reload_pdptes(struct vcpu *v) {
  if (is_pae_paging(v->s.cr0, v->s.cr4, v->s.efer) && !mmu_load_pdptes(v, v->s.cr3)) {
    v->exception.pending = false;
    shut_down(v);
  }
}

void smm_resume(struct vcpu *v) {
  struct extra x = {0};
  uint64_t smbase = 0;
  observe(v, VMXSIM_EVENT_smm_leave);
  transfer(v, false, SMBASE, 4, &smbase);
  transfer_all(v, false, &x);
  v->s.smbase = smbase;
  v->s.in_smm = false;
  v->s.blocking_by_nmi = x.flags & EXTRA_NMI_BLOCKED;
  v->s.blocking_by_sti = x.flags & EXTRA_STI;
  v->s.blocking_by_mov_ss = x.flags & EXTRA_MOV_SS;
  v->shadow_is_new = true; /* RSM itself does not end them */
  v->s.rtit_ctl = (v->s.rtit_ctl & ~RTIT_CTL_TRACE_EN) | (x.flags & EXTRA_TRACE ? RTIT_CTL_TRACE_EN : 0);
  v->s.activity = x.halt & 1 ? VMXSIM_HLT : VMXSIM_ACTIVE;
  flags_write(v, (x.rflags & RFLAGS_DEFINED) | RFLAGS_ALWAYS_1);
  v->resume_is_new = x.rflags & RFLAGS_RF;
  v->branch_taken = true;
  vcpu_attend(v, ATTENTION_BOUNDARY | ATTENTION_MODE);
  if (!state_is_good(v)) return shut_down(v);
  vmxsim_vmx_leave_smm(&v->vmx);
  control_set(v, v->s.cr0, v->s.cr3, v->s.cr4, v->s.efer);
  mem_breakpoints_changed(v);
  reload_pdptes(v);
}
