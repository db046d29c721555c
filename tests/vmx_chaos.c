#include "tests/vmx_chaos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvmxsim/machine/machine_internal.h"
#include "vmcs/architecture.h"
#include "vmxsim/vmxsim.h"

/* Physical addresses. The templates' descriptor tables are at 2000H to 4FFFH, for the host 2^47 higher. */
enum {
  RAM = 0x200000,
  TSS = 0x2000,
  GDT = 0x3000,
  IDT = 0x4000,
  HANDLER = 0x8000,
  HOST_EXIT = 0x9000,  /* VMRESUME, again and again */
  HOST_START = 0x9100, /* VMXON, VMCLEAR, VMPTRLD */
  POINTERS = 0x9800,
  HOST_STACK = 0xf000,
  GUEST_PML4 = 0x10000,
  HOST_PML4 = 0x11000,
  PDPT = 0x12000,
  DIRECTORY = 0x13000,
  VMXON_REGION = 0x20000,
  VMCS_REGION = 0x21000,
  GUEST_CODE = 0x100000,
  BUDGET = 500
};

struct vmx_chaos {
  vmxsim_machine *machine;
  struct vmxsim_vcpu *vcpu;
  uint8_t *ram;
  uint8_t image[RAM];        /* of the RAM when the VMCS is loaded */
  struct vmxsim_state state; /* of the processor then: VMLAUNCH comes next */
  struct vmxsim_vmx vmx;     /* of its VMX operation */
  uint64_t entries, failures, exits;
  char complaint[300];
};

const char *vmx_chaos_complaint(const struct vmx_chaos *chaos) {
  return chaos->complaint;
}

void vmx_chaos_counts(const struct vmx_chaos *chaos, uint64_t *entries, uint64_t *failures, uint64_t *exits) {
  *entries = chaos->entries;
  *failures = chaos->failures;
  *exits = chaos->exits;
}

/* --- what has to hold --------------------------------------------------------------------------------------------- */

static void complain(struct vmx_chaos *chaos, const char *what, const char *about) {
  if (!*chaos->complaint) snprintf(chaos->complaint, sizeof chaos->complaint, "%s: %s", what, about);
  vmxsim_machine_stop(chaos->machine);
}

static bool read_memory(void *context, uint64_t address, void *bytes, size_t size) {
  return vmxsim_machine_read(context, address, bytes, size) == VMXSIM_OK;
}

/* What a VM exit has saved can be entered again, with nothing injected. */
static void check_saved_state(struct vmx_chaos *chaos, const struct vmxsim_vmx *vmx) {
  static struct vmxsim_vmcs vmcs;
  struct vmxsim_check_info info;
  struct vmxsim_verdict verdict;
  vmcs = vmx->vmcs;
  vmxsim_vmcs_set(&vmcs, VMXSIM_FIELD_vm_entry_interruption_information, 0);
  const struct vmxsim_check_input input = {&vmcs, &vmx->processor, &vmx->capabilities, 1, read_memory, chaos->machine};
  vmxsim_check_all(&input, &verdict);
  for (vmxsim_check check = vmxsim_next_broken(&verdict, 0); check != VMXSIM_NO_CHECK;
       check = vmxsim_next_broken(&verdict, check + 1)) {
    vmxsim_check_describe(check, &info);
    if (info.outcome == VMXSIM_ENTRY_EXIT_33) complain(chaos, "what an exit has saved breaks", info.id);
  }
}

static bool is_entry_failure(const struct vmxsim_vmx_exit *exit) {
  return exit->reason == VMXSIM_EXIT_entry_failure_invalid_guest_state ||
         exit->reason == VMXSIM_EXIT_entry_failure_msr_loading;
}

static void on_event(void *context, const struct vmxsim_event *event) {
  struct vmx_chaos *chaos = context;
  const struct vmxsim_vmx *vmx = event->u.vmx.vmx;
  if (vmx->verdict_differs) complain(chaos, "the incremental verdict differs from the full one", "");
  if (event->kind == VMXSIM_EVENT_vm_entry) chaos->entries++;
  if (event->kind == VMXSIM_EVENT_vm_entry_failure) chaos->failures++;
  if (event->kind != VMXSIM_EVENT_vm_exit || is_entry_failure(event->u.vmx.trace->exit)) return;
  chaos->exits++;
  check_saved_state(chaos, vmx);
}

/* --- the machine -------------------------------------------------------------------------------------------------- */

static void put(struct vmx_chaos *chaos, uint32_t at, uint64_t value, unsigned size) {
  memcpy(chaos->ram + at, &value, size);
}

