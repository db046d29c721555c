/* The linear addresses that test code works on: some pages of each kind, side by side, below 4 GiB.
 *
 * Around them nothing is mapped. In 16-bit code all segments begin at ARENA_BASE.
 */
#ifndef VMXSIM_TESTS_CONFORMANCE_ARENA_H
#define VMXSIM_TESTS_CONFORMANCE_ARENA_H

#include <stdbool.h>
#include <stdint.h>

enum {
  ARENA_BASE = 0x10000000,
  ARENA_PAGE = 4096,
  ARENA_PAGES = 9,
  ARENA_SIZE = ARENA_PAGES * ARENA_PAGE,
  ARENA_WORDS = ARENA_SIZE / 8,

  ARENA_CODE = ARENA_BASE + ARENA_PAGE, /* two pages, writable, executable */
  ARENA_CODE_END = ARENA_CODE + 2 * ARENA_PAGE,
  ARENA_DATA = ARENA_BASE + 4 * ARENA_PAGE, /* two writable pages, ... */
  ARENA_READ_ONLY = ARENA_BASE + 6 * ARENA_PAGE,
  ARENA_LAST = ARENA_BASE + 7 * ARENA_PAGE, /* ... a read-only one, a writable one */
  ARENA_END = ARENA_BASE + 8 * ARENA_PAGE,
};

struct arena_page {
  bool mapped, writable, executable;
};
extern const struct arena_page arena_pages[ARENA_PAGES];

/* The contents before a case: INT3 in code, values of every format in data; zeros where nothing is mapped. */
void arena_fill(uint8_t image[ARENA_SIZE]);

/* What a case adds to that: its code, its patch, its image. */
struct test_case;
void arena_apply(uint8_t image[ARENA_SIZE], const struct test_case *test);

#endif
