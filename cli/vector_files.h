/* Which files a vector path stands for. */
#ifndef VMXSIM_CLI_VECTOR_FILES_H
#define VMXSIM_CLI_VECTOR_FILES_H

#include <stdbool.h>
#include <stddef.h>

struct file_list {
  char **paths;
  size_t count, capacity;
};

/* Adds a file; or, of a directory and the directories in it, every *.yaml and *.yml, sorted by path. Complains and
 * returns false if something cannot be read. */
bool file_list_add(struct file_list *list, const char *path);
void file_list_free(struct file_list *list);

#endif
