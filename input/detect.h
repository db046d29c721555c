/* Telling our YAML from logs and lists. */
#ifndef VMXSIM_INPUT_DETECT_H
#define VMXSIM_INPUT_DETECT_H

#include "vmxsim/input.h"

/* VMXSIM_FORMAT_YAML or VMXSIM_FORMAT_TEXT, by the name of the file and by what is in it. */
enum vmxsim_input_format detect_format(const char *name, const char *text, size_t length);

#endif
