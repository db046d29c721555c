/* The services of the BIOS but for the screen and the disk: memory sizes, A20, keyboard, clock. */
#include "libvmxsim/platform/bios_services.h"

#include "cpu/exec/flags.h"

enum { TICKS = 0x46c, TICKS_A_DAY = 0x1800b0 };

/* --- INT 11H, 12H --- */

void bios_equipment(struct vcpu *v) {
  bios_set_word(v, VMXSIM_RAX, BIOS_EQUIPMENT_WORD);
}

void bios_memory(struct vcpu *v) {
  bios_set_word(v, VMXSIM_RAX, BIOS_BASE_MEMORY_KIB);
}

/* --- INT 15H --- */

#define SMAP UINT32_C(0x534d4150)

static bool memory_map(vmxsim_pc *pc, struct vcpu *v) {
  struct bios_range ranges[BIOS_RANGES];
  const unsigned count = bios_memory_map(pc, ranges);
  const uint32_t index = (uint32_t)v->s.gpr[VMXSIM_RBX];
  if ((uint32_t)v->s.gpr[VMXSIM_RDX] != SMAP || index >= count || (uint32_t)v->s.gpr[VMXSIM_RCX] < 20) return false;
  uint8_t entry[20];
  put_64(entry, ranges[index].address);
  put_64(entry + 8, ranges[index].size);
  put_32(entry + 16, ranges[index].type);
  vmxsim_machine_write(pc->machine, bios_address(v, VMXSIM_ES, bios_word(v, VMXSIM_RDI)), entry, sizeof entry);
  bios_set_dword(v, VMXSIM_RAX, SMAP);
  bios_set_dword(v, VMXSIM_RBX, index + 1 < count ? index + 1 : 0);
  bios_set_dword(v, VMXSIM_RCX, sizeof entry);
  return true;
}

/* KiB from 1 to 16 MiB, and 64 KiB from there on. */
static void memory_sizes(vmxsim_pc *pc, struct vcpu *v) {
  const uint64_t below = (pc->low_memory_end < 16 * MIB ? pc->low_memory_end : 16 * MIB) - MIB;
  const uint64_t above = pc->low_memory_end > 16 * MIB ? pc->low_memory_end - 16 * MIB : 0;
  bios_set_word(v, VMXSIM_RAX, (uint16_t)(below / 1024));
  bios_set_word(v, VMXSIM_RCX, (uint16_t)(below / 1024));
  bios_set_word(v, VMXSIM_RBX, (uint16_t)(above >> 16));
  bios_set_word(v, VMXSIM_RDX, (uint16_t)(above >> 16));
}

/* A20: off, on, which of it, and that the keyboard controller and port 92H can do it. */
static bool a20(vmxsim_pc *pc, struct vcpu *v) {
  const uint8_t function = bios_low(v, VMXSIM_RAX);
  switch (function) {
  case 0:
  case 1:
    system_set_a20(pc, function);
    bios_set_high(v, VMXSIM_RAX, 0);
    return true;
  case 2: bios_set_word(v, VMXSIM_RAX, system_a20(pc)); return true;
  case 3:
    bios_set_high(v, VMXSIM_RAX, 0);
    bios_set_word(v, VMXSIM_RBX, 3);
    return true;
  default: return false;
  }
}

/* Extended memory in KiB, as far as 16 bits go. */
static void extended_memory(vmxsim_pc *pc, struct vcpu *v) {
  const uint64_t kib = (pc->low_memory_end - MIB) / 1024;
  bios_set_word(v, VMXSIM_RAX, kib > 0xffff ? 0xffff : (uint16_t)kib);
}

static uint32_t base_of(const uint8_t descriptor[8]) {
  return get_16(descriptor + 2) | (uint32_t)descriptor[4] << 16 | (uint32_t)descriptor[7] << 24;
}

/* Copies CX words between the segments of the descriptors at 10H and 18H of the table at ES:SI. */
static bool move_block(vmxsim_pc *pc, struct vcpu *v) {
  enum { SOURCE = 0x10, DESTINATION = 0x18 };
  uint8_t table[0x30], word[2];
  const unsigned count = bios_word(v, VMXSIM_RCX);
  vmxsim_machine_read(pc->machine, bios_address(v, VMXSIM_ES, bios_word(v, VMXSIM_RSI)), table, sizeof table);
  if (count > 0x8000) return false;
  for (unsigned i = 0; i < count; i++) {
    vmxsim_machine_read(pc->machine, base_of(table + SOURCE) + 2 * (uint64_t)i, word, sizeof word);
    vmxsim_machine_write(pc->machine, base_of(table + DESTINATION) + 2 * (uint64_t)i, word, sizeof word);
  }
  bios_set_high(v, VMXSIM_RAX, 0);
  return true;
}

