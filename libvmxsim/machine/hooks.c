/* Hooks by address range. Those on execution are called before the block that they are on (code_marks.h), where the run
 * also ends at breakpoints; those on data are cpu/mmu/watch.c's, one a vCPU and hook.
 */
#include "cpu/mmu/mmu.h"
#include "libvmxsim/machine/code_marks.h"

/* --- execution ---------------------------------------------------------------------------------------------------- */

static bool is_within(const struct vmxsim_hook_range *range, uint64_t address) {
  return address >= range->first && address <= range->last;
}

static bool hook_may_be_at(const struct hook *hook, uint64_t physical) {
  if (!hook->hook || !(hook->range.kinds & VMXSIM_HOOK_EXECUTE)) return false;
  return hook->range.is_physical ? is_within(&hook->range, physical)
                                 : offset_is_within(hook->range.first, hook->range.last, physical);
}

bool hooks_may_be_at(const struct machine *machine, uint64_t physical) {
  if (breakpoint_may_be_at(machine, physical)) return true;
  for (unsigned i = 0; machine->code_hooks && i < HOOKS_MAX; i++)
    if (hook_may_be_at(&machine->hooks[i], physical)) return true;
  return false;
}

/* True: it asks for an end of the run. */
static bool call(struct hook *hook, const struct vmxsim_hook_access *access) {
  struct machine *const machine = hook->machine;
  const vmxsim_hook_id id = hook->id;
  machine->progress.failed = true;
  if (hook->hook(hook->context, access) == VMXSIM_HOOK_CONTINUE) return false;
  machine_stop_for(machine, &(struct stop){VMXSIM_STOP_HOOK, access->linear, id});
  return true;
}

static bool call_one(struct hook *hook, struct vmxsim_vcpu *vcpu, uint64_t linear, uint64_t physical) {
  const struct vmxsim_hook_access access = {
      .size = sizeof access, .vcpu = vcpu, .kind = VMXSIM_HOOK_EXECUTE, .linear = linear, .physical = physical};
  return call(hook, &access);
}

/* Whether there was any. */
static bool call_hooks(struct vmxsim_vcpu *vcpu, uint64_t linear, uint64_t physical) {
  struct machine *const machine = vcpu->cpu.machine;
  bool any = false;
  for (unsigned i = 0; machine->code_hooks && i < HOOKS_MAX; i++) {
    struct hook *const hook = &machine->hooks[i];
    if (!hook->hook || !(hook->range.kinds & VMXSIM_HOOK_EXECUTE)) continue;
    if (!is_within(&hook->range, hook->range.is_physical ? physical : linear)) continue;
    call_one(hook, vcpu, linear, physical);
    any = true;
  }
  return any;
}

/* The same instruction again, nothing having been executed in between. */
static bool was_passed(const struct vmxsim_vcpu *vcpu, uint64_t linear) {
  return vcpu->has_passed && vcpu->passed == linear && vcpu->passed_instructions == vcpu->instructions;
}

bool hooks_pass(struct vmxsim_vcpu *vcpu, uint64_t physical) {
  struct vcpu *const v = &vcpu->cpu;
  const uint64_t linear = fetch_linear(v);
  if (v->in_repetition || was_passed(vcpu, linear)) return true;
  vcpu->has_passed = true;
  vcpu->passed = linear;
  vcpu->passed_instructions = vcpu->instructions;
  const bool look_again = call_hooks(vcpu, linear, physical);
  if (v->machine->is_stepping || !breakpoint_is_at(v->machine, linear)) return !look_again;
  machine_stop_for(v->machine, &(struct stop){.reason = VMXSIM_STOP_BREAKPOINT, .address = linear});
  return false;
}

/* --- data --------------------------------------------------------------------------------------------------------- */

static void data_accessed(void *context, struct vcpu *v, const struct mem_touch *touch) {
  struct hook *const hook = context;
  const enum vmxsim_hook_kind kind = touch->write ? VMXSIM_HOOK_WRITE : VMXSIM_HOOK_READ;
  if (!hook->hook || !(hook->range.kinds & kind)) return;
  const struct vmxsim_hook_access access = {.size = sizeof access,
                                            .vcpu = hook->machine->vcpu[v->index],
                                            .kind = kind,
                                            .linear = touch->linear,
                                            .physical = touch->physical[0],
                                            .bytes = touch->size};
  call(hook, &access);
}

static void unwatch(struct machine *machine, const struct hook *hook, unsigned vcpus) {
  for (unsigned i = 0; i < vcpus; i++) mem_unwatch(&machine->vcpu[i]->cpu, data_accessed, hook);
}

static bool watch(struct machine *machine, struct hook *hook) {
  const struct vmxsim_hook_range *const r = &hook->range;
  for (unsigned i = 0; i < machine->vcpus; i++) {
    if (mem_watch_range(&machine->vcpu[i]->cpu, r->first, r->last, r->is_physical, data_accessed, hook)) continue;
    unwatch(machine, hook, i);
    return false;
  }
  return true;
}

/* --- adding and removing ------------------------------------------------------------------------------------------ */

enum {
  KINDS = VMXSIM_HOOK_EXECUTE | VMXSIM_HOOK_READ | VMXSIM_HOOK_WRITE,
  DATA = VMXSIM_HOOK_READ | VMXSIM_HOOK_WRITE
};

/* The end of the list, so that hooks stay in order. */
static struct hook *free_place(struct machine *machine) {
  unsigned end = HOOKS_MAX;
  while (end && !machine->hooks[end - 1].hook) end--;
  if (end < HOOKS_MAX) return &machine->hooks[end];
  for (unsigned i = 0; i < HOOKS_MAX; i++)
    if (!machine->hooks[i].hook) return &machine->hooks[i];
  return NULL;
}

vmxsim_status vmxsim_machine_add_hook(vmxsim_machine *handle, const struct vmxsim_hook_range *range, vmxsim_hook *hook,
                                      void *context, vmxsim_hook_id *id) {
  struct machine *const machine = &handle->machine;
  if (!hook || !range->kinds || (range->kinds & ~(unsigned)KINDS) || range->first > range->last) {
    return machine_fail(machine, VMXSIM_ERROR_ARGUMENT, "a hook is for execution, reads or writes, from first to last");
  }
  struct hook *const place = free_place(machine);
  if (!place) return machine_fail(machine, VMXSIM_ERROR_LIMIT, "there are 64 hooks");
  *place = (struct hook){machine, *range, hook, context, machine->last_hook + 1};
  if ((range->kinds & DATA) && !watch(machine, place)) {
    place->hook = NULL;
    return VMXSIM_ERROR_MEMORY;
  }
  *id = ++machine->last_hook;
  if (!(range->kinds & VMXSIM_HOOK_EXECUTE)) return VMXSIM_OK;
  machine->code_hooks++;
  drop_decoded(machine);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_machine_remove_hook(vmxsim_machine *handle, vmxsim_hook_id id) {
  struct machine *const machine = &handle->machine;
  for (unsigned i = 0; i < HOOKS_MAX; i++) {
    struct hook *const hook = &machine->hooks[i];
    if (!hook->hook || hook->id != id) continue;
    if (hook->range.kinds & DATA) unwatch(machine, hook, machine->vcpus);
    hook->hook = NULL;
    if (!(hook->range.kinds & VMXSIM_HOOK_EXECUTE)) return VMXSIM_OK;
    machine->code_hooks--;
    drop_decoded(machine);
    return VMXSIM_OK;
  }
  return machine_fail(machine, VMXSIM_ERROR_ARGUMENT, "no such hook");
}
