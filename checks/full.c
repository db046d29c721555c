/* The catalog compiled to straight code, for inputs of which everything is known: one function a group, one bit of its
 * result a check. partial.c is the same catalog for everything else. */
#include "checks/context.h"
#include "checks/expansion.h"
#include "checks/terms.h"

#define F(name) (field[INPUT_##name])
#define CAP(name) (cap->name)
#define CPU(name) (cpu->item[VMXSIM_PROCESSOR_##name])
#define MEMORY_READ(kind, address, size) (context_read_little_endian(x, (address), (size)))
#define ENTRY_MSR (x->entry.index)
#define ENTRY_RESERVED (x->entry.reserved)
#define ENTRY_DATA (x->entry.data)

/* clang-format off */
#define TERM(extra, expression) (expression)
#define WHEN(...) (EACH(TERM, SEPARATE_AND, , __VA_ARGS__))
#define FAILS(...) (EACH(TERM, SEPARATE_AND, , __VA_ARGS__))

/* __COUNTER__ numbers the checks of a group from 0. */
#define OPEN_GROUP(name, guard) \
  static uint64_t full_##name(struct check_context *x) { \
    enum { base = __COUNTER__ + 1 }; \
    const uint64_t *const field = x->field; \
    const struct vmxsim_capabilities *const cap = x->capabilities; \
    const struct vmxsim_processor_state *const cpu = x->input->state; \
    uint64_t broken = 0; \
    (void)field, (void)cap, (void)cpu; \
    if (!(guard)) return 0;
#define GROUP(name, outcome, number, section, guard) OPEN_GROUP(name, guard)
#define GROUP_OF_MSR_LOAD(name, section, guard) OPEN_GROUP(name, guard)
#define CHECK(id, rule, reads, when, fails, says, hint) \
  broken |= (uint64_t)((when) && (fails)) << (__COUNTER__ - base);
#define END_GROUP(name) \
  return broken; \
  }
#include "checks/catalog.def"
#include "checks/catalog_undef.h"

full_group *const full_groups[GROUP_COUNT] = {
#define GROUP(name, outcome, number, section, guard) full_##name,
#define GROUP_OF_MSR_LOAD(name, section, guard) full_##name,
#define CHECK(id, rule, reads, when, fails, says, hint)
#define END_GROUP(name)
#include "checks/catalog.def"
#include "checks/catalog_undef.h"
};
/* clang-format on */
