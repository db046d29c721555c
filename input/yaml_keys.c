/* The keys of a case. */
#include "yaml_keys.h"

#include "vmcs/names.h"

static const char *const names[] = {
#define KEY(name) #name,
    CASE_KEYS(KEY)
#undef KEY
};

const char *case_key_name(unsigned key) {
  return names[key];
}

unsigned case_key_find(const char *name, size_t length) {
  unsigned key = 0;
  while (key < CASE_KEY_COUNT && !names_equal(names[key], name, length)) key++;
  return key;
}
