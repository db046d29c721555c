/* The configuration of a Bochs that boots the guest's disk. */
#define _DEFAULT_SOURCE
#include "bench/bochs.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BIOS "BIOS-bochs-latest"

static const char *const video_bioses[] = {"VGABIOS-lgpl-latest.bin", "VGABIOS-lgpl-latest",
                                           "VGABIOS-lgpl/VGABIOS-lgpl-latest.bin"};

static bool has(const char *folder, const char *file) {
  char path[4200];
  snprintf(path, sizeof path, "%s/%s", folder, file);
  return access(path, R_OK) == 0;
}

static bool find_bios(const char *binary, char *folder, size_t size) {
  static const char *const places[] = {"../share/bochs", "bios"};
  char copy[4096];
  snprintf(copy, sizeof copy, "%s", binary);
  const char *beside = dirname(copy);
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
    snprintf(folder, size, "%s/%s", beside, places[i]);
    if (has(folder, BIOS)) return true;
  }
  return false;
}

static const char *find_video_bios(const char *folder) {
  for (unsigned i = 0; i < sizeof video_bioses / sizeof *video_bioses; i++) {
    if (has(folder, video_bioses[i])) return video_bioses[i];
  }
  return NULL;
}

bool bochs_configure(const char *file, const char *binary, const char *bios, const char *image, const char *model) {
  char folder[4120];
  if (bios) snprintf(folder, sizeof folder, "%s", bios);
  if (!bios && !find_bios(binary, folder, sizeof folder)) return false;
  const char *video = find_video_bios(folder);
  FILE *out = video ? fopen(file, "w") : NULL;
  if (!out) return false;
  fprintf(out, "config_interface: textconfig\ndisplay_library: nogui\nmegs: 128\n");
  fprintf(out, "romimage: file=\"%s/" BIOS "\"\nvgaromimage: file=\"%s/%s\"\n", folder, folder, video);
  fprintf(out, "boot: floppy\nfloppya: 1_44=\"%s\", status=inserted\n", image);
  if (model) fprintf(out, "cpu: model=%s\n", model);
  fprintf(out, "cpu: count=1, ips=200000000, reset_on_triple_fault=0\nclock: sync=none\n");
  fprintf(out, "com1: enabled=1, mode=null\nport_e9_hack: enabled=1\nlog: /dev/null\n");
  fprintf(out, "panic: action=fatal\nerror: action=ignore\ninfo: action=ignore\ndebug: action=ignore\n");
  return fclose(out) == 0;
}
