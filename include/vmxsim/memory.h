/* The memory of a machine: what is mapped at which guest-physical address, and reaching it from outside.
 *
 * Addresses and sizes of mappings are multiples of 4096 bytes; a later mapping covers earlier ones. All functions may
 * be called from callbacks.
 */
#ifndef VMXSIM_MEMORY_H
#define VMXSIM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmxsim/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vmxsim_machine vmxsim_machine;
typedef struct vmxsim_vcpu vmxsim_vcpu;

/* --- the map -------------------------------------------------------------------------------------------------------
 */

enum vmxsim_memory_kind {
  VMXSIM_RAM,
  VMXSIM_ROM, /* writes of the guest are ignored */
};

/** Maps `size` bytes of RAM or ROM at `address`.
 *
 * @param host  The bytes, which stay the embedder's and must outlive the mapping. NULL: the machine allocates zeroed
 *              memory, which it keeps until it is destroyed (at most 64 times a machine: VMXSIM_ERROR_LIMIT).
 *
 * The embedder may read `host` whenever the machine does not run, and write what holds no code; what holds code is
 * written by vmxsim_machine_write(), which drops what was decoded from it.
 *
 * Errors: VMXSIM_ERROR_ARGUMENT (address or size), VMXSIM_ERROR_MEMORY.
 */
vmxsim_status vmxsim_machine_map(vmxsim_machine *machine, uint64_t address, uint64_t size, enum vmxsim_memory_kind kind,
                                 void *host);

/* A device's answer. `address` is relative to the mapping's first byte; `size` is 1, 2, 4 or 8 bytes; other accesses
 * come in pieces. It may call vmxsim_machine_stop(): the run ends behind the instruction. */
typedef uint64_t vmxsim_mmio_read(void *context, uint64_t address, unsigned size);
typedef void vmxsim_mmio_write(void *context, uint64_t address, unsigned size, uint64_t value);

/** Maps a device: every access to the range calls one of the two functions, neither of which may be NULL. */
vmxsim_status vmxsim_machine_map_mmio(vmxsim_machine *machine, uint64_t address, uint64_t size, vmxsim_mmio_read *read,
                                      vmxsim_mmio_write *write, void *context);

/** Takes away what is mapped there, if anything. */
vmxsim_status vmxsim_machine_unmap(vmxsim_machine *machine, uint64_t address, uint64_t size);

/** Makes RAM of ROM, or ROM of RAM. VMXSIM_ERROR_GUEST_MEMORY: not all of it is mapped as one of the two. On failure
 * nothing has changed. */
vmxsim_status vmxsim_machine_protect(vmxsim_machine *machine, uint64_t address, uint64_t size,
                                     enum vmxsim_memory_kind kind);

/* --- what is not mapped --------------------------------------------------------------------------------------------
 */

enum vmxsim_unmapped {
  VMXSIM_UNMAPPED_ONES,     /* reads as ones, ignores writes: what a PC's bus does. The default */
  VMXSIM_UNMAPPED_CALLBACK, /* as a device that is everywhere; `address` is the guest-physical one */
  VMXSIM_UNMAPPED_STOP,     /* as ONES, and the run ends behind the instruction: VMXSIM_STOP_UNMAPPED */
};

/** Chooses what happens when a processor accesses memory where nothing is mapped. `read` and `write` are for
 * VMXSIM_UNMAPPED_CALLBACK, neither NULL; ignored otherwise. */
vmxsim_status vmxsim_machine_set_unmapped(vmxsim_machine *machine, enum vmxsim_unmapped choice, vmxsim_mmio_read *read,
                                          vmxsim_mmio_write *write, void *context);

/* --- from outside --------------------------------------------------------------------------------------------------
 */

/** Reads or writes guest-physical memory of any address and size. Devices' callbacks are called; a write to ROM
 * changes it. VMXSIM_ERROR_GUEST_MEMORY: not all of it is mapped, and nothing was read or written. */
vmxsim_status vmxsim_machine_read(vmxsim_machine *machine, uint64_t address, void *bytes, size_t size);
vmxsim_status vmxsim_machine_write(vmxsim_machine *machine, uint64_t address, const void *bytes, size_t size);

