/* String instructions: a round fills 8 MiB with REP STOS (quadwords in the 64-bit build, doublewords in the 32-bit one)
 * and copies them with REP MOVSB.
 */
#include "bench/kernels.h"
#include "kernel/memory.h"

enum { SIZE = 8 << 20 };
#define SOURCE ARENA_ADDRESS
/* Not a power of two away: the two would meet in one entry of a direct-mapped TLB. */
#define DESTINATION (ARENA_ADDRESS + 2 * SIZE + 0x101000)

void strings_prepare(void) {
  memset((void *)ARENA_ADDRESS, 0, 4 * SIZE);
}

static void fill(word value) {
  void *at = (void *)SOURCE;
  size_t count = SIZE / sizeof(word);
#ifdef __x86_64__
  __asm__ volatile("rep stosq" : "+D"(at), "+c"(count) : "a"(value) : "memory");
#else
  __asm__ volatile("rep stosl" : "+D"(at), "+c"(count) : "a"(value) : "memory");
#endif
}

static void copy(void) {
  const void *from = (const void *)SOURCE;
  void *to = (void *)DESTINATION;
  size_t size = SIZE;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

uint64_t strings_run(uint32_t rounds) {
  const volatile uint32_t *const copied = (const uint32_t *)DESTINATION;
  uint64_t checksum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    fill((word)(round + 1) * (word)UINT64_C(0x0101010101010101));
    copy();
    checksum = mix(checksum, copied[0]);
    checksum = mix(checksum, copied[SIZE / 4 - 1]);
  }
  return checksum;
}