static void put_tables(struct vmx_chaos *chaos) {
  const uint64_t gate = UINT64_C(0x8e00) << 32 | 8 << 16 | HANDLER;
  for (uint32_t pml4 = GUEST_PML4; pml4 <= HOST_PML4; pml4 += 0x1000) {
    put(chaos, pml4, PDPT | 3, 8);
    put(chaos, pml4 + 256 * 8, PDPT | 3, 8);
  }
  put(chaos, PDPT, DIRECTORY | 3, 8);
  put(chaos, DIRECTORY, 0x83, 8); /* the first 2 MiB */
  put(chaos, GDT + 8, UINT64_C(0x00af9b000000ffff), 8);
  put(chaos, GDT + 16, UINT64_C(0x00cf93000000ffff), 8);
  put(chaos, GDT + 24, UINT64_C(0x8b) << 40 | (uint64_t)TSS << 16 | 0x67, 8);
  for (uint32_t vector = 0; vector < 256; vector++) put(chaos, IDT + vector * 16, gate, 8);
  put(chaos, HANDLER, 0xcf48, 2); /* IRETQ */
}

static void put_host_code(struct vmx_chaos *chaos, uint32_t revision) {
  static const uint8_t start[] = {
      0xf3, 0x0f, 0xc7, 0x34, 0x25, 0x00, 0x98, 0, 0, /* vmxon [POINTERS] */
      0x66, 0x0f, 0xc7, 0x34, 0x25, 0x08, 0x98, 0, 0, /* vmclear [POINTERS + 8] */
      0x0f, 0xc7, 0x34, 0x25, 0x08, 0x98, 0,    0,    /* vmptrld [POINTERS + 8] */
      0x0f, 0x01, 0xc2, 0xe9,                         /* vmlaunch; jmp */
  };
  static const uint8_t on_exit[] = {0x0f, 0x01, 0xc3, 0xeb, 0xfb}; /* vmresume; jmp */
  memcpy(chaos->ram + HOST_START, start, sizeof start);
  put(chaos, HOST_START + sizeof start, (uint32_t)(HOST_EXIT - (HOST_START + (int)sizeof start + 4)), 4);
  memcpy(chaos->ram + HOST_EXIT, on_exit, sizeof on_exit);
  put(chaos, POINTERS, VMXON_REGION, 8);
  put(chaos, POINTERS + 8, VMCS_REGION, 8);
  put(chaos, VMXON_REGION, revision, 4);
  put(chaos, VMCS_REGION, revision, 4);
}

static struct vmxsim_state host_state(const struct vmxsim_state *reset) {
  struct vmxsim_state s = *reset;
  const struct vmxsim_segment data = {0x10, UINT32_MAX, 0xc093, 0};
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++) s.segment[i] = data;
  s.segment[VMXSIM_CS] = (struct vmxsim_segment){0x08, UINT32_MAX, 0xa09b, 0};
  s.tr = (struct vmxsim_segment){0x18, 0x67, 0x8b, TSS};
  s.gdtr = (struct vmxsim_table_register){GDT, 0xfff};
  s.idtr = (struct vmxsim_table_register){IDT, 0xfff};
  s.cr0 = 0x80050033;
  s.cr3 = HOST_PML4;
  s.cr4 = CR4_PAE | CR4_VMXE;
  s.efer = EFER_LME | EFER_LMA;
  s.feature_control = 5;
  s.rflags = 2;
  s.rip = HOST_START;
  s.gpr[VMXSIM_RSP] = HOST_STACK;
  return s;
}

/* Up to VMLAUNCH; what comes after starts from here. */
static bool prepare(struct vmx_chaos *chaos) {
  struct vmxsim_run_result result;
  struct vmxsim_state state;
  vmxsim_vcpu_get_state(chaos->vcpu, &state);
  state = host_state(&state);
  put_tables(chaos);
  put_host_code(chaos, (uint32_t)chaos->vcpu->cpu.capabilities->ia32_vmx_basic & INT32_MAX);
  if (vmxsim_vcpu_set_state(chaos->vcpu, &state) != VMXSIM_OK) return false;
  for (int i = 0; i < 3; i++) vmxsim_machine_step(chaos->machine, &result);
  vmxsim_vcpu_get_state(chaos->vcpu, &chaos->state);
  chaos->vmx = chaos->vcpu->cpu.vmx;
  memcpy(chaos->image, chaos->ram, RAM);
  return chaos->vmx.current == VMCS_REGION;
}

