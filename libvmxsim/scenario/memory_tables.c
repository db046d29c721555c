/* Descriptor tables and task-state segments of a side. */
#include "libvmxsim/scenario/memory.h"

/* What templates load, and segments for code of every size and privilege level. */
void tables_write_gdt(struct runner *runner, uint64_t gdt, bool is_64, uint64_t tss) {
  const uint64_t tss_low = UINT64_C(0x00008b0000000067) | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
  const uint64_t descriptors[] = {
      0,
      is_64 ? UINT64_C(0x00af9b000000ffff) : UINT64_C(0x00cf9b000000ffff), /* 08: code, CPL 0 */
      UINT64_C(0x00cf93000000ffff),                                        /* 10: data */
      tss_low,                                                             /* 18: TSS */
      is_64 ? tss >> 32 : 0,
      is_64 ? UINT64_C(0x00affb000000ffff) : UINT64_C(0x00cffb000000ffff), /* 28: code, CPL 3 */
      UINT64_C(0x00cff3000000ffff),                                        /* 30: data, CPL 3 */
      UINT64_C(0x00cf9b000000ffff),                                        /* 38: 32-bit code, CPL 0 */
      UINT64_C(0x00cffb000000ffff),                                        /* 40: 32-bit code, CPL 3 */
      UINT64_C(0x00009b000000ffff),                                        /* 48: 16-bit code, CPL 0 */
      UINT64_C(0x000093000000ffff),                                        /* 50: 16-bit data */
  };
  for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
    memory_put_value(runner, gdt + 8 * i, descriptors[i], 8);
  }
}

void tables_write_descriptors(struct runner *runner, uint64_t gdt, const struct scenario_code *code) {
  for (size_t i = 0; i < code->descriptor_count; i++) {
    memory_put_value(runner, gdt + code->descriptors[i].selector, code->descriptors[i].value, 8);
  }
}

/* Stacks for privilege level 0 and IST1, two pages apart from where the code's own begins. */
void tables_write_tss(struct runner *runner, uint64_t tss, bool is_64, uint64_t stack) {
  if (is_64) {
    memory_put_value(runner, tss + 4, stack + 0x2000, 8);
    memory_put_value(runner, tss + 0x24, stack + 0x3000, 8);
  } else {
    memory_put_value(runner, tss + 4, stack + 0x2000, 4);
    memory_put_value(runner, tss + 8, 0x10, 4);
  }
}

void tables_write_gate(struct runner *runner, uint64_t idt, enum scenario_mode mode, const struct scenario_gate *gate) {
  const uint64_t selector = gate->selector ? gate->selector : 8, type = gate->type ? gate->type : 14;
  const uint64_t offset = gate->offset;
  if (mode == MODE_16) {
    memory_put_value(runner, idt + 4u * gate->vector, (offset & 0xffff) | (uint64_t)gate->selector << 16, 4);
    return;
  }
  const uint64_t low = (offset & 0xffff) | selector << 16 | (uint64_t)gate->ist << 32 |
                       (0x80 | (uint64_t)gate->dpl << 5 | type) << 40 | (offset >> 16 & 0xffff) << 48;
  if (mode != MODE_64) {
    memory_put_value(runner, idt + 8u * gate->vector, low, 8);
    return;
  }
  memory_put_value(runner, idt + 16u * gate->vector, low, 8);
  memory_put_value(runner, idt + 16u * gate->vector + 8, offset >> 32, 8);
}

void tables_write_gates(struct runner *runner, uint64_t idt, const struct scenario_code *code) {
  for (size_t i = 0; i < code->gate_count; i++) tables_write_gate(runner, idt, code->mode, &code->gates[i]);
}
