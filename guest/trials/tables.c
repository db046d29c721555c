/* Changes of what the guest's descriptor tables hold, so that delivery of events and loads of segments fail. */
#include "kernel/memory.h"
#include "trials/layout.h"
#include "trials/trial.h"

static const uint16_t selectors[] = {0,      S_CODE64,     S_CODE32,      S_CODE64_3, S_CODE32_3 | 3,
                                     S_DATA, S_CONFORMING, S_NOT_PRESENT, S_TASK,     S_OTHER_TASK,
                                     S_END,  S_CODE16,     0x1000};
static const uint8_t gates[] = {0x8e, 0x8f, 0xee, 0x0e, 0x85, 0xe5, 0x8c, 0x86, 0x87, 0x92, 0xef};

/* A gate: in both layouts the selector is at byte 2, its type at byte 5. */
static void change_gate(struct trial *t) {
  const uint32_t size = in_ia32e_mode(t) ? 16 : 8;
  const uint32_t vector = chance(&t->random, 70) ? below(&t->random, 20) : below(&t->random, 256);
  uint8_t *gate = guest_memory(G_IDT + vector * size);
  const uint16_t selector = ANY_OF(&t->random, selectors);
  switch (below(&t->random, size == 16 ? 4 : 3)) {
  case 0: memcpy(gate + 2, &selector, 2); break;
  case 1: gate[5] = ANY_OF(&t->random, gates); break;
  case 2:
    gate[5] = 0x85 | (uint8_t)(next(&t->random) & 0x60);
    memcpy(gate + 2, &(const uint16_t){S_OTHER_TASK}, 2);
    break;
  default: gate[4] = (uint8_t)below(&t->random, 3); break; /* the interrupt stack */
  }
}

/* No base takes handlers to where something else than they is in the guest's memory: that would last. */
static void change_descriptor(struct trial *t) {
  uint8_t *entry = guest_memory(G_GDT + 8 * below(&t->random, S_END / 8));
  uint32_t byte = below(&t->random, 8);
  if (entry == guest_memory(G_GDT + S_CODE32) && (byte == 3 || byte == 4)) byte = 7;
  entry[byte] ^= (uint8_t)one_bit(&t->random, 8);
}

static void change_task(struct trial *t) {
  uint32_t *words = guest_memory(chance(&t->random, 50) ? G_TASK : G_OTHER_TASK);
  const uint32_t at = below(&t->random, 26), mask = chance(&t->random, 50) ? 0xffff : 0xffffffff;
  words[in_ia32e_mode(t) ? at | 1 : at] = (uint32_t)next(&t->random) & mask;
}

void change_tables(struct trial *t) {
  static const uint16_t limits[] = {0, 7, 15, 0x6f, 0x70, 0xdf, 0xe0, 0x1ff};
  if (chance(&t->random, 25)) {
    for (unsigned i = 1 + below(&t->random, 8); i; i--) change_gate(t);
    t->mutations |= 0x1000000;
  }
  if (chance(&t->random, 15)) change_descriptor(t), t->mutations |= 0x2000000;
  if (chance(&t->random, 10)) change_task(t), t->mutations |= 0x4000000;
  if (chance(&t->random, 8)) t->vm.fields.guest_idtr_limit = ANY_OF(&t->random, limits), t->mutations |= 0x8000000;
}
