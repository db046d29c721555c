/* The host: its processors' state, and the VMX instructions that they execute one by one from a page of ours. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "libvmxsim/scenario/runner.h"
#include "vmxsim/assembler.h"

/* '@' is e or r. The address of an operand is in rax; VMREAD and VMWRITE have the encoding there, and the value in rcx.
 * Each begins at a multiple of 16. */
static const char *const op_text[HOST_OPS] = {
    [HOST_VMXON] = "vmxon [@ax]",
    [HOST_VMXOFF] = "vmxoff",
    [HOST_VMCLEAR] = "vmclear [@ax]",
    [HOST_VMPTRLD] = "vmptrld [@ax]",
    [HOST_VMREAD] = "vmread @cx, @ax",
    [HOST_VMWRITE] = "vmwrite @ax, @cx",
    [HOST_VMLAUNCH] = "vmlaunch",
    [HOST_VMRESUME] = "vmresume",
    [HOST_WRMSR] = "wrmsr",
    [HOST_ANY] = "nop", /* whatever host_instruction() puts there */
};

enum { STUB_STRIDE = 16, HANDLERS_OFFSET = 0x1000, FLAG_CARRY = 1, FLAG_ZERO = 1 << 6, NMI_VECTOR = 2 };

bool host_is_32(const struct runner *runner) {
  return runner->scenario->host.mode != MODE_64;
}

/* --- the page --- */

static bool put_code(struct runner *runner, const char *text, uint64_t at, unsigned bits, size_t *size) {
  const struct vmxsim_assembler_options options = {.size = sizeof options, .bits = bits, .origin = at};
  struct vmxsim_assembly *assembly;
  char line[80];
  size_t length = strlen(text);
  if (length >= sizeof line) length = sizeof line - 1;
  for (size_t i = 0; i < length; i++) line[i] = text[i] == '@' ? (bits == 64 ? 'r' : 'e') : text[i];
  if (vmxsim_assemble(line, length, &options, &assembly, runner->error)) return false;
  *size = assembly->pieces[0].size;
  vmxsim_machine_write(runner->machine, at, assembly->pieces[0].bytes, *size);
  vmxsim_assembly_free(assembly);
  return true;
}

/* Exceptions stop here, at a breakpoint; NMIs and interrupts that the host did not ask for are left behind. */
static bool put_handlers(struct runner *runner, unsigned bits) {
  const char *back = bits == 64 ? "iretq" : "iret";
  size_t size;
  for (unsigned vector = 0; vector < 256; vector++) {
    const bool stops = vector < 32 && vector != NMI_VECTOR;
    const uint64_t at = runner->handlers + STUB_STRIDE * vector;
    if (!put_code(runner, stops ? "x: hlt\n jmp x" : back, at, bits, &size)) return false;
    if (stops) vmxsim_machine_set_breakpoint(runner->machine, at, true);
  }
  return true;
}

static bool put_stubs(struct runner *runner) {
  const enum scenario_mode mode = runner->scenario->host.mode;
  const unsigned bits = mode == MODE_64 ? 64 : mode == MODE_16 ? 16 : 32;
  size_t size;
  for (unsigned op = 0; op < HOST_OPS; op++) {
    runner->op_at[op] = runner->stubs + STUB_STRIDE * op;
    if (!put_code(runner, op_text[op], runner->op_at[op], bits, &size)) return false;
    runner->op_end[op] = runner->op_at[op] + size;
    if (!put_code(runner, "hlt", runner->op_end[op], bits, &size)) return false;
  }
  runner->park = runner->stubs + STUB_STRIDE * HOST_OPS;
  return put_code(runner, "x: hlt\n jmp x", runner->park, bits, &size) && put_handlers(runner, bits);
}

unsigned host_handler_of(const struct runner *runner, uint64_t linear) {
  const uint64_t offset = linear - runner->handlers;
  return offset < 256 * STUB_STRIDE && offset % STUB_STRIDE == 0 ? (unsigned)(offset / STUB_STRIDE) : 256;
}

/* --- the processor's state --- */

