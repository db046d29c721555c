/* What the exit qualification holds, out of tables/exit_qualifications.def. */
#include "vmxsim/exits.h"

static const struct vmxsim_exit_qualification qualifications[] = {
#define QUALIFICATION_BITS(reason, layout, when) {reason, VMXSIM_LAYOUT_##layout, "", when},
#define QUALIFICATION_NUMBER(reason, what, when) {reason, VMXSIM_LAYOUT_COUNT, what, when},
#include "vmxsim/tables/exit_qualifications.def"
#undef QUALIFICATION_BITS
#undef QUALIFICATION_NUMBER
};

const struct vmxsim_exit_qualification *vmxsim_exit_qualification(uint32_t reason, size_t n) {
  for (size_t i = 0; i < sizeof qualifications / sizeof *qualifications; i++) {
    if (qualifications[i].reason == reason && n-- == 0) return &qualifications[i];
  }
  return NULL;
}
