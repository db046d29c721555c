/* The model: a machine whose page tables map the arena for user code, as Linux' do, and whose exception handlers halt.
 */
#include "tests/conformance/execute.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/exec/flags.h"
#include "cpu/mmu/registers.h"
#include "libvmxsim/machine/machine_internal.h"

/* Physical memory: tables, then the arena. All of it but the arena is at KERNEL in linear addresses. */
enum {
  PML4 = 0x1000,
  PDPT_LOW = 0x2000,
  PD_LOW = 0x3000,
  PT_ARENA = 0x4000,
  PDPT_HIGH = 0x5000,
  PD_HIGH = 0x6000,
  GDT = 0x7000,
  LDT = 0x7200,
  TSS = 0x7400,
  IDT = 0x8000,
  HANDLERS = 0x9000, /* 16 bytes each */
  STACK_TOP = 0xb000,
  ARENA_PHYSICAL = 0x10000,
  RAM = 0x20000,
};
#define KERNEL UINT64_C(0xffffffff80000000)

struct model {
  vmxsim_machine *machine;
  vmxsim_vcpu *vcpu;
  uint8_t *ram;
  struct vmxsim_state kernel; /* what all cases begin with */
  uint8_t background[ARENA_SIZE], before[ARENA_SIZE];
};

/* --- tables ------------------------------------------------------------------------------------------------------ */

static void put_64(struct model *model, uint32_t physical, uint64_t value) {
  memcpy(model->ram + physical, &value, sizeof value);
}

static void make_page_tables(struct model *model) {
  const uint64_t all = ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER;
  put_64(model, PML4, PDPT_LOW | all);
  put_64(model, PML4 + 511 * 8, PDPT_HIGH | all);
  put_64(model, PDPT_LOW, PD_LOW | all);
  put_64(model, PDPT_HIGH + 510 * 8, PD_HIGH | all);
  put_64(model, PD_HIGH, 0 | ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_PAGE_SIZE | ENTRY_ACCESSED | ENTRY_DIRTY);
  put_64(model, PD_LOW + (ARENA_BASE >> 21) * 8, PT_ARENA | all);
  for (uint32_t i = 0; i < ARENA_PAGES; i++) {
    const struct arena_page *page = &arena_pages[i];
    if (!page->mapped) continue;
    const uint64_t rights =
        ENTRY_PRESENT | ENTRY_USER | ENTRY_ACCESSED | ENTRY_DIRTY | (page->writable ? ENTRY_WRITABLE : 0);
    put_64(model, PT_ARENA + i * 8,
           (ARENA_PHYSICAL + i * ARENA_PAGE) | rights | (page->executable ? 0 : ENTRY_NO_EXECUTE));
  }
}

