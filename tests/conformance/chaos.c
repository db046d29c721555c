#include "tests/conformance/chaos.h"

#include <stdlib.h>
#include <string.h>

#include "tests/conformance/values.h"
#include "vmxsim/machine.h"

/* The guest's memory, between guards that have to stay as they are. */
enum {
  GUARD = 4096,
  RAM = 0x200000,
  PAGE_DIRECTORY = 0x1000,
  PML4 = 0x2000,
  PDPT = 0x3000,
  LONG_DIRECTORY = 0x4000,
  GDT = 0x5000,
  TSS = 0x5800,
  IDT_LONG = 0x6000,
  IDT_SHORT = 0x7000,
  HANDLER = 0x7c00,
  CODE = 0x8000,
  STACK = 0x9000,
  DATA = 0xa000,
  IMAGE = 0x10000,
  GUARD_BYTE = 0xa5
};

/* Selectors by privilege: code and data of each width. */
enum {
  CODE_16_SELECTOR = 0x08,
  CODE_32_SELECTOR = 0x10,
  CODE_64_SELECTOR = 0x18,
  DATA_SELECTOR = 0x20,
  USER = 0x20,
  TSS_SELECTOR = 0x50
};

struct chaos {
  vmxsim_machine *machine;
  struct vmxsim_state reset;
  uint8_t *memory; /* guard, RAM, guard */
  uint8_t *ram;
  uint8_t tables[IMAGE]; /* what is in the first bytes for every run */
  uint8_t image[IMAGE];  /* of these bytes, as a run finds them */
};

const char *chaos_mode_name(enum chaos_mode mode) {
  static const char *const names[] = {"real",         "16-bit protected", "32-bit protected",
                                      "virtual-8086", "compatibility",    "64-bit"};
  return names[mode];
}

/* --- what is in memory ------------------------------------------------------------------------------------------- */

static void put(struct chaos *chaos, uint32_t at, uint64_t value, unsigned size) {
  memcpy(chaos->tables + at, &value, size);
}

static void put_descriptors(struct chaos *chaos) {
  static const uint64_t kinds[] = {0x00009b000000ffff, 0x00cf9b000000ffff, 0x00af9b000000ffff, 0x00cf93000000ffff};
  const uint64_t user = UINT64_C(3) << 45;
  for (uint32_t i = 0; i < 4; i++) {
    put(chaos, GDT + CODE_16_SELECTOR + 8 * i, kinds[i], 8);
    put(chaos, GDT + CODE_16_SELECTOR + USER + 8 * i, kinds[i] | user, 8);
  }
  put(chaos, GDT + TSS_SELECTOR, UINT64_C(0x8b) << 40 | (uint64_t)TSS << 16 | 0x2000, 8);
  put(chaos, TSS + 4, STACK + 0x800, 8); /* RSP0, or ESP0 and SS0 */
  put(chaos, TSS + 8, DATA_SELECTOR, 4);
}

/* Every vector goes to a handler that returns, which bytes that fault use up the budget with. */
static void put_handlers(struct chaos *chaos) {
  const uint64_t gate = UINT64_C(0xee00) << 32;
  for (uint32_t vector = 0; vector < 256; vector++) {
    put(chaos, vector * 4, HANDLER, 4);
    put(chaos, IDT_SHORT + vector * 8, gate | CODE_32_SELECTOR << 16 | HANDLER, 8);
    put(chaos, IDT_LONG + vector * 16, gate | CODE_64_SELECTOR << 16 | HANDLER, 8);
  }
  put(chaos, HANDLER, 0xcf, 1); /* IRET, which error codes make a fault of */
}

/* The first 4 MiB and some more onto RAM, for user code too. */
static void put_page_tables(struct chaos *chaos) {
  enum { ALL = 7, LARGE = 0x80 };
  put(chaos, PAGE_DIRECTORY, ALL | LARGE, 4);
  put(chaos, PML4, PDPT | ALL, 8);
  put(chaos, PDPT, LONG_DIRECTORY | ALL, 8);
  for (uint32_t i = 0; i < 4; i++) put(chaos, LONG_DIRECTORY + 8 * i, (uint64_t)i << 21 | ALL | LARGE, 8);
}

static void fill_image(struct chaos *chaos, struct rng *rng) {
  memcpy(chaos->image, chaos->tables, IMAGE);
  for (uint32_t at = DATA; at < DATA + 0x1000; at += 64) value_vector(rng, chaos->image + at, 64);
}

/* --- the processor ----------------------------------------------------------------------------------------------- */

static struct vmxsim_segment segment(uint16_t selector, uint32_t limit, uint32_t rights) {
  return (struct vmxsim_segment){selector, limit, rights, 0};
}

static void set_flat(struct vmxsim_state *s, uint16_t code, uint32_t rights, bool privileged) {
  const uint16_t more = privileged ? 0 : USER | 3;
  const uint32_t level = privileged ? 0 : 3 << 5;
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++)
    s->segment[i] = segment(DATA_SELECTOR + more, UINT32_MAX, 0xc093 | level);
  s->segment[VMXSIM_CS] =
      segment((uint16_t)(code + more), rights & 0x4000 || rights & 0x2000 ? UINT32_MAX : 0xffff, rights | level);
}

