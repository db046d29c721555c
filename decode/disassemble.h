/* Instructions as text, in Intel syntax: for people only. */
#ifndef VMXSIM_DECODE_DISASSEMBLE_H
#define VMXSIM_DECODE_DISASSEMBLE_H

#include <stddef.h>
#include <stdint.h>

/* One instruction of 16-, 32- or 64-bit code. `address` is where it begins; what the processor lacks is shown, too. Its
 * length in bytes; 0: these bytes are none, and `text` says "(bad)". */
size_t decode_disassemble(unsigned bits, uint64_t address, const uint8_t *bytes, size_t count, char *text, size_t size);

#endif
