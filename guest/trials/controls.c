/* Changes of the control fields, and of the bitmaps and lists that they refer to. */
#include "kernel/cpu.h"

#include "trials/layout.h"
#include "trials/trial.h"

/* Controls that every processor with VMX of the last decade has, as bits of the words; others are left alone. */
enum { SAFE_PIN_BASED = 0x29 };
#define PRIMARY (UINT32_C(0xf2999e8c))
#define SECONDARY (UINT32_C(0x1c4c) & ~UINT32_C(0x400))
#define RESERVED_PIN_BASED UINT32_C(0xffffff16)
#define RESERVED_PRIMARY UINT32_C(0x04066173)

static void vary_execution_controls(struct trial *t) {
  struct vmcs_fields *f = &t->vm.fields;
  for (unsigned i = below(&t->random, 6); i; i--) {
    const uint64_t bit = one_bit(&t->random, 32);
    f->primary_processor_based_vm_execution_controls ^= bit & PRIMARY;
  }
  if (chance(&t->random, 60)) {
    f->primary_processor_based_vm_execution_controls |= 1U << VMXSIM_BIT_primary_activate_secondary_controls;
    f->secondary_processor_based_vm_execution_controls = few_bits(&t->random) & SECONDARY;
    if (chance(&t->random, 50)) f->secondary_processor_based_vm_execution_controls |= 0x1008 & next(&t->random);
  }
  if (chance(&t->random, 30)) f->pin_based_vm_execution_controls ^= next(&t->random) & SAFE_PIN_BASED;
}

static void vary_exceptions(struct trial *t) {
  struct vmcs_fields *f = &t->vm.fields;
  f->exception_bitmap = chance(&t->random, 30) ? 0xffffffff : (uint32_t)next(&t->random);
  if (chance(&t->random, 30)) f->page_fault_error_code_mask = next(&t->random) & 0x1f;
  if (chance(&t->random, 30)) f->page_fault_error_code_match = next(&t->random) & 0x1f;
}

static void vary_masks(struct trial *t) {
  struct vmcs_fields *f = &t->vm.fields;
  f->cr0_guest_host_mask = (uint32_t)few_bits(&t->random);
  f->cr4_guest_host_mask = few_bits(&t->random) & 0x3727ff;
  f->cr0_read_shadow = (uint32_t)next(&t->random);
  f->cr4_read_shadow = (uint32_t)next(&t->random);
  f->cr3_target_count = below(&t->random, chance(&t->random, 5) ? 6 : 5);
  f->cr3_target_value_0 = ROOT_LONG;
  f->cr3_target_value_1 = ROOT_PAE;
  f->cr3_target_value_2 = G_DATA;
  f->cr3_target_value_3 = next(&t->random);
}

static void random_bitmap(struct generator *g, uint32_t address, uint32_t size) {
  uint64_t *words = at_address(address);
  const unsigned kind = below(g, 3);
  for (uint32_t i = 0; i < size / 8; i++) words[i] = kind == 0 ? 0 : kind == 1 ? UINT64_MAX : next(g);
}

static void vary_bitmaps(struct trial *t) {
  struct vmcs_fields *f = &t->vm.fields;
  f->primary_processor_based_vm_execution_controls |=
      1U << VMXSIM_BIT_primary_use_io_bitmaps | 1U << VMXSIM_BIT_primary_use_msr_bitmaps;
  random_bitmap(&t->random, IO_BITMAP_A, 256); /* ports and MSRs that the code uses are among the first */
  random_bitmap(&t->random, IO_BITMAP_B + PAGE - 256, 256);
  random_bitmap(&t->random, MSR_BITMAP, PAGE);
}

static void vary_entry_and_exit(struct trial *t) {
  struct vmcs_fields *f = &t->vm.fields;
  f->vm_entry_controls ^= one_bit(&t->random, 32) & 0xc204;
  f->vm_exit_controls ^= one_bit(&t->random, 32) & 0x7c8004;
  f->tsc_offset = next(&t->random);
}

/* One bit of a word or an address, whatever comes of it. */
static void flip(struct trial *t) {
  struct vmcs_fields *f = &t->vm.fields;
  const uint64_t bit = one_bit(&t->random, 32), high = UINT64_C(0xfff0000000000fff) & one_bit(&t->random, 64);
  switch (below(&t->random, 10)) {
  case 0: f->pin_based_vm_execution_controls ^= bit & RESERVED_PIN_BASED; break;
  case 1: f->primary_processor_based_vm_execution_controls ^= bit & RESERVED_PRIMARY; break;
  case 2: f->vm_entry_controls ^= bit & ~UINT64_C(0x032c00); break;
  case 3: f->vm_exit_controls ^= bit & ~UINT64_C(0x43801000); break;
  case 4: f->io_bitmap_a_address ^= high; break;
  case 5: f->msr_bitmap_address ^= high; break;
  case 6: f->io_bitmap_b_address ^= high; break;
  case 7: f->vm_entry_msr_load_address ^= high; break;
  case 8: f->vm_exit_msr_store_address ^= high; break;
  default: f->virtual_apic_address ^= high, f->tpr_threshold = below(&t->random, 20); break;
  }
}

void change_controls(struct trial *t) {
  if (chance(&t->random, 70)) vary_execution_controls(t), t->mutations |= 0x100;
  if (chance(&t->random, 40)) vary_exceptions(t), t->mutations |= 0x200;
  if (chance(&t->random, 30)) vary_masks(t), t->mutations |= 0x400;
  if (chance(&t->random, 40)) vary_bitmaps(t), t->mutations |= 0x800;
  if (chance(&t->random, 30)) vary_entry_and_exit(t), t->mutations |= 0x1000;
  if (chance(&t->random, 10)) flip(t), t->mutations |= 0x2000;
}