static bool system_service(vmxsim_pc *pc, struct vcpu *v) {
  const uint16_t function = bios_word(v, VMXSIM_RAX);
  if (function == 0xe820) return memory_map(pc, v);
  if (function == 0xe801) return memory_sizes(pc, v), true;
  switch (function >> 8) {
  case 0x24: return a20(pc, v);
  case 0x86: return true; /* a wait, of no length */
  case 0x87: return move_block(pc, v);
  case 0x88: return extended_memory(pc, v), true;
  default: return false;
  }
}

void bios_system(vmxsim_pc *pc, struct vcpu *v) {
  const bool done = system_service(pc, v);
  if (!done) bios_set_high(v, VMXSIM_RAX, 0x86);
  bios_return_flag(pc, v, FLAG_CF, !done);
}

/* --- INT 16H --- */

static uint16_t key_at_front(const struct keyboard *keyboard) {
  return keyboard->keys[keyboard->key_first];
}

static void drop_key(struct keyboard *keyboard) {
  keyboard->key_first = (keyboard->key_first + 1) % KEYS;
  keyboard->key_count--;
}

/* CF tells the stub whether to wait and ask again. */
void bios_keyboard(vmxsim_pc *pc, struct vcpu *v) {
  struct keyboard *keyboard = &pc->keyboard;
  const uint8_t function = bios_high(v, VMXSIM_RAX) & 0x0f;
  const bool has_key = keyboard->key_count != 0;
  const bool waits = function == 0 && !has_key;
  if (function == 0 && has_key) {
    bios_set_word(v, VMXSIM_RAX, key_at_front(keyboard));
    drop_key(keyboard);
  } else if (function == 1) {
    if (has_key) bios_set_word(v, VMXSIM_RAX, key_at_front(keyboard));
    bios_return_flag(pc, v, FLAG_ZF, !has_key);
  } else if (function == 2) {
    bios_set_low(v, VMXSIM_RAX, 0); /* no shift key is down */
  } else if (function == 5) {
    bios_set_low(v, VMXSIM_RAX, !keyboard_store(pc, bios_word(v, VMXSIM_RCX)));
  }
  flags_write_arithmetic(v, (flags_read(v) & ~(uint64_t)FLAG_CF) | (waits ? FLAG_CF : 0));
}

/* --- the clock: INT 1AH, IRQ 0 --- */

static uint32_t read_ticks(vmxsim_pc *pc) {
  uint8_t bytes[4];
  vmxsim_machine_read(pc->machine, TICKS, bytes, sizeof bytes);
  return get_32(bytes);
}

void bios_tick(vmxsim_pc *pc) {
  uint8_t bytes[5];
  const uint32_t ticks = read_ticks(pc) + 1;
  const bool midnight = ticks >= TICKS_A_DAY;
  put_32(bytes, midnight ? 0 : ticks);
  bytes[4] = 1;
  vmxsim_machine_write(pc->machine, TICKS, bytes, midnight ? 5 : 4);
}

void bios_time(vmxsim_pc *pc, struct vcpu *v) {
  const uint32_t ticks = read_ticks(pc);
  switch (bios_high(v, VMXSIM_RAX)) {
  case 0x00:
    bios_set_word(v, VMXSIM_RCX, (uint16_t)(ticks >> 16));
    bios_set_word(v, VMXSIM_RDX, (uint16_t)ticks);
    bios_set_low(v, VMXSIM_RAX, 0);
    break;
  case 0x02:
    bios_set_word(v, VMXSIM_RCX, (uint16_t)(rtc_read(pc, 4) << 8 | rtc_read(pc, 2)));
    bios_set_word(v, VMXSIM_RDX, (uint16_t)(rtc_read(pc, 0) << 8));
    bios_return_flag(pc, v, FLAG_CF, false);
    break;
  case 0x04:
    bios_set_word(v, VMXSIM_RCX, (uint16_t)(rtc_read(pc, 0x32) << 8 | rtc_read(pc, 9)));
    bios_set_word(v, VMXSIM_RDX, (uint16_t)(rtc_read(pc, 8) << 8 | rtc_read(pc, 7)));
    bios_return_flag(pc, v, FLAG_CF, false);
    break;
  default: bios_return_flag(pc, v, FLAG_CF, true); break;
  }
}
