/* Registers by the public face: all at once, or by number. */
#include <ctype.h>
#include <string.h>

#include "cpu/events/events.h"
#include "cpu/exec/flags.h"
#include "cpu/exec/system.h"
#include "cpu/exec/vmx.h"
#include "cpu/exec/x87.h"
#include "cpu/mmu/mmu.h"
#include "cpu/registers.h"
#include "libvmxsim/machine/machine_internal.h"
#include "vmcs/architecture.h"

/* In an instruction, or in a listener's callback: what is set now would be lost or do harm. */
static bool is_busy(const vmxsim_vcpu *vcpu) {
  return vcpu->cpu.current || vcpu->cpu.machine->is_telling;
}

static vmxsim_status busy(vmxsim_vcpu *vcpu) {
  return machine_fail(vcpu->cpu.machine, VMXSIM_ERROR_BUSY, "registers cannot be set while an instruction executes");
}

/* --- the state ---------------------------------------------------------------------------------------------------- */

void vmxsim_vcpu_get_state(vmxsim_vcpu *vcpu, struct vmxsim_state *state) {
  struct vcpu *const v = &vcpu->cpu;
  flags_read(v);
  *state = v->s;
  if (v->current) state->rip = v->block_rip + v->current->offset;
}

vmxsim_status vmxsim_vcpu_set_state(vmxsim_vcpu *vcpu, const struct vmxsim_state *state) {
  struct vcpu *const v = &vcpu->cpu;
  if ((unsigned)state->activity > VMXSIM_MWAIT) return VMXSIM_ERROR_ARGUMENT;
  if (is_busy(vcpu)) return busy(vcpu);
  v->s = *state;
  flags_write(v, state->rflags | 2);
  mmu_flush_all(v, true);
  vcpu_update_mode(v);
  mem_breakpoints_changed(v);
  events_rearm(v);
  return VMXSIM_OK;
}

/* --- x87 to AVX --------------------------------------------------------------------------------------------------- */

