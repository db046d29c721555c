/* The command `vmx=many`: several VMs on each processor, all processors at once; then one of the VMs goes around all
 * processors.
 */
#include "kernel/blocks.h"
#include "kernel/console.h"
#include "kernel/processors.h"
#include "kernel/tasks.h"
#include "vmm/examples.h"
#include "vmm/guests.h"
#include "vmm/vm.h"

enum { VMS = 2, TURNS = 8, WORK_STEPS = 1000 };

static struct task tasks[PROCESSORS_MAX];
static struct vm vms[PROCESSORS_MAX][VMS];
static bool went_well[PROCESSORS_MAX];

/* A turn ends with it. */
static bool on_vmcall(struct vm *vm) {
  (void)vm;
  vm_skip_instruction();
  return false;
}

static exit_handler *const handlers[EXIT_REASONS] = {[VMXSIM_EXIT_vmcall] = on_vmcall};

/* What guest_work does, in C. */
static uint32_t result_after(uint32_t seed, uint32_t turns) {
  for (uint32_t turn = 0; turn < turns; turn++) {
    for (uint32_t step = WORK_STEPS; step; step--) seed = seed * 0x19660d + step;
  }
  return seed;
}

static uint32_t seed_of(uint32_t processor, uint32_t vm) {
  return processor * VMS + vm + 1;
}

static bool begin_all(uint32_t processor) {
  bool good = true;
  for (uint32_t i = 0; i < VMS; i++) {
    struct vm *vm = &vms[processor][i];
    vm_create(vm, guest_work, handlers);
    vm->gpr[BX] = seed_of(processor, i);
    good &= vm_begin(vm);
  }
  return good;
}

/* A VMCS stays on its processor, launched, while others are current. */
static void take_turns(void *argument) {
  const uint32_t processor = (uint32_t)(word)argument;
  bool good = vmm_start() && begin_all(processor);
  for (uint32_t turn = 0; good && turn < TURNS; turn++) {
    for (uint32_t i = 0; i < VMS; i++) good &= vm_load(&vms[processor][i]) && vm_run(&vms[processor][i]);
  }
  for (uint32_t i = 0; good && i < VMS; i++) good &= vm_unload(&vms[processor][i]);
  went_well[processor] = good;
}

static void stop(void *unused) {
  (void)unused;
  vmm_stop();
}

static void on_each_processor(void (*function)(void *)) {
  for (uint32_t i = 0; i < system_block.started; i++) task_dispatch(&tasks[i], function, (void *)(word)i, i);
  for (uint32_t i = 0; i < system_block.started; i++) task_wait(&tasks[i]);
}

static bool report(uint32_t processor) {
  bool good = went_well[processor];
  for (uint32_t i = 0; i < VMS; i++) {
    const uint32_t result = (uint32_t)vms[processor][i].gpr[BX];
    print("processor %u, VM %u: %u turns, result %x\n", processor, i, (uint32_t)TURNS, result);
    good &= result == result_after(seed_of(processor, i), TURNS);
  }
  return good;
}

static bool turn_of_traveller(struct vm *vm) {
  return vm_load(vm) && vm_run(vm) && vm_unload(vm);
}

/* VMCLEAR on the processor that it leaves, VMPTRLD and VMLAUNCH on the next. */
static bool travel(struct vm *vm) {
  const uint32_t home = this_processor()->index;
  bool good = true;
  print("VM 0 on the way:");
  for (uint32_t step = 1; good && step <= system_block.started; step++) {
    task_move((home + step) % system_block.started);
    good = turn_of_traveller(vm);
    print(" %u", this_processor()->index);
  }
  const uint32_t result = (uint32_t)vm->gpr[BX];
  print(", result %x\n", result);
  return good && result == result_after(seed_of(0, 0), TURNS + system_block.started);
}

bool vmx_many(void) {
  processors_start();
  on_each_processor(take_turns);
  bool good = true;
  for (uint32_t i = 0; i < system_block.started; i++) good &= report(i);
  good = good && travel(&vms[0][0]);
  on_each_processor(stop);
  print("vmx=many: %u processors, %s\n", system_block.started, good ? "done" : "failed");
  return good;
}
