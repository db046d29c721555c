/* The areas of FXSAVE and XSAVE: their layout, and the parts that both write. Private to fxsave.c, xsave.c and whoever
 * reports or initialises extended state (CPUID, INIT). */
#ifndef VMXSIM_CPU_EXEC_XSAVE_H
#define VMXSIM_CPU_EXEC_XSAVE_H

#include "cpu/vcpu.h"

/* State components by bit of XCR0 and IA32_XSS. */
enum xsave_component {
  XSAVE_X87,
  XSAVE_SSE,
  XSAVE_AVX,
  XSAVE_PKRU = 9,
  XSAVE_CET_U = 11,
  XSAVE_CET_S = 12,
  XSAVE_COMPONENTS
};

/* Offsets in the standard format (PKRU where processors with AVX-512 have it), sizes in both. */
enum {
  FXSAVE_SIZE = 512,
  XSAVE_HEADER = 512,
  XSAVE_EXTENDED = 576,
  XSAVE_AVX_SIZE = 256,
  XSAVE_PKRU_OFFSET = 2688,
  XSAVE_PKRU_SIZE = 8,
  XSAVE_CET_U_SIZE = 16,
  XSAVE_CET_S_SIZE = 24,
  XSAVE_MAX = XSAVE_PKRU_OFFSET + XSAVE_PKRU_SIZE,
};

/* Places in the legacy area. */
enum { FXSAVE_MXCSR = 24, FXSAVE_ST = 32, FXSAVE_XMM = 160 };

/* `wide`: with REX.W, where FIP and FDP are 64 bits and there are no selectors. */
void fxsave_put_x87(const struct vcpu *vcpu, bool wide, uint8_t *area); /* bytes 0-23 and 32-159 */
void fxsave_get_x87(struct vcpu *vcpu, bool wide, const uint8_t *area);
/* XMM0-7, in 64-bit mode XMM0-15. */
unsigned fxsave_registers(const struct vcpu *vcpu);
void fxsave_put_xmm(const struct vcpu *vcpu, uint8_t *area);
void fxsave_get_xmm(struct vcpu *vcpu, const uint8_t *area);
void fxsave_put_mxcsr(const struct vcpu *vcpu, uint8_t *area); /* with its mask */

/* Memory in pieces that mem_read_bytes() takes. False: exception pending. */
bool xsave_read(struct vcpu *vcpu, unsigned segment, uint64_t offset, uint8_t *bytes, size_t size);
bool xsave_write(struct vcpu *vcpu, unsigned segment, uint64_t offset, const uint8_t *bytes, size_t size);
/* #GP(0) unless the linear address is so aligned. */
bool xsave_aligned(struct vcpu *vcpu, unsigned segment, uint64_t offset, unsigned alignment);

#endif
