/* Waiting for a time. */
#ifndef GUEST_TIMER_H
#define GUEST_TIMER_H

#include "kernel/types.h"

void delay_us(uint32_t microseconds);

#endif