vmxsim_status vmxsim_vcpu_get_extended_state(vmxsim_vcpu *vcpu, struct vmxsim_extended_state *state) {
  const struct fpu *const f = &vcpu->cpu.fpu;
  if (state->size != sizeof *state) return VMXSIM_ERROR_ARGUMENT;
  for (unsigned i = 0; i < 8; i++) {
    const struct x87_register *const st = &f->st[(f->top + i) & 7];
    memcpy(state->st[i], &st->significand, 8);
    memcpy(state->st[i] + 8, &st->sign_exponent, 2);
  }
  state->control = f->control;
  state->status = x87_status_word(&vcpu->cpu);
  state->tags = f->tags;
  state->opcode = f->opcode;
  state->instruction = f->instruction;
  state->data = f->data;
  state->instruction_selector = f->instruction_selector;
  state->data_selector = f->data_selector;
  state->mxcsr = f->mxcsr;
  memcpy(state->ymm, f->ymm, sizeof state->ymm);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_set_extended_state(vmxsim_vcpu *vcpu, const struct vmxsim_extended_state *state) {
  struct fpu *const f = &vcpu->cpu.fpu;
  if (state->size != sizeof *state || (state->mxcsr & ~MXCSR_MASK)) return VMXSIM_ERROR_ARGUMENT;
  if (is_busy(vcpu)) return busy(vcpu);
  f->top = state->status >> 11 & 7;
  f->status = (uint16_t)(state->status & ~X87_TOP);
  for (unsigned i = 0; i < 8; i++) {
    struct x87_register *const st = &f->st[(f->top + i) & 7];
    memcpy(&st->significand, state->st[i], 8);
    memcpy(&st->sign_exponent, state->st[i] + 8, 2);
  }
  f->control = state->control;
  f->tags = state->tags;
  f->opcode = state->opcode;
  f->instruction = state->instruction;
  f->data = state->data;
  f->instruction_selector = state->instruction_selector;
  f->data_selector = state->data_selector;
  f->mxcsr = state->mxcsr;
  memcpy(f->ymm, state->ymm, sizeof f->ymm);
  return VMXSIM_OK;
}

/* --- by number ---------------------------------------------------------------------------------------------------- */

enum register_home { IN_STATE, IN_EXTENDED_STATE, IN_MMX, IN_VCPU };

static const struct {
  const char *name;
  uint16_t offset; /* in its struct; the number of an MMX register */
  uint8_t size;
  uint8_t home; /* enum register_home */
} registers[VMXSIM_REGISTERS] = {
#define REGISTER(name, place) REGISTER_PART(name, place, 0, sizeof((struct vmxsim_state *)NULL)->place)
#define REGISTER_EXTENDED(name, place) \
  REGISTER_EXTENDED_PART(name, place, 0, sizeof((struct vmxsim_extended_state *)NULL)->place)
#define REGISTER_PART(name, place, first, size) {#name, offsetof(struct vmxsim_state, place) + (first), size, IN_STATE},
#define REGISTER_EXTENDED_PART(name, place, first, size) \
  {#name, offsetof(struct vmxsim_extended_state, place) + (first), size, IN_EXTENDED_STATE},
#define REGISTER_MMX(name, number) {#name, number, 8, IN_MMX},
#define REGISTER_OF_VCPU(name, size) {#name, 0, size, IN_VCPU},
#include "vmxsim/tables/registers.def"
#undef REGISTER
#undef REGISTER_EXTENDED
#undef REGISTER_PART
#undef REGISTER_EXTENDED_PART
#undef REGISTER_MMX
#undef REGISTER_OF_VCPU
};

const char *vmxsim_register_name(unsigned number) {
  return number < VMXSIM_REGISTERS ? registers[number].name : NULL;
}

size_t vmxsim_register_size(unsigned number) {
  return number < VMXSIM_REGISTERS ? registers[number].size : 0;
}

static bool equal_but_for_case(const char *a, const char *b) {
  for (; *a && tolower((unsigned char)*a) == tolower((unsigned char)*b); a++) b++;
  return *a == *b;
}

vmxsim_status vmxsim_register_find(const char *name, unsigned *number) {
  for (unsigned i = 0; i < VMXSIM_REGISTERS; i++) {
    if (!equal_but_for_case(registers[i].name, name)) continue;
    *number = i;
    return VMXSIM_OK;
  }
  return VMXSIM_ERROR_UNKNOWN_NAME;
}

/* Both kinds of state, of which a register is a part. */
struct both {
  struct vmxsim_state state;
  struct vmxsim_extended_state extended;
};

/* ST(i) is physical register TOP + i. */
static void *find_mmx(struct both *both, unsigned number) {
  const unsigned top = both->extended.status >> 11 & 7;
  return both->extended.st[(number - top) & 7];
}

static void *find(struct both *both, unsigned number) {
  const unsigned offset = registers[number].offset;
  if (registers[number].home == IN_MMX) return find_mmx(both, offset);
  return (registers[number].home == IN_STATE ? (char *)&both->state : (char *)&both->extended) + offset;
}

static void get_both(vmxsim_vcpu *vcpu, struct both *both) {
  both->extended.size = sizeof both->extended;
  vmxsim_vcpu_get_state(vcpu, &both->state);
  vmxsim_vcpu_get_extended_state(vcpu, &both->extended);
}

/* What is the vCPU's own, of 8 bytes. */
static uint64_t get_own(const struct vcpu *v, unsigned number) {
  return number == VMXSIM_REGISTER_cr8 ? exec_tpr_read(v) : timing_tsc(v);
}

static vmxsim_status set_own(vmxsim_vcpu *vcpu, unsigned number, uint64_t value) {
  struct vcpu *const v = &vcpu->cpu;
  if (is_busy(vcpu)) return busy(vcpu);
  if (number == VMXSIM_REGISTER_cr8) {
    if (value > 15) return VMXSIM_ERROR_ARGUMENT;
    exec_tpr_write(v, value);
  } else {
    msr_write(v, MSR_IA32_TIME_STAMP_COUNTER, value);
    events_rearm(v);
  }
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_get_register(vmxsim_vcpu *vcpu, unsigned number, void *bytes, size_t size) {
  struct both both;
  if (number >= VMXSIM_REGISTERS || size != registers[number].size) return VMXSIM_ERROR_ARGUMENT;
  if (registers[number].home == IN_VCPU) {
    const uint64_t value = get_own(&vcpu->cpu, number);
    memcpy(bytes, &value, size);
    return VMXSIM_OK;
  }
  get_both(vcpu, &both);
  memcpy(bytes, find(&both, number), size);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_set_register(vmxsim_vcpu *vcpu, unsigned number, const void *bytes, size_t size) {
  struct both both;
  uint64_t value;
  if (number >= VMXSIM_REGISTERS || size != registers[number].size) return VMXSIM_ERROR_ARGUMENT;
  if (registers[number].home == IN_VCPU) {
    memcpy(&value, bytes, sizeof value);
    return set_own(vcpu, number, value);
  }
  get_both(vcpu, &both);
  memcpy(find(&both, number), bytes, size);
  return registers[number].home == IN_STATE ? vmxsim_vcpu_set_state(vcpu, &both.state)
                                            : vmxsim_vcpu_set_extended_state(vcpu, &both.extended);
}
