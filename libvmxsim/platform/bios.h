/* The services of the BIOS: where they are in the ROM and by which port each traps to bios.c. Private to
 * libvmxsim/platform/. */
#ifndef VMXSIM_LIBVMXSIM_PLATFORM_BIOS_H
#define VMXSIM_LIBVMXSIM_PLATFORM_BIOS_H

#include <stdint.h>

/* In the order of their ports, from BIOS_PORT on. */
enum bios_service {
  BIOS_RESET,     /* the reset vector */
  BIOS_VIDEO,     /* INT 10H */
  BIOS_EQUIPMENT, /* 11H */
  BIOS_MEMORY,    /* 12H */
  BIOS_DISK,      /* 13H */
  BIOS_SYSTEM,    /* 15H */
  BIOS_KEYBOARD,  /* 16H */
  BIOS_REBOOT,    /* 18H, 19H */
  BIOS_TIME,      /* 1AH */
  BIOS_TICK,      /* IRQ 0 */
  BIOS_SERVICES
};

enum {
  BIOS_PORT = 0xb0,
  BIOS_SEGMENT = 0xf000,
  BIOS_STUBS = 0xe000, /* of the services, 16 bytes each */
  BIOS_IRET = 0xe200,
  BIOS_EOI_MASTER = 0xe210,
  BIOS_EOI_SLAVE = 0xe220,
};

static inline uint16_t bios_stub(enum bios_service service) {
  return (uint16_t)(BIOS_STUBS + 16 * service);
}

#endif
