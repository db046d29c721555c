/* A PC around a machine: memory as a PC has it, the devices that boot code and small kernels use, and loaders for
 * images.
 *
 *   vmxsim_machine_create, vmxsim_pc_create, vmxsim_pc_load_..., vmxsim_machine_run until vmxsim_pc_exited(),
 *   vmxsim_machine_destroy, vmxsim_pc_destroy.
 *
 * Devices: 16550 at 3F8H (IRQ 4), debug console E9H, exit port F4H, 8259 pair, 8254, RTC and CMOS, I/O APIC at
 * FEC00000H, ACPI (PM timer, PM1a, reset register, S3), PCI configuration ports of an empty bus, fw_cfg (510H, 511H), a
 * test device (E0H-E3H, 2000H + line, 64 KiB of MMIO at FF000000H), ports 92H and CF9H, a keyboard controller that can
 * reset, the registers of a CRT controller (3D4H, 3D5H). A20 is on; port 92H, the keyboard controller and INT 15H
 * switch it.
 *
 * Memory: RAM up to 3 GiB from 0, the rest from 4 GiB on; 9FC00H-9FFFFH is the EBDA (with the FACS), A0000H-BFFFFH
 * video memory that is plain RAM, E0000H-FFFFFH and FFFE0000H-FFFFFFFFH the ROM (BIOS services in real mode, ACPI
 * tables, MultiProcessor Specification table).
 */
#ifndef VMXSIM_PLATFORM_H
#define VMXSIM_PLATFORM_H

#include "vmxsim/machine.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vmxsim_pc vmxsim_pc;

typedef void vmxsim_pc_output(void *context, uint8_t byte);

/* Zeros mean the default. Begins with its size, so that later versions can add to it. */
struct vmxsim_pc_options {
  size_t size;     /* sizeof(struct vmxsim_pc_options) */
  uint64_t memory; /* bytes of RAM, a multiple of 1 MiB, at least 2 MiB; 0: 128 MiB */
  void *ram;       /* `memory` zeroed bytes of the embedder's, which outlive the machine; NULL: the machine allocates */
  vmxsim_pc_output *serial; /* what the guest sends by the 16550; NULL: nowhere */
  vmxsim_pc_output *debug;  /* ... to the debug console */
  vmxsim_pc_output *screen; /* ... by INT 10H */
  void *output_context;
  uint64_t unix_time; /* of the RTC at cycle 0, in seconds since 1970 (UTC); 0: 2026-01-01 */
};

/* Adds the PC to a machine that has nothing mapped yet and does not run (VMXSIM_ERROR_BUSY). On failure the machine is
 * of no use any more; *pc is NULL, or is to be destroyed after it as ever. */
vmxsim_status vmxsim_pc_create(vmxsim_machine *machine, const struct vmxsim_pc_options *options, vmxsim_pc **pc);
/* After the machine, whose callbacks it is behind. NULL is allowed. */
void vmxsim_pc_destroy(vmxsim_pc *pc);
/* The text of the last error; "" if none. */
const char *vmxsim_pc_error(const vmxsim_pc *pc);

/* Whether the guest wrote to the exit port, which stops the machine (VMXSIM_STOP_REQUEST), and what (in its size). */
bool vmxsim_pc_exited(const vmxsim_pc *pc, uint32_t *value);
/* Whether it switched itself off by ACPI (S5) or by writing "Shutdown" to port 8900H, which stops the machine, too. */
bool vmxsim_pc_powered_off(const vmxsim_pc *pc);

/* A byte arrives at the 16550; VMXSIM_ERROR_LIMIT while its FIFO is full. */
vmxsim_status vmxsim_pc_serial_input(vmxsim_pc *pc, uint8_t byte);
/* Whether software there is about to receive: it has enabled the interrupt of received bytes, or looked at the line
 * status since it last sent a byte or cleared the FIFO. What arrives before, it may well clear. */
bool vmxsim_pc_serial_listens(const vmxsim_pc *pc);
/* A key for INT 16H, as ASCII; VMXSIM_ERROR_LIMIT while its buffer is full. */
vmxsim_status vmxsim_pc_key(vmxsim_pc *pc, uint8_t ascii);

/* --- images: copied. A reset of the guest boots the image anew. VMXSIM_ERROR_BUSY: called from a callback of the
 * running machine --- */

struct vmxsim_pc_boot {
  size_t size;              /* sizeof(struct vmxsim_pc_boot) */
  const char *command_line; /* NULL: empty. For Multiboot as it is to be seen, the image's name first */
  const void *module;       /* NULL: none. A module (Multiboot) */
  size_t module_size;
  const char *module_command_line;
};

/* A Multiboot 1 image: ELF32, ELF64, or with addresses in its header. `boot` may be NULL, here and below.
 * VMXSIM_ERROR_SYNTAX: not such an image, or not well-formed. VMXSIM_ERROR_LIMIT: does not fit into the RAM. */
vmxsim_status vmxsim_pc_load_multiboot(vmxsim_pc *pc, const void *image, size_t size,
                                       const struct vmxsim_pc_boot *boot);
/* An ELF image without a Multiboot header. ELF32 starts in protected mode, without paging, flat segments; ELF64 in
 * 64-bit mode with the first 4 GiB mapped identically; both with interrupts off, and E/RDI pointing to the command
 * line. */
vmxsim_status vmxsim_pc_load_elf(vmxsim_pc *pc, const void *image, size_t size, const struct vmxsim_pc_boot *boot);
/* Bytes at an address, started at their first one: in real mode (below 1 MiB), or as ELF32 and ELF64 images are. */
enum vmxsim_pc_mode { VMXSIM_PC_MODE_16, VMXSIM_PC_MODE_32, VMXSIM_PC_MODE_64 };
vmxsim_status vmxsim_pc_load_flat(vmxsim_pc *pc, const void *image, size_t size, uint64_t address,
                                  enum vmxsim_pc_mode mode);
/* A boot sector, or a floppy or disk image that begins with one: to 7C00H in real mode, with DL = 0 (up to 2.88 MB) or
 * 80H. INT 10H, 11H, 12H, 13H, 15H, 16H, 1AH are there; what is written stays beside `image`. */
vmxsim_status vmxsim_pc_load_disk(vmxsim_pc *pc, const void *image, size_t size);

enum vmxsim_pc_image { VMXSIM_PC_UNKNOWN, VMXSIM_PC_MULTIBOOT, VMXSIM_PC_ELF, VMXSIM_PC_DISK };
/* What an image looks like: Multiboot before ELF before a boot sector's 55H AAH; but a boot sector with a Multiboot
 * header behind it is a disk with a kernel on it. */
enum vmxsim_pc_image vmxsim_pc_detect(const void *image, size_t size);

#ifdef __cplusplus
}
#endif
#endif
