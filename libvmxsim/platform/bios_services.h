/* The services of the BIOS, as bios.c dispatches them: v is in the stub, its registers are those of the caller. Private
 * to libvmxsim/platform/.
 */
#ifndef VMXSIM_LIBVMXSIM_PLATFORM_BIOS_SERVICES_H
#define VMXSIM_LIBVMXSIM_PLATFORM_BIOS_SERVICES_H

#include "libvmxsim/platform/platform.h"

enum { BIOS_EQUIPMENT_WORD = 0x0021 /* a floppy drive, 80x25 */, BIOS_BASE_MEMORY_KIB = 639 };
enum { BIOS_COLUMNS = 80, BIOS_ROWS = 25 };

void bios_video(vmxsim_pc *pc, struct vcpu *v);
void bios_equipment(struct vcpu *v);
void bios_memory(struct vcpu *v);
void bios_disk(vmxsim_pc *pc, struct vcpu *v);
void bios_system(vmxsim_pc *pc, struct vcpu *v);
void bios_keyboard(vmxsim_pc *pc, struct vcpu *v);
void bios_time(vmxsim_pc *pc, struct vcpu *v);
void bios_tick(vmxsim_pc *pc);

/* --- bios_registers.c: registers and flags of the caller --- */

uint8_t bios_low(const struct vcpu *v, unsigned gpr); /* AL, CL, DL, BL */
uint8_t bios_high(const struct vcpu *v, unsigned gpr);
uint16_t bios_word(const struct vcpu *v, unsigned gpr);
void bios_set_low(struct vcpu *v, unsigned gpr, uint8_t value);
void bios_set_high(struct vcpu *v, unsigned gpr, uint8_t value);
void bios_set_word(struct vcpu *v, unsigned gpr, uint16_t value);
void bios_set_dword(struct vcpu *v, unsigned gpr, uint32_t value);
/* segment:offset as a physical address. */
uint64_t bios_address(const struct vcpu *v, unsigned segment, uint16_t offset);
/* Sets or clears a flag in the FLAGS that the stub's IRET will load. */
void bios_return_flag(vmxsim_pc *pc, const struct vcpu *v, unsigned flag, bool value);

#endif
