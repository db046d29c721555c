/* Finding a run that makes no progress though it executes: every vCPU that does not wait goes round in a loop.
 *
 * Now and then a look is taken, instruction by instruction, of a share of the time so small that it is not noticed. In
 * its first half the look learns which lines of memory the loops write; then it takes down the state of all vCPUs and
 * these lines, and waits for every vCPU to come back to its state. What lies in between has to depend on nothing but
 * that state: no ports, no devices, no clock, no random numbers, no change of the TLB, no event, and no timer that
 * could bring one. Then it goes on like that for ever. Several vCPUs in loops must not change memory even for a moment,
 * so that it does not matter to any where the others are.
 *
 * A loop longer than a look is not found until later looks, which are longer. Hooks may do anything: none may be
 * called.
 *
 * In VMX non-root operation it is the same, as long as there is no VM exit: its instructions are those that cause none,
 * and what causes one between two instructions is a timer, or pending, or an interrupt whatever RFLAGS.IF is.
 */
#include "libvmxsim/machine/progress.h"

#include <string.h>

#include "cpu/apic/apic.h"
#include "cpu/events/events.h"
#include "cpu/exec/flags.h"
#include "cpu/mmu/mmu.h"
#include "cpu/vcpu_state.h"

#define USUAL_WINDOW UINT64_C(100000000)
enum {
  WINDOWS_GROW = 16,
  LOOKS_SHARE = 1 << 15,
  SHORTEST_LOOK = 2000,
  LINE = sizeof(((struct progress_line *)0)->bytes)
};

/* --- what a loop may consist of ----------------------------------------------------------------------------------- */

/* Their effects follow from the registers and memory alone, and are on nothing else. */
static const struct {
  enum ir_opcode first, last;
} self_contained[] = {
    {IR_MOV, IR_SHLX},       {IR_CLC, IR_UD2}, /* flags, transfers of control */
    {IR_MOVS, IR_STOS},      {IR_LFENCE, IR_SFENCE}, {IR_ENDBR32, IR_ENDBR64},
    {IR_EMMS, IR_VCVTPS2PH}, /* MMX, SSE, AVX; not x87, whose errors are a signal to the outside */
};

/* PAUSE-loop exiting looks at the clock. */
static bool is_timed(const struct vcpu *v, const struct ir_op *op) {
  return op->opcode == IR_PAUSE && vmxsim_vmx_on(&v->vmx, secondary, pause_loop_exiting);
}

static bool is_self_contained(const struct vcpu *v, const struct ir_op *op) {
  if (is_timed(v, op)) return false;
  for (unsigned i = 0; i < sizeof self_contained / sizeof *self_contained; i++)
    if (op->opcode >= self_contained[i].first && op->opcode <= self_contained[i].last) return true;
  return false;
}

static bool is_plain_memory(struct vcpu *v, uint64_t address) {
  const bool is_apic = (v->s.apic_base & 0x800) && ((address ^ v->s.apic_base) & PAGE_MASK) == 0;
  return !is_apic && physical_page(v->machine->memory, address & PAGE_MASK);
}

/* Its number; PROGRESS_LINES: there is no place for one more. */
static unsigned line_at(struct progress *p, uint64_t address) {
  for (unsigned i = 0; i < p->lines; i++)
    if (p->line[i].address == address) return i;
  if (p->phase != PROGRESS_LEARNS || p->lines == PROGRESS_LINES) return PROGRESS_LINES;
  p->line[p->lines].address = address;
  return p->lines++;
}

static void piece_touched(struct progress *p, struct vcpu *v, uint64_t address, size_t size, bool write) {
  for (uint64_t line = address & ~(uint64_t)(LINE - 1); size && line <= address + (size - 1); line += LINE) {
    if (!is_plain_memory(v, line)) p->failed = true;
    if (p->failed || !write) continue;
    const unsigned number = line_at(p, line);
    if (number == PROGRESS_LINES)
      p->failed = true;
    else
      p->written |= UINT64_C(1) << number;
  }
}

static void touched(void *context, struct vcpu *v, const struct mem_touch *touch) {
  struct progress *const p = context;
  piece_touched(p, v, touch->physical[0], touch->first, touch->write);
  piece_touched(p, v, touch->physical[1], touch->size - touch->first, touch->write);
}

