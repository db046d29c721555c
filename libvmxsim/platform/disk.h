/* The disk: the image and, over it, the sectors that the guest has written. */
#ifndef VMXSIM_LIBVMXSIM_PLATFORM_DISK_H
#define VMXSIM_LIBVMXSIM_PLATFORM_DISK_H

#include "libvmxsim/platform/platform.h"

/* What the image does not have of its last sectors reads as zero. */
void disk_read(const vmxsim_pc *pc, uint64_t sector, uint8_t bytes[SECTOR]);
bool disk_write(vmxsim_pc *pc, uint64_t sector, const uint8_t bytes[SECTOR]); /* false: no memory */
void disk_forget_writes(vmxsim_pc *pc);
vmxsim_status disk_init(vmxsim_pc *pc); /* its part of snapshots */

#endif
