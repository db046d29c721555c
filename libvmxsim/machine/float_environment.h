/* The host's floating-point control while guests run: the defaults, whatever the embedder has set; and back.
 *
 * Handlers count on round-to-nearest, 64-bit significands in the x87 and masked exceptions, and leave them so.
 */
#ifndef VMXSIM_LIBVMXSIM_MACHINE_FLOAT_ENVIRONMENT_H
#define VMXSIM_LIBVMXSIM_MACHINE_FLOAT_ENVIRONMENT_H

#include <fenv.h>

struct float_environment {
  fenv_t host;
};

/* C has it all but in one place: fegetenv() saves MXCSR and the x87 environment, and FE_DFL_ENV is their default. */
static inline struct float_environment float_environment_enter(void) {
  struct float_environment environment;
  fegetenv(&environment.host);
  fesetenv(FE_DFL_ENV);
  return environment;
}

static inline void float_environment_leave(const struct float_environment *environment) {
  fesetenv(&environment->host);
}

#endif