/* Whether the lines of a set hold what they held when the state was taken down. */
static bool lines_are_equal(struct machine *machine, uint64_t set) {
  const struct progress *const p = &machine->progress;
  uint8_t bytes[LINE];
  for (unsigned i = 0; i < p->lines; i++) {
    if (!(set >> i & 1)) continue;
    physical_read(machine->memory, p->line[i].address, bytes, LINE);
    if (memcmp(bytes, p->line[i].bytes, LINE)) return false;
  }
  return true;
}

/* --- beginning and ending a look -----------------------------------------------------------------------------------
 */

static void unwatch(struct machine *machine, unsigned vcpus) {
  for (unsigned i = 0; i < vcpus; i++) mem_unwatch(&machine->vcpu[i]->cpu, touched, &machine->progress);
}

static bool watch(struct machine *machine) {
  for (unsigned i = 0; i < machine->vcpus; i++) {
    if (mem_watch_range(&machine->vcpu[i]->cpu, 0, UINT64_MAX, true, touched, &machine->progress)) continue;
    unwatch(machine, i);
    return false;
  }
  return true;
}

static uint64_t first_window(const struct machine *machine) {
  return machine->progress.first_window ? machine->progress.first_window : USUAL_WINDOW;
}

static void look_again_in(struct machine *machine, uint64_t window) {
  struct progress *const p = &machine->progress;
  const uint64_t now = machine_running(machine)->cycles;
  p->window = window;
  p->look_at = window < UINT64_MAX - now ? now + window : UINT64_MAX;
}

/* Windows double as long as nothing is found, and so do looks. */
static uint64_t longer_window(const struct machine *machine) {
  const uint64_t window = machine->progress.window;
  return window / WINDOWS_GROW < first_window(machine) ? 2 * window : window;
}

static uint64_t instructions_in_look(const struct machine *machine) {
  const uint64_t share = machine->progress.window / LOOKS_SHARE;
  return share < SHORTEST_LOOK ? SHORTEST_LOOK : share;
}

static void end_look(struct machine *machine, uint64_t next_window) {
  if (machine->progress.phase != PROGRESS_RESTS) unwatch(machine, machine->vcpus);
  machine->progress.phase = PROGRESS_RESTS;
  look_again_in(machine, next_window);
}

static void begin_look(struct machine *machine) {
  struct progress *const p = &machine->progress;
  if (!watch(machine)) {
    look_again_in(machine, p->window);
    return;
  }
  p->phase = PROGRESS_LEARNS;
  p->failed = false;
  p->lines = 0;
  p->left = instructions_in_look(machine);
}

/* From here on every vCPU has to come back to where it is. */
static void take_down(struct machine *machine) {
  struct progress *const p = &machine->progress;
  p->phase = PROGRESS_COMPARES;
  p->left = instructions_in_look(machine);
  p->interruptible = p->changes_memory = false;
  p->loops = p->returned = 0;
  for (unsigned i = 0; i < p->lines; i++) physical_read(machine->memory, p->line[i].address, p->line[i].bytes, LINE);
  for (unsigned i = 0; i < machine->vcpus; i++) {
    struct vmxsim_vcpu *const vcpu = machine->vcpu[i];
    vcpu_settle(&vcpu->cpu);
    memcpy(&vcpu->taken_down, &vcpu->cpu, sizeof vcpu->taken_down);
    vcpu->taken_down_tlb = mmu_translation_changes(vcpu->cpu.mmu);
    if (vcpu->cpu.s.activity == VMXSIM_ACTIVE) p->loops |= UINT64_C(1) << i;
  }
}

/* --- comparing -----------------------------------------------------------------------------------------------------
 */

static bool elements_are_equal(const struct state_field *field, const uint8_t *a, const uint8_t *b) {
  for (size_t i = 0, at = field->offset; i < field->count; i++, at += field->stride)
    if (memcmp(a + at, b + at, field->width)) return false;
  return true;
}

static bool is_equal(const struct state_table *table, const void *a, const void *b) {
  for (size_t i = 0; i < table->fields; i++)
    if (!elements_are_equal(&table->field[i], a, b)) return false;
  return true;
}

/* The clock is not compared: nothing that the loop may do depends on it. */
static bool is_back(struct vmxsim_vcpu *vcpu) {
  struct vcpu *const v = &vcpu->cpu, *const before = &vcpu->taken_down;
  if (v->s.rip != before->s.rip || memcmp(v->s.gpr, before->s.gpr, sizeof v->s.gpr)) return false;
  if (vcpu->taken_down_tlb != mmu_translation_changes(v->mmu)) return false;
  vcpu_settle(v);
  before->cycles = v->cycles;
  return is_equal(&architectural_state, &before->s, &v->s) && is_equal(&vcpu_state, before, v) &&
         is_equal(&fpu_state, &before->fpu, &v->fpu);
}

