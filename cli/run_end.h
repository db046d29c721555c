/* How vmxsim run ends: what it says, and its exit status. */
#ifndef VMXSIM_CLI_RUN_END_H
#define VMXSIM_CLI_RUN_END_H

#include "cli/elf_symbols.h"
#include "vmxsim/platform.h"

/* The exit status: the guest's own, or one of ours, with the registers of every processor. */
int run_end(vmxsim_machine *machine, const vmxsim_pc *pc, bool qemu_exit, const struct elf_symbols *symbols,
            const struct vmxsim_run_result *result);

#endif
