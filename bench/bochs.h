/* Running a disk image on a Bochs binary. */
#ifndef VMXSIM_BENCH_BOCHS_H
#define VMXSIM_BENCH_BOCHS_H

#include <stdbool.h>

/* Writes a configuration: boots `image`, no window, port E9H to standard output. `bios` is the folder with Bochs' BIOS
 * images; NULL: looked for beside the binary, as installed (../share/bochs) or as built (bios). `model` is one of
 * `bochs --help cpu`; NULL: its default. */
bool bochs_configure(const char *file, const char *binary, const char *bios, const char *image, const char *model);

#endif