/* Linux' GDT: kernel code 32, 64, data; user code 32, data, code 64; TSS at 40H, LDT at 50H, the processor's number. */
static void make_descriptors(struct model *model) {
  static const uint64_t gdt[] = {0,
                                 0x00cf9b000000ffff,
                                 0x00af9b000000ffff,
                                 0x00cf93000000ffff,
                                 0x00cffb000000ffff,
                                 0x00cff3000000ffff,
                                 0x00affb000000ffff};
  const uint64_t tss = KERNEL + TSS, ldt = KERNEL + LDT;
  for (uint32_t i = 0; i < sizeof gdt / sizeof *gdt; i++) put_64(model, GDT + 8 * i, gdt[i]);
  put_64(model, GDT + 0x40, (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56 | UINT64_C(0x8b) << 40 | 0x67);
  put_64(model, GDT + 0x48, tss >> 32);
  put_64(model, GDT + 0x50, (ldt & 0xffffff) << 16 | (ldt >> 24 & 0xff) << 56 | UINT64_C(0x82) << 40 | 0x0f);
  put_64(model, GDT + 0x58, ldt >> 32);
  put_64(model, GDT + 0x78, UINT64_C(0xf5) << 40);
  put_64(model, LDT, (uint64_t)ARENA_BASE >> 24 << 56 | UINT64_C(0xfb) << 40 | LDT_CODE_LIMIT);
  put_64(model, LDT + 8, (uint64_t)ARENA_BASE >> 24 << 56 | UINT64_C(0xf3) << 40 | LDT_DATA_LIMIT);
  put_64(model, TSS + 4, KERNEL + STACK_TOP);
  put_64(model, TSS + 0x60, UINT64_C(0xffff) << 48); /* no I/O permission bitmap */
}

/* Interrupt gates to handlers of HLT; user code may call those of INT3 and INTO, as in Linux. */
static void make_handlers(struct model *model) {
  enum { GATE = 0x8e, FROM_USER = 0x60, KERNEL_CODE = 0x10, HLT = 0xf4 };
  memset(model->ram + HANDLERS, HLT, 256 * 16);
  for (uint32_t vector = 0; vector < 256; vector++) {
    const uint64_t handler = KERNEL + HANDLERS + vector * 16;
    const uint64_t rights = GATE | (vector == VECTOR_BP || vector == VECTOR_OF ? FROM_USER : 0);
    put_64(model, IDT + vector * 16,
           (handler & 0xffff) | KERNEL_CODE << 16 | rights << 40 | (handler >> 16 & 0xffff) << 48);
    put_64(model, IDT + vector * 16 + 8, handler >> 32);
  }
}

static void make_kernel_state(struct model *model) {
  enum {
    CR0 = 0x80050033, /* PG AM WP NE ET MP PE */
    CR4 = 0x506a0,    /* OSXSAVE FSGSBASE OSXMMEXCPT OSFXSR PGE PAE */
    EFER = 0xd01      /* NXE LMA LME SCE */
  };
  struct vmxsim_state *s = &model->kernel;
  vmxsim_vcpu_get_state(model->vcpu, s);
  s->cr0 = CR0;
  s->cr4 = CR4;
  s->cr3 = PML4;
  s->efer = EFER;
  s->xcr0 = 7;
  s->gdtr = (struct vmxsim_table_register){KERNEL + GDT, 0x7f};
  s->idtr = (struct vmxsim_table_register){KERNEL + IDT, 0xfff};
  s->ldtr = (struct vmxsim_segment){0x50, 0x0f, 0x82, KERNEL + LDT};
  s->tr = (struct vmxsim_segment){0x40, 0x67, 0x8b, KERNEL + TSS};
  s->activity = VMXSIM_ACTIVE;
  s->cr2 = 0;
}

static bool initialize(struct model *model) {
  static const char processor[] = "max,linear-bits=48"; /* the width of most hosts, which bases are checked against */
  struct vmxsim_capabilities capabilities;
  if (vmxsim_capabilities_from_spec(&capabilities, processor, sizeof processor - 1, NULL) != VMXSIM_OK) return false;
  const struct vmxsim_machine_options options = {.size = sizeof options, .processor = &capabilities};
  model->ram = calloc(1, RAM);
  if (!model->ram || vmxsim_machine_create(&options, &model->machine) != VMXSIM_OK) return false;
  if (vmxsim_machine_map(model->machine, 0, RAM, VMXSIM_RAM, model->ram) != VMXSIM_OK) return false;
  model->vcpu = vmxsim_machine_vcpu(model->machine, 0);
  arena_fill(model->background);
  memcpy(model->ram + ARENA_PHYSICAL, model->background, ARENA_SIZE);
  make_page_tables(model);
  make_descriptors(model);
  make_handlers(model);
  make_kernel_state(model);
  return true;
}

struct model *model_create(void) {
  struct model *model = calloc(1, sizeof *model);
  if (model && initialize(model)) return model;
  model_destroy(model);
  return NULL;
}

void model_destroy(struct model *model) {
  if (!model) return;
  vmxsim_machine_destroy(model->machine);
  free(model->ram);
  free(model);
}

const struct decoder *model_decoder(const struct model *model) {
  return &model->vcpu->cpu.decoder;
}

/* --- state in and out -------------------------------------------------------------------------------------------- */

static struct vmxsim_segment segment_of(uint16_t selector, uint64_t base) {
  switch (selector) {
  case SELECTOR_CODE_64: return (struct vmxsim_segment){selector, UINT32_MAX, 0xa0fb, base};
  case SELECTOR_CODE_32: return (struct vmxsim_segment){selector, UINT32_MAX, 0xc0fb, base};
  case SELECTOR_DATA: return (struct vmxsim_segment){selector, UINT32_MAX, 0xc0f3, base};
  case SELECTOR_CODE_16: return (struct vmxsim_segment){selector, LDT_CODE_LIMIT, 0xfb, ARENA_BASE};
  case SELECTOR_DATA_16: return (struct vmxsim_segment){selector, LDT_DATA_LIMIT, 0xf3, ARENA_BASE};
  default: return (struct vmxsim_segment){selector, 0, 0x10000, base};
  }
}

static void load_x87(struct fpu *fpu, const struct x87_image *x87) {
  enum { TOP = 7 << 11 };
  fpu->control = x87->control;
  fpu->status = x87->status & (uint16_t)~TOP;
  fpu->top = x87->status >> 11 & 7;
  fpu->tags = x87->tags;
  fpu->opcode = x87->opcode;
  fpu->instruction = x87->instruction;
  fpu->data = x87->data;
  fpu->instruction_selector = fpu->data_selector = 0;
  for (unsigned i = 0; i < 8; i++) {
    struct x87_register *st = &fpu->st[(fpu->top + i) & 7];
    memcpy(&st->significand, x87->st[i], 8);
    memcpy(&st->sign_exponent, x87->st[i] + 8, 2);
  }
}

static void store_x87(const struct fpu *fpu, struct x87_image *x87) {
  x87->control = fpu->control;
  x87->status = (uint16_t)(fpu->status | fpu->top << 11);
  x87->tags = fpu->tags;
  x87->opcode = fpu->opcode;
  x87->instruction = fpu->instruction;
  x87->data = fpu->data;
  for (unsigned i = 0; i < 8; i++) {
    const struct x87_register *st = &fpu->st[(fpu->top + i) & 7];
    memcpy(x87->st[i], &st->significand, 8);
    memcpy(x87->st[i] + 8, &st->sign_exponent, 2);
  }
}

static void load_state(struct model *model, const struct user_state *from) {
  struct vmxsim_state s = model->kernel;
  memcpy(s.gpr, from->gpr, sizeof s.gpr);
  s.rip = from->rip;
  s.rflags = from->rflags;
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++) s.segment[i] = segment_of(from->selector[i], 0);
  s.segment[VMXSIM_FS].base = from->fs_base;
  s.segment[VMXSIM_GS].base = from->gs_base;
  vmxsim_vcpu_set_state(model->vcpu, &s);
  struct fpu *fpu = &model->vcpu->cpu.fpu;
  load_x87(fpu, &from->x87);
  fpu->mxcsr = from->mxcsr;
  memcpy(fpu->ymm, from->ymm, sizeof fpu->ymm);
}

