/* Status codes: what every vmxsim function that can fail returns. */
#ifndef VMXSIM_STATUS_H
#define VMXSIM_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum vmxsim_status {
  VMXSIM_OK = 0,
  VMXSIM_ERROR_ARGUMENT,          /* an argument outside its documented range */
  VMXSIM_ERROR_UNSUPPORTED_FIELD, /* no such VMCS field, or not on this processor */
  VMXSIM_ERROR_READ_ONLY_FIELD,   /* VMWRITE to a VM-exit information field that cannot be written */
  VMXSIM_ERROR_WIDTH,             /* a value wider than its field */
  VMXSIM_ERROR_UNKNOWN_NAME,      /* a name that nothing has */
  VMXSIM_ERROR_AMBIGUOUS_NAME,    /* a name that several things have */
  VMXSIM_ERROR_SYNTAX,            /* text that cannot be read; the message says where */
  VMXSIM_ERROR_LIMIT,             /* input beyond a documented limit */
  VMXSIM_ERROR_MEMORY,            /* the allocator returned NULL */
  VMXSIM_ERROR_FILE,              /* a file that cannot be opened or read */
  VMXSIM_ERROR_GUEST_MEMORY,      /* guest-physical memory that the reader could not give */
  VMXSIM_ERROR_REVISION,          /* a VMCS region with another revision identifier */
  VMXSIM_ERROR_BUSY,              /* not while the machine runs, or an instruction executes */
  VMXSIM_ERROR_SNAPSHOT,          /* a snapshot of a machine configured in another way, or of another version */
  VMXSIM_STATUS_COUNT
} vmxsim_status;

/* A short English phrase for `status`; never NULL. */
const char *vmxsim_status_text(vmxsim_status status);

#ifdef __cplusplus
}
#endif
#endif
