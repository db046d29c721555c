/* The guests that trials begin with: valid, one for each mode. */
#include "kernel/memory.h"
#include "trials/layout.h"
#include "trials/trial.h"

enum { CR0_ET_NE = 0x30, LEGACY_LIMIT = 0xffff };
enum { RFLAGS_V8086 = 0x23002, EFER_IA32E = 0xd00, EFER_NXE = 0x800 };
enum { SAFETY_TIMER = 0x40000 };
#define FLAT_LIMIT 0xffffffffU
#define PAT_AFTER_RESET UINT64_C(0x0007040600070406)

/* Code, stack and data of each kind: selector and access rights. */
static const struct mode {
  uint16_t code, data;
  uint32_t code_rights, data_rights;
} modes[GUEST_KINDS][2] = {
    [GUEST_64] = {{S_CODE64, S_DATA, 0xa09b, 0xc093}, {S_CODE64_3 | 3, S_DATA_3 | 3, 0xa0fb, 0xc0f3}},
    [GUEST_COMPATIBILITY] = {{S_CODE32, S_DATA, 0xc09b, 0xc093}, {S_CODE32_3 | 3, S_DATA_3 | 3, 0xc0fb, 0xc0f3}},
    [GUEST_PAE] = {{S_CODE32, S_DATA, 0xc09b, 0xc093}, {S_CODE32_3 | 3, S_DATA_3 | 3, 0xc0fb, 0xc0f3}},
    [GUEST_LEGACY] = {{S_CODE32, S_DATA, 0xc09b, 0xc093}, {S_CODE32_3 | 3, S_DATA_3 | 3, 0xc0fb, 0xc0f3}},
    [GUEST_V8086] = {{0, 0, 0xf3, 0xf3}, {0, 0, 0xf3, 0xf3}},
    [GUEST_16] = {{S_CODE16, S_DATA16, 0x009b, 0x0093}, {S_CODE16, S_DATA, 0x009b, 0xc093}},
};

static uint32_t limit_of(uint32_t rights) {
  return rights & 0x8000 ? FLAT_LIMIT : LEGACY_LIMIT;
}

static void prepare_segments(struct vmcs_fields *f, const struct mode *mode) {
  f->guest_cs_selector = mode->code;
  f->guest_cs_access_rights = mode->code_rights;
  f->guest_cs_limit = limit_of(mode->code_rights);
#define DATA_SEGMENT(name) \
  f->guest_##name##_selector = mode->data; \
  f->guest_##name##_access_rights = mode->data_rights; \
  f->guest_##name##_limit = limit_of(mode->data_rights)
  DATA_SEGMENT(ss);
  DATA_SEGMENT(ds);
  DATA_SEGMENT(es);
  DATA_SEGMENT(fs);
  DATA_SEGMENT(gs);
#undef DATA_SEGMENT
}

static void prepare_tables(struct vmcs_fields *f) {
  f->guest_gdtr_base = G_GDT;
  f->guest_gdtr_limit = S_END - 1;
  f->guest_idtr_base = G_IDT;
  f->guest_idtr_limit = PAGE - 1;
  f->guest_tr_selector = S_TASK;
  f->guest_tr_base = G_TASK;
  f->guest_tr_limit = G_TASK_LIMIT;
  f->guest_tr_access_rights = 0x8b;
  f->guest_ldtr_selector = S_LDT;
  f->guest_ldtr_base = G_LDT;
  f->guest_ldtr_limit = 0x3f;
  f->guest_ldtr_access_rights = 0x82;
}

static void prepare_control_registers(struct trial *t) {
  struct vmcs_fields *f = &t->vm.fields;
  const bool pae = t->kind != GUEST_LEGACY;
  f->guest_cr0 = CR0_PE | CR0_ET_NE | CR0_WP | CR0_PG;
  f->guest_cr4 = CR4_VMXE | (pae ? CR4_PAE : 0);
  f->guest_cr3 = in_ia32e_mode(t) ? ROOT_LONG : pae ? ROOT_PAE : ROOT_LEGACY;
  f->guest_ia32_efer = in_ia32e_mode(t) ? EFER_IA32E : EFER_NXE;
  f->guest_ia32_pat = PAT_AFTER_RESET;
}

