/* Snapshots of vmxsim run, in files. */
#ifndef VMXSIM_CLI_RUN_SNAPSHOT_H
#define VMXSIM_CLI_RUN_SNAPSHOT_H

#include "vmxsim/snapshot.h"

/* They complain and return false. */
bool snapshot_to_file(vmxsim_machine *machine, const char *path);
bool snapshot_from_file(vmxsim_machine *machine, const char *path);

#endif
