/* Clock and statistics of the benchmarks. */
#ifndef VMXSIM_BENCH_MEASURE_H
#define VMXSIM_BENCH_MEASURE_H

#include <stddef.h>

double now(void);                             /* nanoseconds, from some time on */
double median(double *samples, size_t count); /* sorts them */
/* The yardstick: nanoseconds a round of a loop in which each addition waits for the one before. */
double dependent_add(void);

#endif
