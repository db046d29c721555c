/* The layout of the XSAVE area as CPUID leaf 0DH tells it. SDM 1, "Managing State Using the XSAVE Feature Set". */
#include "cpu/exec/cpuid_table.h"

enum { LEGACY_AND_HEADER = 512 + 64 };

/* Component 9 lies where processors with AVX-512 have it, as on all that have protection keys; supervisor components
 * are only in the compacted form. */
static const struct {
  uint8_t component;
  uint16_t size, offset;
} components[] = {
    {2, 256, 576},
    {9, 8, 2688},
    {11, 16, 0},
    {12, 24, 0},
};

uint32_t cpuid_xsave_component(unsigned component, uint32_t *offset) {
  *offset = 0;
  for (unsigned i = 0; i < sizeof components / sizeof components[0]; i++) {
    if (components[i].component != component) continue;
    *offset = components[i].offset;
    return components[i].size;
  }
  return 0;
}

uint32_t cpuid_xsave_size(uint64_t mask, bool compacted) {
  uint32_t size = LEGACY_AND_HEADER;
  for (unsigned i = 0; i < sizeof components / sizeof components[0]; i++) {
    if (!((mask >> components[i].component) & 1)) continue;
    const uint32_t end = components[i].offset + (uint32_t)components[i].size;
    size = compacted ? size + components[i].size : end > size ? end : size;
  }
  return size;
}
