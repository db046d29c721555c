/* The control words of a VMCS and every named bit of them.
 *
 * SDM 3C, chapter "Virtual Machine Control Structures". The table is tables/controls.def.
 */
#ifndef VMXSIM_CONTROLS_H
#define VMXSIM_CONTROLS_H

#include "vmxsim/fields.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum vmxsim_control_word {
#define CONTROL_WORD(word, field, bits, msr, true_msr, term) VMXSIM_WORD_##word,
#define CONTROL(word, bit, name, term)
#include "vmxsim/tables/controls.def"
#undef CONTROL_WORD
#undef CONTROL
  VMXSIM_WORD_COUNT
} vmxsim_control_word;

/* Bit numbers: VMXSIM_BIT_primary_use_msr_bitmaps = 28 and so on. */
enum vmxsim_control_bit {
#define CONTROL_WORD(word, field, bits, msr, true_msr, term)
#define CONTROL(word, bit, name, term) VMXSIM_BIT_##word##_##name = (bit),
#include "vmxsim/tables/controls.def"
#undef CONTROL_WORD
#undef CONTROL
};

/* One named control. */
struct vmxsim_control {
  vmxsim_control_word word;
  unsigned bit;
  const char *name; /* "use_msr_bitmaps" */
  const char *term; /* "Use MSR bitmaps" */
};

size_t vmxsim_control_count(void);
const struct vmxsim_control *vmxsim_control_at(size_t index); /* by word, then bit; NULL past the last */

/* The control at a bit, NULL where the manual names none. */
const struct vmxsim_control *vmxsim_control_find(vmxsim_control_word word, unsigned bit);

/* The control that a name means: "use_msr_bitmaps", "primary.use_msr_bitmaps", the manual's term or a
 * macro name of vmcs/control_aliases.def. VMXSIM_ERROR_AMBIGUOUS_NAME if several words have it. */
vmxsim_status vmxsim_control_from_name(const char *name, size_t length, const struct vmxsim_control **control);
/* The same among the bits of one word. */
vmxsim_status vmxsim_control_in_word(vmxsim_control_word word, const char *name, size_t length,
                                     const struct vmxsim_control **control);
const char *vmxsim_control_alias(const struct vmxsim_control *control, unsigned n, const char **source);
size_t vmxsim_control_nearest(const char *name, size_t length, const char **nearest, size_t max);

const char *vmxsim_control_word_name(vmxsim_control_word word); /* "primary" */
const char *vmxsim_control_word_term(vmxsim_control_word word);
vmxsim_field vmxsim_control_word_field(vmxsim_control_word word);
unsigned vmxsim_control_word_bits(vmxsim_control_word word); /* 32 or 64 */
/* The word that a field is, VMXSIM_WORD_COUNT if it is no control word. */
vmxsim_control_word vmxsim_control_word_of_field(vmxsim_field field);

#ifdef __cplusplus
}
#endif
#endif
