/* The instructions that the code of trials is made of. */
#ifndef GUEST_TRIALS_MENU_H
#define GUEST_TRIALS_MENU_H

#include "trials/trial.h"

/* How an instruction goes on after its opcode, what it wants, and what it must not do. */
enum {
  EITHER = 1 << 0,     /* ModRM: register or memory */
  MEMORY = 1 << 1,     /* ModRM: memory */
  REGISTER = 1 << 2,   /* ModRM: register */
  DIGIT = 1 << 3,      /* ModRM's reg is an opcode */
  BYTE = 1 << 4,       /* an immediate byte */
  ZERO = 1 << 5,       /* an immediate byte of 0: the next instruction as a target */
  NEAR = 1 << 6,       /* a displacement of 0 */
  FAR = 1 << 7,        /* selector and offset */
  FRAME = 1 << 8,      /* ENTER's */
  HAS_PREFIX = 1 << 9, /* its first byte is a mandatory prefix */
  NOT_64 = 1 << 10,
  ONLY_64 = 1 << 11,
  MSR = 1 << 12,      /* RCX is one */
  PORT = 1 << 13,     /* DX is one */
  REPEATS = 1 << 14,  /* a string instruction */
  SELECTOR = 1 << 15, /* registers are selectors */
  TIME = 1 << 16,     /* results are not comparable */
  RANDOM_NUMBER = 1 << 17,
  ROOT_REGISTER = 1 << 18, /* to CR3 */
  COUNTER = 1 << 19,
  IMMEDIATE_PORT = 1 << 20,
  PLAIN = 1 << 22,      /* without an operand-size prefix */
  SUPERVISOR = 1 << 23, /* not above CPL 0 */
  NO_REX = 1 << 21,     /* whose bits some processors ignore and others do not */
  WRITES_CX = 1 << 24,
  WRITES_DX = 1 << 25,
  WRITES = WRITES_CX | WRITES_DX, /* any register */
  TO_CR4 = 1 << 26,
  HALTS = 1 << 27,
  SOFTWARE_INTERRUPT = 1 << 28,
};

struct instruction {
  uint8_t opcode[4];
  uint8_t size, digit;
  uint32_t flags;
};

const struct instruction *menu_choose(struct generator *g);

#endif