static uint64_t field(const struct runner *runner, vmxsim_field number) {
  return vmxsim_vmcs_get(&runner->host_fields, number);
}

static struct vmxsim_segment segment(uint64_t selector, uint32_t access_rights, uint64_t base) {
  return (struct vmxsim_segment){(uint16_t)selector, UINT32_MAX, access_rights, base};
}

static void set_segments(const struct runner *runner, struct vmxsim_state *state) {
  const bool is_64 = !host_is_32(runner);
  const uint64_t data = field(runner, VMXSIM_FIELD_host_ds_selector);
  for (unsigned n = 0; n < VMXSIM_SEGMENTS; n++) state->segment[n] = segment(data, 0xc093, 0);
  state->segment[VMXSIM_CS] = segment(field(runner, VMXSIM_FIELD_host_cs_selector), is_64 ? 0xa09b : 0xc09b, 0);
  state->segment[VMXSIM_FS].base = field(runner, VMXSIM_FIELD_host_fs_base);
  state->segment[VMXSIM_GS].base = field(runner, VMXSIM_FIELD_host_gs_base);
  state->ldtr = (struct vmxsim_segment){.access_rights = 0x10000};
  state->tr = segment(field(runner, VMXSIM_FIELD_host_tr_selector), 0x8b, field(runner, VMXSIM_FIELD_host_tr_base));
  state->tr.limit = 0x67;
  state->gdtr = (struct vmxsim_table_register){field(runner, VMXSIM_FIELD_host_gdtr_base), 0xffff};
  state->idtr = (struct vmxsim_table_register){field(runner, VMXSIM_FIELD_host_idtr_base), 0xffff};
}

static void set_real_mode(struct vmxsim_state *state) {
  for (unsigned n = 0; n < VMXSIM_SEGMENTS; n++) {
    state->segment[n] = (struct vmxsim_segment){0, 0xffff, n == VMXSIM_CS ? 0x9b : 0x93, 0};
  }
  state->idtr = (struct vmxsim_table_register){0, 0x3ff};
  state->gpr[VMXSIM_RSP] = STACK;
}

static void set_protected_mode(const struct runner *runner, struct vmxsim_state *state) {
  state->cr0 = field(runner, VMXSIM_FIELD_host_cr0);
  state->cr3 = field(runner, VMXSIM_FIELD_host_cr3);
  state->cr4 = field(runner, VMXSIM_FIELD_host_cr4);
  if (runner->scenario->host.mode == MODE_PAE) state->cr4 |= 1 << 5;
  state->efer = host_is_32(runner) ? 0 : 0x500; /* LME, LMA */
  state->pat = field(runner, VMXSIM_FIELD_host_ia32_pat);
  state->gpr[VMXSIM_RSP] = field(runner, VMXSIM_FIELD_host_rsp);
  set_segments(runner, state);
}

static void load_pdptes(struct runner *runner, struct vmxsim_state *state) {
  if (runner->scenario->host.mode != MODE_PAE) return;
  for (unsigned i = 0; i < 4; i++) {
    uint8_t bytes[8] = {0};
    vmxsim_machine_read(runner->machine, (state->cr3 & 0xffffffe0) + 8 * i, bytes, sizeof bytes);
    memcpy(&state->pdpte[i], bytes, sizeof bytes);
  }
}

static bool set_state(struct runner *runner, unsigned vcpu) {
  vmxsim_vcpu *handle = vmxsim_machine_vcpu(runner->machine, vcpu);
  const struct scenario_code *code = &runner->scenario->host;
  struct vmxsim_state state;
  vmxsim_vcpu_get_state(handle, &state);
  memset(state.gpr, 0, sizeof state.gpr);
  state.rflags = 2;
  state.activity = VMXSIM_ACTIVE;
  state.feature_control = 5; /* locked, VMX outside SMX */
  if (code->mode == MODE_16)
    set_real_mode(&state);
  else
    set_protected_mode(runner, &state);
  load_pdptes(runner, &state);
  state.rip = code->given ? code->start : runner->park;
  if (vmxsim_vcpu_set_state(handle, &state)) return runner_failed(runner, "expected a state that can be set");
  for (size_t i = 0; !vcpu && i < code->register_count; i++) {
    const struct register_value *value = &code->registers[i];
    uint8_t bytes[8];
    memcpy(bytes, &value->value, sizeof bytes);
    vmxsim_vcpu_set_register(handle, value->number, bytes, vmxsim_register_size(value->number));
  }
  return true;
}

