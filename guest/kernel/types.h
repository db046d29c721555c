/* The integers of both builds. */
#ifndef GUEST_TYPES_H
#define GUEST_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As wide as a register: 32 or 64 bits. */
typedef unsigned long word;

#endif