static uint64_t frame_64(const struct model *model, uint64_t linear) {
  uint64_t value;
  memcpy(&value, model->ram + (linear - KERNEL), sizeof value);
  return value;
}

static bool has_error_code(unsigned vector) {
  return vector == VECTOR_DF || (vector >= VECTOR_TS && vector <= VECTOR_PF) || vector == VECTOR_AC;
}

/* As the way back from the system to user code leaves it, behind which silicon's are read (SDM 2A, "IRET": of a null
 * selector "SegmentSelector := 0"). */
static uint16_t selector_behind_return(uint16_t selector) {
  return selector < 4 ? 0 : selector;
}

/* The user's part of the state, from the stack frame that the exception left. */
static void store_state(struct model *model, const struct vmxsim_state *s, struct test_result *result) {
  enum { RIP, CS, RFLAGS, RSP, SS };
  struct user_state *to = &result->state;
  uint64_t frame[5];
  result->vector = (unsigned)((s->segment[VMXSIM_CS].base + s->rip - KERNEL - HANDLERS) / 16);
  result->error_code = has_error_code(result->vector) ? (uint32_t)frame_64(model, s->gpr[VMXSIM_RSP]) : 0;
  result->cr2 = result->vector == VECTOR_PF ? s->cr2 : 0;
  for (unsigned i = 0; i < 5; i++) frame[i] = frame_64(model, KERNEL + STACK_TOP - 40 + 8 * i);
  memcpy(to->gpr, s->gpr, sizeof to->gpr);
  to->gpr[VMXSIM_RSP] = frame[RSP];
  to->rip = frame[RIP];
  to->rflags = frame[RFLAGS];
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++) to->selector[i] = selector_behind_return(s->segment[i].selector);
  to->selector[VMXSIM_CS] = (uint16_t)frame[CS];
  to->selector[VMXSIM_SS] = (uint16_t)frame[SS];
  to->fs_base = s->segment[VMXSIM_FS].base;
  to->gs_base = s->segment[VMXSIM_GS].base;
  const struct fpu *fpu = &model->vcpu->cpu.fpu;
  store_x87(fpu, &to->x87);
  to->mxcsr = fpu->mxcsr;
  memcpy(to->ymm, fpu->ymm, sizeof to->ymm);
}

/* --- a case ------------------------------------------------------------------------------------------------------ */

static bool in_kernel(const struct vmxsim_state *s) {
  return !(s->segment[VMXSIM_CS].selector & 3);
}

/* With RFLAGS.TF in steps, the second of which is the trap; without, on to the INT3. */
static bool run_to_handler(struct model *model, bool by_steps, struct vmxsim_state *s) {
  enum { STEPS = 4, CYCLES = 100000 };
  struct vmxsim_run_result run;
  if (!by_steps) vmxsim_machine_run(model->machine, CYCLES, &run);
  vmxsim_vcpu_get_state(model->vcpu, s);
  for (unsigned i = 0; by_steps && i < STEPS && !in_kernel(s); i++) {
    vmxsim_vcpu_step(model->vcpu, &run);
    vmxsim_vcpu_get_state(model->vcpu, s);
  }
  return in_kernel(s);
}

/* Through the machine, which then forgets what it had decoded there. */
static void write_arena(struct model *model, const uint8_t *wanted) {
  const uint8_t *arena = model->ram + ARENA_PHYSICAL;
  for (uint32_t at = 0; at < ARENA_SIZE; at += 8) {
    if (memcmp(arena + at, wanted + at, 8)) vmxsim_machine_write(model->machine, ARENA_PHYSICAL + at, wanted + at, 8);
  }
}

void model_execute(struct model *model, const struct test_case *test, struct test_result *result) {
  struct vmxsim_state s;
  memset(result, 0, offsetof(struct test_result, change));
  result->vector = NO_VECTOR;
  memcpy(model->before, model->background, ARENA_SIZE);
  arena_apply(model->before, test);
  write_arena(model, model->before);
  load_state(model, &test->state);
  if (run_to_handler(model, test->state.rflags & FLAG_TF, &s)) store_state(model, &s, result);
  collect_changes(model->before, model->ram + ARENA_PHYSICAL, result);
  write_arena(model, model->background);
}
