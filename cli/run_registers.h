/* What vmxsim run shows of processors that have come to an end. */
#ifndef VMXSIM_CLI_RUN_REGISTERS_H
#define VMXSIM_CLI_RUN_REGISTERS_H

#include "cli/elf_symbols.h"
#include "vmxsim/machine.h"

/* The registers of each, where it is, and the instructions from there on, to the standard error. */
void print_all_vcpus(vmxsim_machine *machine, const struct elf_symbols *symbols);

#endif
