/* Segments and the IDT. SDM 3A, "Protected-Mode Memory Management" and "Interrupt and Exception Handling". */
#include "kernel/descriptors.h"

#define DATA_DESCRIPTOR UINT64_C(0x00cf93000000ffff)
enum { AVAILABLE_TASK_STATE = 0x89, STUB_SIZE = 16 };

extern const uint8_t interrupt_stubs[];
void load_segments(word code, word data, word own);

static struct gate idt[256] __attribute__((aligned(16)));

/* The operand of LGDT and LIDT. */
struct __attribute__((packed)) table_pointer {
  uint16_t limit;
  word base;
};

static uint64_t with_base(uint64_t descriptor, uint32_t base) {
  return descriptor | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(base >> 24) << 56;
}

static void build_gdt(struct control_block *block) {
  const word task_state = (word)&block->task_state;
  block->gdt[GDT_CODE] = CODE_DESCRIPTOR;
  block->gdt[GDT_DATA] = DATA_DESCRIPTOR;
  block->gdt[GDT_OWN] = with_base(DATA_DESCRIPTOR, (uint32_t)(word)block);
  block->gdt[GDT_TASK_STATE] =
      with_base((uint64_t)AVAILABLE_TASK_STATE << 40 | (sizeof block->task_state - 1), (uint32_t)task_state);
  block->gdt[GDT_TASK_STATE + 1] = (uint64_t)task_state >> 32; /* the upper half, in IA-32e mode */
}

/* Every processor writes the same. */
static void build_idt(void) {
  for (unsigned vector = 0; vector < 256; vector++) {
    idt[vector] = interrupt_gate((word)interrupt_stubs + STUB_SIZE * vector, GDT_CODE * 8);
  }
}

void descriptors_load(struct control_block *block) {
  build_gdt(block);
  build_idt();
  const struct table_pointer gdt_pointer = {sizeof block->gdt - 1, (word)block->gdt};
  const struct table_pointer idt_pointer = {sizeof idt - 1, (word)idt};
  __asm__ volatile("lgdt %0" : : "m"(gdt_pointer));
  load_segments(GDT_CODE * 8, GDT_DATA * 8, GDT_OWN * 8);
  set_own_base((word)block);
  __asm__ volatile("ltr %w0" : : "r"(GDT_TASK_STATE * 8));
  __asm__ volatile("lidt %0" : : "m"(idt_pointer));
}
