/* Finding vector files. */
#define _POSIX_C_SOURCE 200809L
#include "cli/vector_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/common.h"

enum { DEPTH_MAX = 64 };

/* Takes over `path`, which was allocated. */
static void append(struct file_list *list, char *path) {
  if (list->count == list->capacity) {
    const size_t capacity = list->capacity ? 2 * list->capacity : 64;
    char **paths = allocate(capacity, sizeof *paths);
    if (list->count) memcpy(paths, list->paths, list->count * sizeof *paths);
    free(list->paths);
    list->paths = paths;
    list->capacity = capacity;
  }
  list->paths[list->count++] = path;
}

static char *joined(const char *directory, const char *name) {
  const size_t size = strlen(directory) + strlen(name) + 2;
  const bool slash = *directory && directory[strlen(directory) - 1] == '/';
  char *path = allocate(size, 1);
  snprintf(path, size, "%s%s%s", directory, slash ? "" : "/", name);
  return path;
}

static bool is_yaml(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

static bool add_directory(struct file_list *list, const char *path, unsigned depth);

static bool add_entry(struct file_list *list, const char *directory, const char *name, unsigned depth) {
  struct stat about;
  char *path = joined(directory, name);
  bool good = true;
  if (stat(path, &about)) {
    complain("%s: %s", path, strerror(errno));
    good = false;
  } else if (S_ISDIR(about.st_mode)) {
    good = add_directory(list, path, depth + 1);
  } else if (is_yaml(path)) {
    append(list, path);
    return true;
  }
  free(path);
  return good;
}

static bool add_directory(struct file_list *list, const char *path, unsigned depth) {
  DIR *directory = depth <= DEPTH_MAX ? opendir(path) : NULL;
  const struct dirent *entry;
  bool good = true;
  if (!directory) {
    complain("%s: %s", path, depth > DEPTH_MAX ? "directories too deep" : strerror(errno));
    return false;
  }
  while ((entry = readdir(directory))) {
    if (entry->d_name[0] != '.') good &= add_entry(list, path, entry->d_name, depth);
  }
  closedir(directory);
  return good;
}

static int by_path(const void *left, const void *right) {
  return strcmp(*(char *const *)left, *(char *const *)right);
}

bool file_list_add(struct file_list *list, const char *path) {
  struct stat about = {0};
  const size_t before = list->count;
  if (strcmp(path, "-") && stat(path, &about)) {
    complain("%s: %s", path, strerror(errno));
    return false;
  }
  if (!strcmp(path, "-") || !S_ISDIR(about.st_mode)) {
    char *copy = allocate(strlen(path) + 1, 1);
    memcpy(copy, path, strlen(path) + 1);
    append(list, copy);
    return true;
  }
  const bool good = add_directory(list, path, 0);
  if (good && list->count == before) complain("%s: no *.yaml in it", path);
  if (list->count > before) qsort(list->paths + before, list->count - before, sizeof *list->paths, by_path);
  return good && list->count > before;
}

void file_list_free(struct file_list *list) {
  for (size_t n = 0; n < list->count; n++) free(list->paths[n]);
  free(list->paths);
  *list = (struct file_list){NULL, 0, 0};
}
