/* The registers of a vCPU: the whole architectural state at once (state.h), x87 to AVX state, or one by one, by number
 * or name, as debuggers want them.
 */
#ifndef VMXSIM_REGISTERS_H
#define VMXSIM_REGISTERS_H

#include <stddef.h>

#include "vmxsim/state.h"
#include "vmxsim/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vmxsim_machine vmxsim_machine;
typedef struct vmxsim_vcpu vmxsim_vcpu;

/** The whole architectural state, RFLAGS complete. Inside a callback of an instruction, RIP is that instruction's. */
void vmxsim_vcpu_get_state(vmxsim_vcpu *vcpu, struct vmxsim_state *state);
/** Sets it, and flushes the TLB. Nothing is checked but what would harm the library: a state that no processor can be
 * in behaves in some way. VMXSIM_ERROR_ARGUMENT: `activity` is none. VMXSIM_ERROR_BUSY: called while an instruction
 * executes (from a data hook, a device, an event); nothing was changed. */
vmxsim_status vmxsim_vcpu_set_state(vmxsim_vcpu *vcpu, const struct vmxsim_state *state);

/* x87, MMX, SSE and AVX registers, as XSAVE has them. */
struct vmxsim_extended_state {
  size_t size;                /* sizeof(struct vmxsim_extended_state): set before either call */
  uint8_t st[8][10];          /* ST(0) to ST(7); the low 8 bytes of physical register n are MMn */
  uint16_t control;           /* FCW */
  uint16_t status;            /* FSW, TOP included */
  uint8_t tags;               /* abridged: bit n is 1 if physical register n is not empty */
  uint16_t opcode;            /* FOP */
  uint64_t instruction, data; /* FIP, FDP */
  uint16_t instruction_selector, data_selector;
  uint32_t mxcsr;
  uint8_t ymm[16][32]; /* the low 16 bytes are XMMn */
};
/** VMXSIM_ERROR_ARGUMENT: `size` is not of this version; reserved bits of MXCSR. VMXSIM_ERROR_BUSY as above. */
vmxsim_status vmxsim_vcpu_get_extended_state(vmxsim_vcpu *vcpu, struct vmxsim_extended_state *state);
vmxsim_status vmxsim_vcpu_set_extended_state(vmxsim_vcpu *vcpu, const struct vmxsim_extended_state *state);

/* --- by number -----------------------------------------------------------------------------------------------------
 */

/* VMXSIM_REGISTER_rax and so on: tables/registers.def. Numbers stay; new ones are added at the end. There are all of
 * state.h but what blocks events and `in_smm`, which are not registers, and tsc_offset, which `tsc` sets; and all of
 * the struct above. */
enum vmxsim_register {
#define REGISTER(name, place) VMXSIM_REGISTER_##name,
#define REGISTER_EXTENDED(name, place) VMXSIM_REGISTER_##name,
#define REGISTER_PART(name, place, first, size) VMXSIM_REGISTER_##name,
#define REGISTER_EXTENDED_PART(name, place, first, size) VMXSIM_REGISTER_##name,
#define REGISTER_MMX(name, number) VMXSIM_REGISTER_##name,
#define REGISTER_OF_VCPU(name, size) VMXSIM_REGISTER_##name,
#include "vmxsim/tables/registers.def"
#undef REGISTER
#undef REGISTER_EXTENDED
#undef REGISTER_PART
#undef REGISTER_EXTENDED_PART
#undef REGISTER_MMX
#undef REGISTER_OF_VCPU
  VMXSIM_REGISTERS
};

const char *vmxsim_register_name(unsigned number); /* "rax"; NULL past the last */
size_t vmxsim_register_size(unsigned number);      /* in bytes, 1 to 32; 0 past the last */
/** VMXSIM_ERROR_UNKNOWN_NAME. Letters of either case. */
vmxsim_status vmxsim_register_find(const char *name, unsigned *number);

/** The register's bytes, the lowest first. `size` is vmxsim_register_size(); else VMXSIM_ERROR_ARGUMENT. Setting has
 * the errors of vmxsim_vcpu_set_state(). A part ("eax", "ah", "xmm0", "mm0") leaves the rest of its register alone. CR8
 * is what MOV CR8 has, the TPR or in VMX non-root operation the virtual TPR; VMXSIM_ERROR_ARGUMENT: above 15. The TSC
 * is set as by WRMSR, with IA32_TSC_ADJUST. */
vmxsim_status vmxsim_vcpu_get_register(vmxsim_vcpu *vcpu, unsigned number, void *bytes, size_t size);
vmxsim_status vmxsim_vcpu_set_register(vmxsim_vcpu *vcpu, unsigned number, const void *bytes, size_t size);

#ifdef __cplusplus
}
#endif
#endif