void host_park(struct runner *runner, unsigned vcpu) {
  vmxsim_vcpu *handle = vmxsim_machine_vcpu(runner->machine, vcpu);
  struct vmxsim_state state;
  vmxsim_vcpu_get_state(handle, &state);
  state.rip = runner->park;
  state.rflags &= ~UINT64_C(0x200);
  if (state.activity == VMXSIM_ACTIVE) state.activity = VMXSIM_HLT;
  vmxsim_vcpu_set_state(handle, &state);
}

static void choose_fields(struct runner *runner) {
  const struct vmxsim_scenario *scenario = runner->scenario;
  const struct vmxsim_template *template = scenario->vmcs_count ? scenario->vmcss[0].subject.base : NULL;
  const char *usual = host_is_32(runner) ? "32-bit" : "long-mode";
  const bool fits = template && (scenario->host.mode == MODE_64) ==
                                    (vmxsim_vmcs_get(&template->vmcs, VMXSIM_FIELD_vm_exit_controls) >> 9 & 1);
  if (!fits) template = vmxsim_template_find(usual, strlen(usual));
  runner->host_fields = template->vmcs;
}

bool host_prepare(struct runner *runner) {
  const bool real = runner->scenario->host.mode == MODE_16;
  runner->stubs = real ? REAL_STUBS : STUBS;
  runner->handlers = runner->stubs + HANDLERS_OFFSET;
  choose_fields(runner);
  if (!memory_prepare(runner) || !put_stubs(runner)) return false;
  for (unsigned vcpu = 0; vcpu < runner->scenario->vcpus; vcpu++) {
    if (!set_state(runner, vcpu)) return false;
    if (vcpu) host_park(runner, vcpu); /* until a step, or a start-up IPI */
  }
  return true;
}

/* --- one instruction --- */

static bool is_entry(enum host_op op) {
  return op == HOST_VMLAUNCH || op == HOST_VMRESUME;
}

static void set_operands(struct runner *runner, unsigned vcpu, enum host_op op, uint64_t a, uint64_t b,
                         struct vmxsim_state *state) {
  state->rip = runner->op_at[op];
  state->activity = VMXSIM_ACTIVE;
  state->rflags &= ~UINT64_C(0x200);
  if (is_entry(op) || op == HOST_VMXOFF || op == HOST_ANY) return;
  if (op == HOST_VMXON || op == HOST_VMCLEAR || op == HOST_VMPTRLD) {
    const uint64_t at = OPERANDS + 8 * vcpu;
    vmxsim_machine_write(runner->machine, at, &a, sizeof a);
    state->gpr[VMXSIM_RAX] = at;
    return;
  }
  state->gpr[VMXSIM_RAX] = op == HOST_WRMSR ? (uint32_t)b : a;
  state->gpr[VMXSIM_RCX] = op == HOST_WRMSR ? a : b;
  if (op == HOST_WRMSR) state->gpr[VMXSIM_RDX] = b >> 32;
}

/* NMIs and SMIs that come first run through our handlers. */
static void step(struct runner *runner, unsigned vcpu, enum host_op op, struct vmxsim_state *after) {
  vmxsim_vcpu *handle = vmxsim_machine_vcpu(runner->machine, vcpu);
  struct vmxsim_run_result result;
  for (unsigned count = 0; count < 64; count++) {
    vmxsim_vcpu_step(handle, &result);
    vmxsim_vcpu_get_state(handle, after);
    const unsigned handler = host_handler_of(runner, after->rip);
    const bool passing =
        after->in_smm || after->rip == runner->op_at[op] || handler == NMI_VECTOR || (handler >= 32 && handler < 256);
    if (!passing || after->activity == VMXSIM_SHUTDOWN) return;
  }
}

