/* What the loaders share. Private to libvmxsim/platform/. */
#ifndef VMXSIM_LIBVMXSIM_PLATFORM_LOADERS_H
#define VMXSIM_LIBVMXSIM_PLATFORM_LOADERS_H

#include "libvmxsim/platform/platform.h"

#define MULTIBOOT_NONE SIZE_MAX

/* Sets how the image is booted from now on, and boots it. */
vmxsim_status image_boot(vmxsim_pc *pc, vmxsim_status (*boot)(vmxsim_pc *pc));
/* The offset of the Multiboot header, MULTIBOOT_NONE if there is none. */
size_t multiboot_find_header(const struct image *image);

#endif
