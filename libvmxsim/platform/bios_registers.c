/* Registers, memory and flags of the caller of a BIOS service. */
#include "libvmxsim/platform/bios_services.h"

uint8_t bios_low(const struct vcpu *v, unsigned gpr) {
  return (uint8_t)v->s.gpr[gpr];
}

uint8_t bios_high(const struct vcpu *v, unsigned gpr) {
  return (uint8_t)(v->s.gpr[gpr] >> 8);
}

uint16_t bios_word(const struct vcpu *v, unsigned gpr) {
  return (uint16_t)v->s.gpr[gpr];
}

void bios_set_low(struct vcpu *v, unsigned gpr, uint8_t value) {
  v->s.gpr[gpr] = (v->s.gpr[gpr] & ~(uint64_t)0xff) | value;
}

void bios_set_high(struct vcpu *v, unsigned gpr, uint8_t value) {
  v->s.gpr[gpr] = (v->s.gpr[gpr] & ~(uint64_t)0xff00) | (uint64_t)value << 8;
}

void bios_set_word(struct vcpu *v, unsigned gpr, uint16_t value) {
  v->s.gpr[gpr] = (v->s.gpr[gpr] & ~(uint64_t)0xffff) | value;
}

void bios_set_dword(struct vcpu *v, unsigned gpr, uint32_t value) {
  v->s.gpr[gpr] = value;
}

uint64_t bios_address(const struct vcpu *v, unsigned segment, uint16_t offset) {
  return v->s.segment[segment].base + offset;
}

/* INT pushed FLAGS, CS, IP. */
void bios_return_flag(vmxsim_pc *pc, const struct vcpu *v, unsigned flag, bool value) {
  uint8_t bytes[2];
  const uint64_t at = bios_address(v, VMXSIM_SS, (uint16_t)(bios_word(v, VMXSIM_RSP) + 4));
  vmxsim_machine_read(pc->machine, at, bytes, sizeof bytes);
  const unsigned flags = get_16(bytes);
  put_16(bytes, (uint16_t)(value ? flags | flag : flags & ~flag));
  vmxsim_machine_write(pc->machine, at, bytes, sizeof bytes);
}