/* Everything that the host needs so that no trial lasts, and so that nothing of the guest's remains. */
static void prepare_controls(struct trial *t) {
  struct vmcs_fields *f = &t->vm.fields;
  const uint64_t wide_host = PAGING_LEVELS == 4;
  f->pin_based_vm_execution_controls = 1U << VMXSIM_BIT_pin_based_activate_vmx_preemption_timer;
  f->vmx_preemption_timer_value = SAFETY_TIMER;
  f->primary_processor_based_vm_execution_controls =
      1U << VMXSIM_BIT_primary_hlt_exiting | 1U << VMXSIM_BIT_primary_cr3_load_exiting;
  f->vm_exit_controls = wide_host << VMXSIM_BIT_vm_exit_host_address_space_size |
                        1U << VMXSIM_BIT_vm_exit_save_debug_controls | 1U << VMXSIM_BIT_vm_exit_save_ia32_efer |
                        1U << VMXSIM_BIT_vm_exit_load_ia32_efer | 1U << VMXSIM_BIT_vm_exit_save_ia32_pat |
                        1U << VMXSIM_BIT_vm_exit_load_ia32_pat;
  f->vm_entry_controls = (uint64_t)in_ia32e_mode(t) << VMXSIM_BIT_vm_entry_ia_32e_mode_guest |
                         1U << VMXSIM_BIT_vm_entry_load_debug_controls | 1U << VMXSIM_BIT_vm_entry_load_ia32_efer |
                         1U << VMXSIM_BIT_vm_entry_load_ia32_pat;
  f->io_bitmap_a_address = IO_BITMAP_A;
  f->io_bitmap_b_address = IO_BITMAP_B;
  f->msr_bitmap_address = MSR_BITMAP;
  f->vm_entry_msr_load_address = ENTRY_LOAD_LIST;
  f->vm_exit_msr_store_address = EXIT_STORE_LIST;
  f->vm_exit_msr_load_address = EXIT_LOAD_LIST;
  f->virtual_apic_address = VIRTUAL_APIC;
  f->vmcs_link_pointer = UINT64_MAX;
}

/* Registers are mostly addresses, so that operands in memory are something. */
static word any_register(struct trial *t) {
  static const uint32_t addresses[] = {G_DATA,          G_DATA + 8,     G_READ_ONLY, G_SUPERVISOR,   G_NO_EXECUTE,
                                       G_NOT_PRESENT,   G_RESERVED_BIT, G_MORE_DATA, G_DATA + 0xffc, G_STACK - 0x60,
                                       WINDOW_SIZE - 4, WINDOW_SIZE,    0x5000000};
  static const uint64_t numbers[] = {0,
                                     1,
                                     2,
                                     0x10,
                                     0x80,
                                     0xff,
                                     0x7fff,
                                     0xffff,
                                     0x80000000,
                                     0xfffff000,
                                     UINT64_C(0x800000000000),
                                     UINT64_C(0xffff800000010000),
                                     ~UINT64_C(0xfff),
                                     UINT64_C(0x100010000)};
  const uint32_t offset = 4 * below(&t->random, 4);
  if (chance(&t->random, 60)) return ANY_OF(&t->random, addresses) + offset;
  if (chance(&t->random, 70)) return (word)ANY_OF(&t->random, numbers);
  return (word)next(&t->random);
}

void guest_prepare(struct trial *t) {
  struct vmcs_fields *f = &t->vm.fields;
  memset(f, 0, sizeof *f);
  /* Outside of IA-32e mode the upper halves are undefined after most instructions. */
  for (unsigned i = 0; i < GPRS; i++)
    t->vm.gpr[i] = any_register(t) & (word)(t->kind == GUEST_64 ? UINT64_MAX : 0xffffffff);
  if (t->vm.gpr[BP] < PAGE) t->vm.gpr[BP] += G_DATA; /* a stack there would wrap around */
  prepare_segments(f, &modes[t->kind][chance(&t->random, 30)]);
  prepare_tables(f);
  prepare_control_registers(t);
  prepare_controls(t);
  f->guest_rflags = t->kind == GUEST_V8086 ? RFLAGS_V8086 : RFLAGS_FIXED;
  f->guest_dr7 = DR7_FIXED;
  f->guest_rsp = G_STACK - 0x80;
  f->guest_rip = G_CODE;
  f->guest_ia32_sysenter_cs = S_CODE64;
  f->guest_ia32_sysenter_esp = G_STACK_0;
  f->guest_ia32_sysenter_eip = G_HANDLERS + 0x100;
}
