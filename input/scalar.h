/* What a scalar means, by our rules and not by YAML's: 0x10, 0b101, 0o17, 1_000 and -1 are numbers, yes/no/on/off/
 * true/false are bits, everything else is a name. */
#ifndef VMXSIM_INPUT_SCALAR_H
#define VMXSIM_INPUT_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scalar_kind {
  SCALAR_NUMBER,    /* *value has it */
  SCALAR_TOO_WIDE,  /* a number, but of more than the bits there are */
  SCALAR_MALFORMED, /* begins like a number and is none */
  SCALAR_NAME,      /* anything else */
};

/* Reads a number of at most `bits` bits (1 to 64). Negative numbers are in two's complement of that width. */
enum scalar_kind scalar_number(const char *text, size_t length, unsigned bits, uint64_t *value);

/* yes, true, on: 1; no, false, off: 0; in any case of letters. False if it is none of them. */
bool scalar_truth(const char *text, size_t length, uint64_t *value);

/* The largest number of `bits` bits (1 to 64). */
static inline uint64_t scalar_maximum(unsigned bits) {
  return ~UINT64_C(0) >> (64 - bits);
}

#endif
