#include "vmxsim/status.h"

const char *vmxsim_status_text(vmxsim_status status) {
  switch (status) {
  case VMXSIM_OK: return "success";
  case VMXSIM_ERROR_ARGUMENT: return "argument out of range";
  case VMXSIM_ERROR_UNSUPPORTED_FIELD: return "unsupported VMCS component";
  case VMXSIM_ERROR_READ_ONLY_FIELD: return "read-only VMCS component";
  case VMXSIM_ERROR_WIDTH: return "value too wide for its field";
  case VMXSIM_ERROR_UNKNOWN_NAME: return "unknown name";
  case VMXSIM_ERROR_AMBIGUOUS_NAME: return "ambiguous name";
  case VMXSIM_ERROR_SYNTAX: return "input that cannot be read";
  case VMXSIM_ERROR_LIMIT: return "input beyond a limit";
  case VMXSIM_ERROR_MEMORY: return "out of memory";
  case VMXSIM_ERROR_FILE: return "file that cannot be read";
  case VMXSIM_ERROR_GUEST_MEMORY: return "guest memory that cannot be read";
  case VMXSIM_ERROR_BUSY: return "not while the machine runs";
  case VMXSIM_ERROR_REVISION: return "wrong VMCS revision identifier";
  case VMXSIM_ERROR_SNAPSHOT: return "snapshot of another machine or version";
  case VMXSIM_STATUS_COUNT: break;
  }
  return "unknown status";
}