static void set_short_segments(struct vmxsim_state *s, uint32_t rights) {
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++) s->segment[i] = segment(0, 0xffff, rights);
}

static void set_mode(struct vmxsim_state *s, enum chaos_mode mode, bool privileged) {
  enum {
    PE = 1,
    NE = 0x20,
    PG_PE = 0x80000001u & 0x7fffffff,
    LONG = 0xd01,
    PAE = 0x20,
    PSE = 0x10,
    SSE = 0x40600,
    VM = 1 << 17,
    V86_RIGHTS = 0xf3
  };
  const uint64_t paging = UINT64_C(0x80000000) | PG_PE | NE;
  const bool is_long = mode == CHAOS_COMPATIBILITY || mode == CHAOS_64;
  s->cr0 = mode == CHAOS_REAL ? NE : mode == CHAOS_PROTECTED_16 ? PE | NE : paging;
  s->cr4 = SSE | PSE | (is_long ? PAE : 0);
  s->cr3 = is_long ? PML4 : PAGE_DIRECTORY;
  s->efer = is_long ? LONG : 0;
  s->xcr0 = 7;
  s->gdtr = (struct vmxsim_table_register){GDT, 0x7f};
  s->idtr = (struct vmxsim_table_register){is_long ? IDT_LONG : mode == CHAOS_REAL ? 0 : IDT_SHORT, 0xfff};
  s->tr = segment(TSS_SELECTOR, 0x2000, 0x8b);
  s->tr.base = TSS;
  s->ldtr.access_rights = 0x10000;
  switch (mode) {
  case CHAOS_REAL: set_short_segments(s, 0x93); break;
  case CHAOS_VIRTUAL_8086:
    set_short_segments(s, V86_RIGHTS);
    s->rflags |= VM | (privileged ? 0x3000 : 0); /* IOPL 3 */
    break;
  case CHAOS_PROTECTED_16: set_flat(s, CODE_16_SELECTOR, 0x9b, privileged); break;
  case CHAOS_64: set_flat(s, CODE_64_SELECTOR, 0xa09b, privileged); break;
  default: set_flat(s, CODE_32_SELECTOR, 0xc09b, privileged); break;
  }
}

static void set_registers(struct vmxsim_state *s, struct rng *rng) {
  for (unsigned i = 0; i < 16; i++) {
    const uint64_t pointer = DATA + rng_below(rng, 0x1000);
    s->gpr[i] = rng_chance(rng, 500) ? pointer : value_integer(rng);
  }
  s->gpr[VMXSIM_RSP] = STACK + 0x400;
  s->rip = CODE;
  s->rflags = 2 | (rng_next(rng) & 0x8d5) | (rng_chance(rng, 50) ? 0x100 : 0) | (rng_chance(rng, 500) ? 0x200 : 0);
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static bool start_machine(struct chaos *chaos) {
  const struct vmxsim_machine_options options = {.size = sizeof options};
  if (vmxsim_machine_create(&options, &chaos->machine) != VMXSIM_OK) return false;
  if (vmxsim_machine_map(chaos->machine, 0, RAM, VMXSIM_RAM, chaos->ram) != VMXSIM_OK) return false;
  vmxsim_vcpu_get_state(vmxsim_machine_vcpu(chaos->machine, 0), &chaos->reset);
  return true;
}

struct chaos *chaos_create(void) {
  struct chaos *chaos = calloc(1, sizeof *chaos);
  if (!chaos) return NULL;
  chaos->memory = malloc(GUARD + RAM + GUARD);
  if (chaos->memory) {
    memset(chaos->memory, GUARD_BYTE, GUARD + RAM + GUARD);
    chaos->ram = chaos->memory + GUARD;
    memset(chaos->ram, 0, RAM);
    put_page_tables(chaos);
    put_descriptors(chaos);
    put_handlers(chaos);
    if (start_machine(chaos)) return chaos;
  }
  chaos_destroy(chaos);
  return NULL;
}

void chaos_destroy(struct chaos *chaos) {
  if (!chaos) return;
  vmxsim_machine_destroy(chaos->machine);
  free(chaos->memory);
  free(chaos);
}

static bool guards_hold(const struct chaos *chaos) {
  for (unsigned i = 0; i < GUARD; i++) {
    if (chaos->memory[i] != GUARD_BYTE || chaos->memory[GUARD + RAM + i] != GUARD_BYTE) return false;
  }
  return true;
}

bool chaos_run(struct chaos *chaos, enum chaos_mode mode, bool privileged, uint64_t seed, const uint8_t *code,
               size_t size) {
  enum { CODE_MAX = 256, CYCLES = 100 };
  struct rng rng = {seed};
  struct vmxsim_state s = chaos->reset;
  struct vmxsim_run_result result;
  fill_image(chaos, &rng);
  memcpy(chaos->image + CODE, code, size < CODE_MAX ? size : CODE_MAX);
  /* Through the machine, which forgets what it had decoded there. */
  vmxsim_machine_write(chaos->machine, 0, chaos->image, IMAGE);
  set_registers(&s, &rng);
  set_mode(&s, mode, privileged);
  if (vmxsim_vcpu_set_state(vmxsim_machine_vcpu(chaos->machine, 0), &s) != VMXSIM_OK) return false;
  vmxsim_machine_run(chaos->machine, CYCLES, &result);
  return guards_hold(chaos);
}
