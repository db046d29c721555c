/* What differs between the 32-bit and the 64-bit build, beside the boot stages. */
#ifndef GUEST_WIDTH_H
#define GUEST_WIDTH_H

#ifdef __x86_64__
#include "kernel/width_64.h"
#else
#include "kernel/width_32.h"
#endif

#endif