static void classify(const struct runner *runner, enum host_op op, const struct vmxsim_state *after,
                     struct host_result *result) {
  const unsigned vector = host_handler_of(runner, after->rip);
  *result = (struct host_result){.outcome = HOST_ELSEWHERE, .vector = vector};
  if (after->activity == VMXSIM_SHUTDOWN)
    result->outcome = HOST_SHUT_DOWN;
  else if (after->rip == runner->op_end[op])
    result->outcome = HOST_DONE;
  else if (vector < 32)
    result->outcome = HOST_FAULTED;
  if (result->outcome != HOST_DONE || op == HOST_WRMSR) return;
  result->fail_invalid = after->rflags & FLAG_CARRY;
  result->fail_valid = after->rflags & FLAG_ZERO;
  result->value = after->gpr[VMXSIM_RCX];
}

void host_execute(struct runner *runner, unsigned vcpu, enum host_op op, uint64_t a, uint64_t b,
                  struct host_result *result) {
  vmxsim_vcpu *handle = vmxsim_machine_vcpu(runner->machine, vcpu);
  struct vmxsim_state before, state;
  vmxsim_vcpu_get_state(handle, &before);
  state = before;
  set_operands(runner, vcpu, op, a, b, &state);
  vmxsim_vcpu_set_state(handle, &state);
  const bool quiet = runner->quiet;
  runner->quiet = true; /* what an entry injects is an event of its own */
  step(runner, vcpu, op, &state);
  runner->quiet = quiet;
  classify(runner, op, &state, result);
  if (result->outcome != HOST_DONE) return;
  if (op != HOST_ANY) memcpy(state.gpr, before.gpr, sizeof state.gpr);
  state.rip = before.rip;
  state.rflags = before.rflags;
  state.activity = before.activity;
  vmxsim_vcpu_set_state(handle, &state);
}

bool host_instruction(struct runner *runner, unsigned vcpu, const char *text, struct host_result *result) {
  const enum scenario_mode mode = runner->scenario->host.mode;
  const unsigned bits = mode == MODE_64 ? 64 : mode == MODE_16 ? 16 : 32;
  size_t size, unused;
  if (!put_code(runner, text, runner->op_at[HOST_ANY], bits, &size)) return false;
  runner->op_end[HOST_ANY] = runner->op_at[HOST_ANY] + size;
  if (!put_code(runner, "hlt", runner->op_end[HOST_ANY], bits, &unused)) return false;
  host_execute(runner, vcpu, HOST_ANY, 0, 0, result);
  return true;
}

void host_write_field(struct runner *runner, unsigned vcpu, vmxsim_field number, uint64_t value,
                      struct host_result *result) {
  const uint32_t encoding = vmxsim_field_encoding(number);
  const bool halves = host_is_32(runner) && vmxsim_field_has_high_half(number);
  host_execute(runner, vcpu, HOST_VMWRITE, encoding, halves ? (uint32_t)value : value, result);
  if (!halves || result->outcome != HOST_DONE || result->fail_invalid || result->fail_valid) return;
  host_execute(runner, vcpu, HOST_VMWRITE, encoding + 1, value >> 32, result);
}

bool host_read_field(struct runner *runner, unsigned vcpu, vmxsim_field number, uint64_t *value) {
  const uint32_t encoding = vmxsim_field_encoding(number);
  struct host_result result;
  host_execute(runner, vcpu, HOST_VMREAD, encoding, 0, &result);
  if (result.outcome != HOST_DONE || result.fail_invalid || result.fail_valid) return false;
  *value = host_is_32(runner) ? (uint32_t)result.value : result.value;
  if (!host_is_32(runner) || !vmxsim_field_has_high_half(number)) return true;
  host_execute(runner, vcpu, HOST_VMREAD, encoding + 1, 0, &result);
  *value |= result.value << 32;
  return result.outcome == HOST_DONE && !result.fail_invalid && !result.fail_valid;
}
