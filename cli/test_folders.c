/* How many tests of each folder passed: the table after the results. */
#include "cli/test_folders.h"

#include <stdlib.h>
#include <string.h>

#include "cli/common.h"

static void make_room(struct test_folders *folders) {
  const size_t capacity = folders->capacity ? 2 * folders->capacity : 16;
  struct test_folder *const more = allocate(capacity, sizeof *more);
  if (folders->count) memcpy(more, folders->folder, folders->count * sizeof *more);
  free(folders->folder);
  folders->folder = more;
  folders->capacity = capacity;
}

static struct test_folder *folder_of(struct test_folders *folders, const char *file) {
  const char *const slash = strrchr(file, '/');
  const size_t length = slash ? (size_t)(slash - file) : 0;
  for (size_t n = folders->count; n-- > 0;) {
    struct test_folder *const folder = &folders->folder[n];
    if (strlen(folder->name) == length && !memcmp(folder->name, file, length)) return folder;
  }
  if (folders->count == folders->capacity) make_room(folders);
  struct test_folder *const folder = &folders->folder[folders->count++];
  *folder = (struct test_folder){.name = allocate(length + 1, 1)};
  memcpy(folder->name, file, length);
  folder->name[length] = 0;
  return folder;
}

void test_folders_count(struct test_folders *folders, const char *file, bool passed) {
  struct test_folder *const folder = folder_of(folders, file);
  if (passed)
    folder->passed++;
  else
    folder->failed++;
}

void test_folders_print(const struct test_folders *folders, const struct output *output) {
  size_t width = strlen("folder");
  for (size_t n = 0; n < folders->count; n++) {
    const size_t length = strlen(folders->folder[n].name);
    if (length > width) width = length;
  }
  if (folders->count < 2) return;
  output_styled(output, STYLE_TITLE, "%-*s  passed  failed\n", (int)width, "folder");
  for (size_t n = 0; n < folders->count; n++) {
    const struct test_folder *const folder = &folders->folder[n];
    output_put(output, "%-*s  %6zu  ", (int)width, *folder->name ? folder->name : ".", folder->passed);
    output_styled(output, folder->failed ? STYLE_BAD : STYLE_PLAIN, "%6zu\n", folder->failed);
  }
}

void test_folders_release(struct test_folders *folders) {
  for (size_t n = 0; n < folders->count; n++) free(folders->folder[n].name);
  free(folders->folder);
  folders->folder = NULL;
  folders->count = folders->capacity = 0;
}
