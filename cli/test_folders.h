/* How many tests of each folder passed. */
#ifndef VMXSIM_CLI_TEST_FOLDERS_H
#define VMXSIM_CLI_TEST_FOLDERS_H

#include "cli/output.h"

/* Results of the files of one folder. */
struct test_folder {
  char *name;
  size_t passed, failed;
};

/* In the order in which they came. */
struct test_folders {
  struct test_folder *folder;
  size_t count, capacity;
};

void test_folders_count(struct test_folders *folders, const char *file, bool passed);
/* A table, but of one folder: totals say it all. */
void test_folders_print(const struct test_folders *folders, const struct output *output);
void test_folders_release(struct test_folders *folders);

#endif
