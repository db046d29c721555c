/* The architectural state of one logical processor, as a plain struct.
 *
 * VMX (cpu/vmx/) works on this and on a memory port alone; the processor in cpu/ keeps it inside its vCPU.
 */
#ifndef VMXSIM_STATE_H
#define VMXSIM_STATE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vmxsim_gpr {
  VMXSIM_RAX,
  VMXSIM_RCX,
  VMXSIM_RDX,
  VMXSIM_RBX,
  VMXSIM_RSP,
  VMXSIM_RBP,
  VMXSIM_RSI,
  VMXSIM_RDI,
  VMXSIM_R8,
  VMXSIM_R9,
  VMXSIM_R10,
  VMXSIM_R11,
  VMXSIM_R12,
  VMXSIM_R13,
  VMXSIM_R14,
  VMXSIM_R15,
};

/* In the order of segment numbers in instructions. */
enum vmxsim_segment_number { VMXSIM_ES, VMXSIM_CS, VMXSIM_SS, VMXSIM_DS, VMXSIM_FS, VMXSIM_GS, VMXSIM_SEGMENTS };

/* A segment register with its hidden part. Access rights are in the format of the VMCS (SDM 3C, "Guest Register
 * State"): bits 3:0 type, 4 S, 6:5 DPL, 7 P, 12 AVL, 13 L, 14 D/B, 15 G, 16 unusable. The limit is in bytes. */
struct vmxsim_segment {
  uint16_t selector;
  uint32_t limit;
  uint32_t access_rights;
  uint64_t base;
};

struct vmxsim_table_register {
  uint64_t base;
  uint16_t limit;
};

/* Guest activity states as the VMCS numbers them; MWAIT is a state of its own here. */
enum vmxsim_activity {
  VMXSIM_ACTIVE,
  VMXSIM_HLT,
  VMXSIM_SHUTDOWN,
  VMXSIM_WAIT_FOR_SIPI,
  VMXSIM_MWAIT,
};

/* Machine-check banks: IA32_MCG_CAP counts so many. */
enum { VMXSIM_MC_BANKS = 10 };

struct vmxsim_state {
  uint64_t gpr[16];
  uint64_t rip;
  uint64_t rflags; /* complete only where documented: the processor keeps the arithmetic flags lazily */
  struct vmxsim_segment segment[VMXSIM_SEGMENTS];
  struct vmxsim_segment ldtr, tr;
  struct vmxsim_table_register gdtr, idtr;
  uint64_t cr0, cr2, cr3, cr4, xcr0;
  uint64_t dr[4], dr6, dr7;
  uint64_t pdpte[4]; /* loaded by MOV to CR3 with PAE paging */

  /* MSRs */
  uint64_t efer, star, lstar, cstar, fmask, kernel_gs_base, tsc_aux;
  uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
  uint64_t pat, debugctl, misc_enable, spec_ctrl, xss, pkrs, feature_control, apic_base, smbase;
  uint64_t u_cet, s_cet, pl_ssp[4], interrupt_ssp_table, ssp;
  uint32_t pkru;
  uint64_t mtrr_def_type, mtrr_fix[11], mtrr_base[10], mtrr_mask[10];
  uint64_t mcg_status, ds_area, tsc_offset, tsc_adjust, tsc_deadline, umwait_control, bios_sign_id, power_ctl;
  uint64_t rtit_ctl, rtit_status, rtit_cr3_match, rtit_addr[4]; /* ADDR0_A, ADDR0_B, ADDR1_A, ADDR1_B */
  uint64_t mci_ctl[VMXSIM_MC_BANKS], mci_status[VMXSIM_MC_BANKS], mci_addr[VMXSIM_MC_BANKS], mci_misc[VMXSIM_MC_BANKS];

  enum vmxsim_activity activity;
  bool in_smm;
  bool blocking_by_sti, blocking_by_mov_ss, blocking_by_nmi; /* blocking by SMI is in_smm */
  uint64_t pending_debug; /* pending debug exceptions, in the format of the VMCS field */
};

#ifdef __cplusplus
}
#endif
#endif
