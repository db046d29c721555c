/* Build-time tool: tables that follow from the .def files but that the preprocessor cannot make.
 *
 *   generate_tables groups   which groups of checks read which field
 *   generate_tables names    the index of field names by hash
 *
 * Writes C to standard output.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/context.h"
#include "vmcs/field_names.h"
#include "vmcs/name_index.h"
#include "vmcs/names.h"

static uint64_t groups_with(unsigned first, unsigned count) {
  uint64_t groups = 0;
  for (unsigned group = 0; group < GROUP_COUNT; group++) {
    for (unsigned which = 0; which < group_records[group].count; which++) {
      for (unsigned input = first; input < first + count; input++) {
        if (vmxsim_check_reads(group_records[group].first + which, input)) groups |= UINT64_C(1) << group;
      }
    }
  }
  return groups;
}

static void print_groups(void) {
  printf("/* Generated from the catalog. */\n#include \"checks/context.h\"\n\n");
  printf("const uint64_t groups_reading[VMXSIM_FIELD_COUNT] = {\n");
  for (unsigned field = 0; field < VMXSIM_FIELD_COUNT; field++) {
    printf("  UINT64_C(0x%llx), /* %s */\n", (unsigned long long)groups_with(field, 1), vmxsim_input_name(field));
  }
  printf("};\n");
}

static int compare(const void *left, const void *right) {
  const struct name_entry *a = left, *b = right;
  if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
  return a->place < b->place ? -1 : a->place > b->place;
}

static void print_names(void) {
  static struct name_entry entries[FIELD_NAMES];
  for (unsigned i = 0; i < FIELD_NAMES; i++) {
    entries[i].hash = names_hash(field_names[i].text, strlen(field_names[i].text));
    entries[i].item = field_names[i].field;
    entries[i].place = (uint16_t)i;
  }
  qsort(entries, FIELD_NAMES, sizeof *entries, compare);
  printf("/* Generated from the names of fields. */\n#include \"vmcs/name_index.h\"\n\n");
  printf("const struct name_entry field_name_index[] = {\n");
  for (unsigned i = 0; i < FIELD_NAMES; i++) {
    printf("  {0x%08x, %u, %u},\n", entries[i].hash, entries[i].item, entries[i].place);
  }
  printf("};\n\nconst size_t field_name_index_count = %u;\n", (unsigned)FIELD_NAMES);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "groups") == 0) {
    print_groups();
  } else if (argc == 2 && strcmp(argv[1], "names") == 0) {
    print_names();
  } else {
    fprintf(stderr, "usage: generate_tables groups|names\n");
    return 2;
  }
  return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