struct vmx_chaos *vmx_chaos_create(void) {
  const uint64_t kinds = VMXSIM_EVENT_BIT(VMXSIM_EVENT_vm_entry) | VMXSIM_EVENT_BIT(VMXSIM_EVENT_vm_entry_failure) |
                         VMXSIM_EVENT_BIT(VMXSIM_EVENT_vm_exit);
  struct vmx_chaos *chaos = calloc(1, sizeof *chaos);
  if (!chaos) return NULL;
  chaos->ram = calloc(1, RAM);
  if (chaos->ram && vmxsim_machine_create(NULL, &chaos->machine) == VMXSIM_OK &&
      vmxsim_machine_map(chaos->machine, 0, RAM, VMXSIM_RAM, chaos->ram) == VMXSIM_OK) {
    chaos->vcpu = vmxsim_machine_vcpu(chaos->machine, 0);
    if (prepare(chaos) && vmxsim_machine_on_event(chaos->machine, kinds, on_event, chaos) == VMXSIM_OK) return chaos;
  }
  vmx_chaos_destroy(chaos);
  return NULL;
}

void vmx_chaos_destroy(struct vmx_chaos *chaos) {
  vmxsim_machine_destroy(chaos->machine);
  free(chaos->ram);
  free(chaos);
}

/* --- a run -------------------------------------------------------------------------------------------------------- */

static uint64_t mask_of(vmxsim_field field) {
  const unsigned bits = vmxsim_field_bits(field);
  return bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

/* Long lists of MSRs only cost time, at each of the many entries that a run tries: memory of zeros is one to load. */
static void shorten_msr_lists(struct vmxsim_vmcs *vmcs) {
  enum { LONGEST = 0x3f };
  static const vmxsim_field counts[] = {VMXSIM_FIELD_vm_exit_msr_store_count, VMXSIM_FIELD_vm_exit_msr_load_count,
                                        VMXSIM_FIELD_vm_entry_msr_load_count};
  for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++)
    vmxsim_vmcs_set(vmcs, counts[i], vmxsim_vmcs_get(vmcs, counts[i]) & LONGEST);
}

static void set_vmcs(struct vmxsim_vmx *vmx, unsigned start, const struct vmx_chaos_change *changes, size_t count) {
  const struct vmxsim_template *template = vmxsim_template_at(start % vmxsim_template_count());
  struct vmxsim_vmcs *vmcs = &vmx->vmcs;
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    const vmxsim_field field = (vmxsim_field)i;
    if (!vmxsim_vmcs_is_known(&template->vmcs, field)) continue;
    vmxsim_vmcs_set(vmcs, field, vmxsim_vmcs_get(&template->vmcs, field));
  }
  vmxsim_vmcs_set(vmcs, VMXSIM_FIELD_host_rip, HOST_EXIT);
  vmxsim_vmcs_set(vmcs, VMXSIM_FIELD_host_rsp, HOST_STACK);
  vmxsim_vmcs_set(vmcs, VMXSIM_FIELD_host_cr3, HOST_PML4);
  vmxsim_vmcs_set(vmcs, VMXSIM_FIELD_guest_rip, GUEST_CODE);
  for (size_t i = 0; i < count; i++) {
    const vmxsim_field field = (vmxsim_field)(changes[i].field % VMXSIM_FIELD_COUNT);
    vmxsim_vmcs_set(vmcs, field, (vmxsim_vmcs_get(vmcs, field) ^ changes[i].flip) & mask_of(field));
  }
  shorten_msr_lists(vmcs);
}

/* The pages that the run before has written. */
static void restore_memory(struct vmx_chaos *chaos) {
  enum { PAGE = 0x1000, PAGES = RAM / PAGE };
  uint64_t dirty[PAGES / 64];
  vmxsim_machine_dirty_log(chaos->machine, 0, RAM, dirty, true);
  for (unsigned page = 0; page < PAGES; page++) {
    if (!(dirty[page / 64] >> (page % 64) & 1)) continue;
    vmxsim_machine_write(chaos->machine, page * (uint64_t)PAGE, chaos->image + page * (size_t)PAGE, PAGE);
  }
}

bool vmx_chaos_run(struct vmx_chaos *chaos, unsigned start, const struct vmx_chaos_change *changes, size_t count,
                   const uint8_t *code, size_t size) {
  struct vmxsim_run_result result;
  const size_t room = RAM - GUEST_CODE;
  *chaos->complaint = 0;
  restore_memory(chaos);
  vmxsim_machine_write(chaos->machine, GUEST_CODE, code, size < room ? size : room);
  chaos->vcpu->cpu.vmx = chaos->vmx;
  chaos->vcpu->cpu.vmx.verdict_audit = true;
  if (vmxsim_vcpu_set_state(chaos->vcpu, &chaos->state) != VMXSIM_OK) return false;
  set_vmcs(&chaos->vcpu->cpu.vmx, start, changes, count);
  vmxsim_machine_run(chaos->machine, BUDGET, &result);
  return !*chaos->complaint;
}
