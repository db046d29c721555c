/* The code in the ROM: real-mode stubs that trap by an OUT to a port of ours and return, the interrupt handlers of the
 * BIOS, and the reset vector.
 */
#include "libvmxsim/platform/bios.h"
#include "libvmxsim/platform/platform.h"

#include <string.h>

static void put_code(vmxsim_pc *pc, uint16_t offset, const uint8_t *code, size_t size) {
  memcpy(pc->rom + BIOS_OFFSET + offset, code, size);
}

static void put_service(vmxsim_pc *pc, enum bios_service service) {
  const uint8_t code[] = {
      0xe6, (uint8_t)(BIOS_PORT + service), /* out port, al */
      0xcf,                                 /* iret */
  };
  put_code(pc, bios_stub(service), code, sizeof code);
}

/* Traps again after each interrupt for as long as the answer is CF = 1: no key yet. */
static void put_keyboard(vmxsim_pc *pc) {
  static const uint8_t code[] = {
      0xfb,                            /*        sti */
      0xe6, BIOS_PORT + BIOS_KEYBOARD, /* again: out port, al */
      0x73, 0x03,                      /*        jnc done */
      0xf4,                            /*        hlt */
      0xeb, 0xf9,                      /*        jmp again */
      0xcf,                            /* done:  iret */
  };
  put_code(pc, bios_stub(BIOS_KEYBOARD), code, sizeof code);
}

static void put_tick(vmxsim_pc *pc) {
  static const uint8_t code[] = {
      0xe6, BIOS_PORT + BIOS_TICK, /* out port, al */
      0xcd, 0x1c,                  /* int 1ch */
      0x50,                        /* push ax */
      0xb0, 0x20,                  /* mov al, 20h */
      0xe6, 0x20,                  /* out 20h, al */
      0x58,                        /* pop ax */
      0xcf,                        /* iret */
  };
  put_code(pc, bios_stub(BIOS_TICK), code, sizeof code);
}

/* Stays halted until what was deferred moves the processor elsewhere. */
static void put_halting(vmxsim_pc *pc, enum bios_service service) {
  const uint8_t code[] = {
      0xfa,                                 /* cli */
      0xe6, (uint8_t)(BIOS_PORT + service), /* out port, al */
      0xf4,                                 /* hlt */
      0xeb, 0xfd,                           /* jmp to the hlt */
  };
  put_code(pc, bios_stub(service), code, sizeof code);
}

static void put_interrupt_ends(vmxsim_pc *pc) {
  static const uint8_t iret[] = {0xcf};
  static const uint8_t master[] = {0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf};            /* EOI to the master, iret */
  static const uint8_t slave[] = {0x50, 0xb0, 0x20, 0xe6, 0xa0, 0xe6, 0x20, 0x58, 0xcf}; /* to both */
  put_code(pc, BIOS_IRET, iret, sizeof iret);
  put_code(pc, BIOS_EOI_MASTER, master, sizeof master);
  put_code(pc, BIOS_EOI_SLAVE, slave, sizeof slave);
}

static void put_reset_vector(vmxsim_pc *pc) {
  const uint16_t to = bios_stub(BIOS_RESET);
  const uint8_t code[] = {0xea, (uint8_t)to, (uint8_t)(to >> 8), 0x00, 0xf0}; /* jmp f000:to */
  put_code(pc, 0xfff0, code, sizeof code);
  memcpy(pc->rom + BIOS_OFFSET + 0xfff5, "01/01/26", 8);
  pc->rom[BIOS_OFFSET + 0xfffe] = 0xfc; /* an AT */
}

void bios_write_rom(vmxsim_pc *pc) {
  for (unsigned i = 0; i < BIOS_SERVICES; i++) put_service(pc, (enum bios_service)i);
  put_keyboard(pc);
  put_tick(pc);
  put_halting(pc, BIOS_RESET);
  put_halting(pc, BIOS_REBOOT);
  put_interrupt_ends(pc);
  put_reset_vector(pc);
}
