/* The command `vmx-random [seed=N] [from=N] [count=N] [verbose]`: random guests, a line for each VM entry on port E9H:
 * many are entered a second time, as the first exit saved them. Two processors that announce the same capabilities have
 * the same lines.
 *
 *   NUMBER KIND CHANGES error N | failed N q Q | exit REASON q QUALIFICATION ev EVENT/CODE idt EVENT/CODE len LENGTH
 *   info INFORMATION gla ADDRESS rip RIP state HASH regs HASH mem HASH
 *    again ...
 */
#include "trials/trials.h"

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "trials/layout.h"
#include "trials/trial.h"

enum { IA32_PAT = 0x277 };

static struct trial trial;
static exit_handler *const no_handlers[EXIT_REASONS];

/* What a guest can change and no VMCS brings back. */
static const uint32_t own_msrs[TRIAL_MSRS] = {0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102, 0xc0000103};
static uint64_t host_efer, host_pat;

static void reset_processor(void) {
  for (unsigned i = 0; i < COUNT_OF(own_msrs); i++) {
    write_msr(own_msrs[i], own_msrs[i] == 0xc0000081 ? UINT64_C(0x0018000800000000) : G_HANDLERS);
  }
  write_msr(IA32_EFER, host_efer);
  write_msr(IA32_PAT, host_pat);
  write_msr(IA32_DEBUGCTL, 0);
#ifdef __x86_64__
  __asm__ volatile("mov %0, %%cr8" : : "r"((word)0));
#endif
  __asm__ volatile("fninit");
}

static void save_msrs(struct trial *t) {
  for (unsigned i = 0; i < TRIAL_MSRS; i++) t->msr[i] = read_msr(own_msrs[i]);
}

#define WRITE_REGISTER(name, value) __asm__ volatile("mov %0, %%" name : : "r"((word)(value)))
#define READ_REGISTER(name, value) __asm__ volatile("mov %%" name ", %0" : "=r"(value))

static void load_debug_registers(const struct trial *t) {
  WRITE_REGISTER("cr2", 0x1234);
  WRITE_REGISTER("dr6", DR6_FIXED);
  WRITE_REGISTER("dr0", t->debug[0]);
  WRITE_REGISTER("dr1", t->debug[1]);
  WRITE_REGISTER("dr2", t->debug[2]);
  WRITE_REGISTER("dr3", t->debug[3]);
}

static void save_debug_registers(struct trial *t) {
  READ_REGISTER("cr2", t->cr2);
  READ_REGISTER("dr6", t->dr6);
  READ_REGISTER("dr0", t->debug[0]);
  READ_REGISTER("dr1", t->debug[1]);
  READ_REGISTER("dr2", t->debug[2]);
  READ_REGISTER("dr3", t->debug[3]);
}

static enum guest_kind choose_kind(struct generator *g) {
  if (sizeof(word) == 8 && chance(g, 60)) return chance(g, 75) ? GUEST_64 : GUEST_COMPATIBILITY;
  return (enum guest_kind)(GUEST_PAE + below(g, GUEST_KINDS - GUEST_PAE));
}

static void make(struct trial *t, uint64_t seed, uint32_t number) {
  t->random.state = seed << 32 | number;
  next(&t->random);
  t->kind = choose_kind(&t->random);
  t->mutations = 0;
  t->reads_time = false;
  for (unsigned i = 0; i < 4; i++) t->debug[i] = G_NOTHING + 0x100 * i;
  memory_restore(t->kind);
  guest_prepare(t);
  change_state(t);
  change_controls(t);
  change_lists(t);
  change_events(t);
  change_tables(t);
  write_code(t);
}

/* The controls that must be 1 where there are TRUE capability MSRs; one that was changed before becomes 0. */
static void complete_controls(struct vmcs_fields *f) {
  f->pin_based_vm_execution_controls ^= 0x16;
  f->primary_processor_based_vm_execution_controls ^= 0x04006172;
  f->vm_exit_controls ^= 0x36dfb & ~UINT64_C(4);
  f->vm_entry_controls ^= 0x11fb & ~UINT64_C(4);
}

static void enter(struct trial *t, bool launched) {
  reset_processor();
  load_debug_registers(t);
  t->result = vm_enter(&t->vm, launched);
  save_debug_registers(t);
  save_msrs(t);
  reset_processor();
}

static void launch(struct trial *t) {
  const struct capabilities *capabilities = &this_vmm()->capabilities;
  complete_controls(&t->vm.fields);
  capture_host_state(&t->vm.fields);
  t->vm.fields.host_ia32_efer = host_efer;
  t->vm.fields.host_ia32_pat = host_pat;
  region_initialize(&t->vm.vmcs, capabilities);
  vmx_clear((word)&t->vm.vmcs);
  vmx_load((word)&t->vm.vmcs);
  vmcs_write(&t->vm.fields, VMCS_CONTROLS | VMCS_GUEST_STATE | VMCS_HOST_STATE, capabilities);
  enter(t, false);
}

bool vmx_random(const struct command_line *line) {
  const uint32_t seed = command_line_number(line, "seed", 1), from = command_line_number(line, "from", 0);
  const uint32_t count = command_line_number(line, "count", 1000);
  const bool verbose = command_line_has(line, "verbose");
  if (!vmm_start()) return false;
  const bool were_on = interrupts_disable();
  host_efer = read_msr(IA32_EFER);
  host_pat = read_msr(IA32_PAT);
  trial.vm.handlers = no_handlers;
  memory_build();
  for (uint32_t number = from; number < from + count; number++) {
    make(&trial, seed, number);
    launch(&trial);
    record(&trial, number, false, verbose);
    if (!resume_prepare(&trial)) continue;
    enter(&trial, true);
    record(&trial, number, true, verbose);
  }
  vmm_stop();
  if (were_on) interrupts_on();
  return true;
}
