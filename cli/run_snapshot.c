/* Snapshots of vmxsim run, in files. */
#include "cli/run_snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"

static bool write_file(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  const bool written = file && fwrite(bytes, 1, size, file) == size;
  const bool closed = file && fclose(file) == 0;
  if (!written || !closed) complain("%s: %s", path, strerror(errno));
  return written && closed;
}

bool snapshot_to_file(vmxsim_machine *machine, const char *path) {
  vmxsim_snapshot *snapshot;
  size_t size;
  if (vmxsim_machine_snapshot(machine, &snapshot)) {
    complain("%s: %s", path, vmxsim_machine_error(machine));
    return false;
  }
  const void *bytes = vmxsim_snapshot_bytes(snapshot, &size);
  const bool written = write_file(path, bytes, size);
  vmxsim_snapshot_free(snapshot);
  return written;
}

bool snapshot_from_file(vmxsim_machine *machine, const char *path) {
  char *bytes = NULL;
  size_t size;
  if (!read_file(path, &bytes, &size)) return false;
  const vmxsim_status status = vmxsim_machine_restore(machine, bytes, size);
  if (status) complain("%s: %s", path, vmxsim_machine_error(machine));
  free(bytes);
  return !status;
}