/** One bit a page, set if it was written since the log was last cleared (by the guest, a device, or from outside).
 * `bits` has room for size / 4096 bits, rounded up to words; unmapped pages and devices are 0. */
vmxsim_status vmxsim_machine_dirty_log(vmxsim_machine *machine, uint64_t address, uint64_t size, uint64_t *bits,
                                       bool clear);

/* --- linear addresses ----------------------------------------------------------------------------------------------
 */

/* How a walk of the paging structures ends. SDM 3A, "Determination of Access Rights", "Page-Fault Exceptions". */
enum vmxsim_walk_end {
  VMXSIM_WALK_MAPPED,
  VMXSIM_WALK_NOT_CANONICAL,
  VMXSIM_WALK_NOT_PRESENT,      /* `entry` has P = 0 */
  VMXSIM_WALK_RESERVED_BIT,     /* `entry` has a reserved bit set */
  VMXSIM_WALK_SUPERVISOR_PAGE,  /* user-mode access to it */
  VMXSIM_WALK_READ_ONLY,        /* R/W = 0 on the way */
  VMXSIM_WALK_EXECUTE_DISABLED, /* XD = 1 on the way */
  VMXSIM_WALK_SMEP,             /* supervisor-mode fetch from a user page */
  VMXSIM_WALK_SMAP,             /* supervisor-mode access to a user page */
  VMXSIM_WALK_PROTECTION_KEY,
  VMXSIM_WALK_NO_SHADOW_STACK,
  VMXSIM_WALK_UNMAPPED, /* translated, but nothing is mapped at `physical` */
  VMXSIM_WALK_ENDS
};

/** A short English phrase; never NULL. */
const char *vmxsim_walk_end_text(enum vmxsim_walk_end end);

/* Bits. What is not said is as the processor does it now: reading, at its CPL. */
enum vmxsim_walk_access {
  VMXSIM_WALK_WRITE = 1,
  VMXSIM_WALK_EXECUTE = 2,
  VMXSIM_WALK_SUPERVISOR = 4,
  VMXSIM_WALK_USER = 8
};

struct vmxsim_walk {
  enum vmxsim_walk_end end;
  uint64_t linear;
  uint64_t physical;  /* of `linear`; valid where page_size is not 0, also if the access is refused */
  uint64_t page_size; /* bytes; 0: no page was found */
  unsigned level;     /* of the last entry looked at: 1 page table ... 5 PML5; 0: none (paging off, not canonical) */
  uint64_t entry;     /* its value */
  uint64_t entry_address; /* guest-physical; with PAE paging and level 3 a register, and 0 */
  unsigned entry_size;    /* 4 or 8 bytes */
  uint32_t error_code;    /* of the page fault that the access would get */
};

/** Translates a linear address by the vCPU's paging structures in memory, its TLB aside, without any side effect.
 * `access`: enum vmxsim_walk_access. VMXSIM_ERROR_GUEST_MEMORY unless it ends with VMXSIM_WALK_MAPPED; *walk is
 * filled in either way. */
vmxsim_status vmxsim_vcpu_walk(vmxsim_vcpu *vcpu, uint64_t linear, unsigned access, struct vmxsim_walk *walk);

/** The same for debuggers, whatever the page's permissions: VMXSIM_ERROR_GUEST_MEMORY if there is no page. */
vmxsim_status vmxsim_vcpu_translate(vmxsim_vcpu *vcpu, uint64_t linear, uint64_t *physical);

/** Reads or writes memory at a linear address as a debugger does: whatever the permissions of the pages. On
 * VMXSIM_ERROR_GUEST_MEMORY nothing was read or written, and *failure (may be NULL) says where and why. */
vmxsim_status vmxsim_vcpu_read_linear(vmxsim_vcpu *vcpu, uint64_t linear, void *bytes, size_t size,
                                      struct vmxsim_walk *failure);
vmxsim_status vmxsim_vcpu_write_linear(vmxsim_vcpu *vcpu, uint64_t linear, const void *bytes, size_t size,
                                       struct vmxsim_walk *failure);

#ifdef __cplusplus
}
#endif
#endif
