/* Snapshots: the whole state of a machine as bytes, and going back to it.
 *
 *   vmxsim_machine_snapshot, run, vmxsim_machine_reset_to, run ...
 *   vmxsim_snapshot_bytes into a file; later, in another process, vmxsim_machine_restore into a machine made alike.
 *
 * What is saved is what the guest could ever notice: processors with their TLBs, local APICs, timers, random numbers,
 * RAM, the devices of vmxsim_pc, and whatever parts the embedder adds. What is decoded or cached is not. A restored
 * machine goes on exactly as the saved one would have. The format is docs/snapshots.md's; it is the same on all hosts.
 *
 * A machine that is restored into has to be configured as the saved one was: processor, number of vCPUs, timing, memory
 * map, contents of ROMs, image, parts. All is checked before anything is changed; vmxsim_machine_error() says what
 * differs or is wrong.
 */
#ifndef VMXSIM_SNAPSHOT_H
#define VMXSIM_SNAPSHOT_H

#include "vmxsim/machine.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vmxsim_snapshot vmxsim_snapshot;

/* VMXSIM_ERROR_ARGUMENT: something that counts has no name (a timer: vmxsim_machine_name_timer()). VMXSIM_ERROR_BUSY,
 * as for the two below: called from a callback of the running machine, where instructions are half done; stop it, and
 * do it behind the run. */
vmxsim_status vmxsim_machine_snapshot(vmxsim_machine *machine, vmxsim_snapshot **snapshot);
void vmxsim_snapshot_free(vmxsim_snapshot *snapshot); /* before or after its machine; NULL is allowed */
/* The bytes for a file; the snapshot's. */
const void *vmxsim_snapshot_bytes(const vmxsim_snapshot *snapshot, size_t *size);

/* Back to a snapshot of this machine. From the one that was made or gone back to last, it touches only pages of RAM
 * that have been written since (by the guest, or by vmxsim_machine_write(); an embedder that writes to memory of its
 * own has to use that). The dirty log counts such pages as written. Errors as below, but for VMXSIM_ERROR_SYNTAX. */
vmxsim_status vmxsim_machine_reset_to(vmxsim_machine *machine, const vmxsim_snapshot *snapshot);

/* From bytes. VMXSIM_ERROR_SYNTAX: not a snapshot, or damaged; VMXSIM_ERROR_SNAPSHOT: of a machine configured in
 * another way, or of another version; VMXSIM_ERROR_MEMORY. Then nothing has changed. */
vmxsim_status vmxsim_machine_restore(vmxsim_machine *machine, const void *bytes, size_t size);

/* Where two snapshots differ, a line each: "vcpu0.registers.rip: 0x1000, 0x1004". *differences (may be NULL) counts
 * them. VMXSIM_ERROR_SYNTAX: one is not a snapshot. Needs no machine. */
typedef void vmxsim_snapshot_difference(void *context, const char *line);
vmxsim_status vmxsim_snapshot_compare(const void *a, size_t a_size, const void *b, size_t b_size,
                                      vmxsim_snapshot_difference *difference, void *context, size_t *differences);

/* --- parts of the embedder's own: devices --- */

typedef bool vmxsim_snapshot_write(void *destination, const void *bytes, size_t size); /* false: no memory */
struct vmxsim_snapshot_part {
  size_t size;      /* sizeof(struct vmxsim_snapshot_part) */
  const char *name; /* printable ASCII without spaces, at most 40 characters; outlives the machine */
  void *context;
  void (*save)(void *context, vmxsim_snapshot_write *write, void *destination);
  /* Whether `restore` can take the bytes; changes nothing. NULL: always. */
  bool (*check)(void *context, const void *bytes, size_t size);
  void (*restore)(void *context, const void *bytes, size_t size);
};
vmxsim_status vmxsim_machine_add_part(vmxsim_machine *machine, const struct vmxsim_snapshot_part *part);

/* What a timer (vmxsim_machine_set_timer()) is called in snapshots; it need not be set yet. `name` as above. */
vmxsim_status vmxsim_machine_name_timer(vmxsim_machine *machine, const char *name, vmxsim_timer *expired,
                                        void *context);

#ifdef __cplusplus
}
#endif
#endif
