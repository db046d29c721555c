/* The keys of a case. */
#ifndef VMXSIM_INPUT_YAML_KEYS_H
#define VMXSIM_INPUT_YAML_KEYS_H

#include <stddef.h>

#define CASE_KEYS(KEY) \
  KEY(vector) \
  KEY(about) \
  KEY(template) \
  KEY(cpu) \
  KEY(instruction) \
  KEY(state) \
  KEY(vmcs) \
  KEY(memory) \
  KEY(breaks) \
  KEY(passes) \
  KEY(also) \
  KEY(expect) \
  KEY(undecided)

enum case_key {
#define KEY(name) CASE_KEY_##name,
  CASE_KEYS(KEY)
#undef KEY
      CASE_KEY_COUNT
};

const char *case_key_name(unsigned key); /* key < CASE_KEY_COUNT */
/* CASE_KEY_COUNT if it is none. */
unsigned case_key_find(const char *name, size_t length);

#endif