/* Interrupts that come can do something to it. Of an MWAIT it is not asked which. */
static bool can_be_interrupted(const struct vcpu *v) {
  return v->vmx.in_non_root || v->s.activity == VMXSIM_MWAIT ||
         (v->s.activity == VMXSIM_HLT && (v->s.rflags & FLAG_IF));
}

/* Nothing is on its way to any vCPU, and nothing will be: they signal nothing to each other. A store to a line that
 * another waits for would have ended its wait by now. */
static bool nothing_will_come(const struct machine *machine) {
  bool interruptible = machine->progress.interruptible;
  bool timed = machine->next_timer != UINT64_MAX;
  for (unsigned i = 0; i < machine->vcpus; i++) {
    const struct vcpu *const v = &machine->vcpu[i]->cpu;
    if (events_any(v) || events_next(v) != UINT64_MAX || apic_has_mail(v->apic)) return false;
    interruptible |= can_be_interrupted(v);
    timed |= apic_next_event(v->apic) != UINT64_MAX;
  }
  return !(interruptible && timed) && machine_timers_only_interrupt(machine) && !machine->asleep;
}

static bool is_proven(struct machine *machine) {
  struct progress *const p = &machine->progress;
  if (p->phase != PROGRESS_COMPARES || p->returned != p->loops || !p->loops) return false;
  const bool alone = !(p->loops & (p->loops - 1));
  return (alone || !p->changes_memory) && nothing_will_come(machine);
}

/* --- one instruction -----------------------------------------------------------------------------------------------
 */

void progress_before(struct machine *machine) {
  struct progress *const p = &machine->progress;
  if (p->phase == PROGRESS_RESTS) begin_look(machine);
  p->written = 0;
  p->instructions = machine->vcpu[machine->running]->instructions;
  p->waits = machine_running(machine)->s.activity != VMXSIM_ACTIVE;
  p->in_non_root = machine_running(machine)->vmx.in_non_root;
}

/* What has been executed, if it was something that a loop may consist of. A vCPU that waits only lets time pass. */
static bool is_in_a_loop(struct machine *machine) {
  struct progress *const p = &machine->progress;
  const struct vmxsim_vcpu *const vcpu = machine->vcpu[machine->running];
  const bool waits = vcpu->cpu.s.activity != VMXSIM_ACTIVE;
  if (vcpu->cpu.vmx.in_non_root != p->in_non_root) return false;
  if (p->failed || p->waits || waits) return !p->failed && p->waits && waits;
  if (vcpu->cpu.s.rflags & FLAG_IF) p->interruptible = true;
  return vcpu->instructions == p->instructions + 1 && is_self_contained(&vcpu->cpu, &vcpu->single[0]);
}

static void compare(struct machine *machine) {
  struct progress *const p = &machine->progress;
  struct vmxsim_vcpu *const vcpu = machine->vcpu[machine->running];
  if (p->written && !lines_are_equal(machine, p->written)) p->changes_memory = true;
  if (p->waits || !is_back(vcpu)) return;
  if (!p->changes_memory || lines_are_equal(machine, UINT64_MAX)) p->returned |= UINT64_C(1) << machine->running;
}

bool progress_has_ended(struct machine *machine) {
  struct progress *const p = &machine->progress;
  if (p->phase == PROGRESS_RESTS) return false;
  if (!is_in_a_loop(machine)) {
    end_look(machine, longer_window(machine));
    return false;
  }
  if (p->phase == PROGRESS_COMPARES) compare(machine);
  if (is_proven(machine)) {
    end_look(machine, first_window(machine));
    return true;
  }
  if (--p->left) return false;
  if (p->phase == PROGRESS_LEARNS)
    take_down(machine);
  else
    end_look(machine, longer_window(machine));
  return false;
}

/* --- runs ----------------------------------------------------------------------------------------------------------
 */

/* A clock may have been set back, by a snapshot. */
void progress_begin_run(struct machine *machine) {
  struct progress *const p = &machine->progress;
  if (!p->window) p->window = first_window(machine);
  if (!p->look_at || p->look_at > machine_running(machine)->cycles + p->window) look_again_in(machine, p->window);
}

void progress_end_run(struct machine *machine) {
  if (machine->progress.phase != PROGRESS_RESTS) end_look(machine, machine->progress.window);
}
