/* The host-state and the guest-state area from the running kernel. SDM 3C, "Guest-State Area", "Host-State Area". */
#include "kernel/blocks.h"
#include "kernel/cpu.h"
#include "vmm/vm.h"

enum { IA32_SYSENTER_CS = 0x174, IA32_SYSENTER_ESP = 0x175, IA32_SYSENTER_EIP = 0x176 };

extern const uint8_t vm_exit[];

struct __attribute__((packed)) table_pointer {
  uint16_t limit;
  word base;
};

#define READ_SELECTOR(name, instruction) \
  static uint16_t name(void) { \
    word selector; \
    __asm__ volatile(instruction : "=r"(selector)); \
    return (uint16_t)selector; \
  }
READ_SELECTOR(read_es, "mov %%es, %0")
READ_SELECTOR(read_cs, "mov %%cs, %0")
READ_SELECTOR(read_ss, "mov %%ss, %0")
READ_SELECTOR(read_ds, "mov %%ds, %0")
READ_SELECTOR(read_fs, "mov %%fs, %0")
READ_SELECTOR(read_gs, "mov %%gs, %0")
READ_SELECTOR(read_tr, "str %0")

static struct table_pointer read_gdtr(void) {
  struct table_pointer pointer;
  __asm__ volatile("sgdt %0" : "=m"(pointer));
  return pointer;
}

static struct table_pointer read_idtr(void) {
  struct table_pointer pointer;
  __asm__ volatile("sidt %0" : "=m"(pointer));
  return pointer;
}

/* LAR has the access rights at bits 8 and up, as a descriptor's second half has them. */
static uint32_t access_rights(uint16_t selector) {
  word rights;
  __asm__("lar %1, %0" : "=r"(rights) : "r"((word)selector) : "cc");
  return (uint32_t)rights >> 8 & 0xf0ff;
}

static uint32_t segment_limit(uint16_t selector) {
  word limit;
  __asm__("lsl %1, %0" : "=r"(limit) : "r"((word)selector) : "cc");
  return (uint32_t)limit;
}

/* RSP is written by vm_enter(). */
void capture_host_state(struct vmcs_fields *fields) {
  struct control_block *block = this_processor();
  fields->host_cr0 = read_cr0();
  fields->host_cr3 = read_cr3();
  fields->host_cr4 = read_cr4();
  fields->host_es_selector = read_es();
  fields->host_cs_selector = read_cs();
  fields->host_ss_selector = read_ss();
  fields->host_ds_selector = read_ds();
  fields->host_fs_selector = read_fs();
  fields->host_gs_selector = read_gs();
  fields->host_gs_base = (word)block;
  fields->host_tr_selector = read_tr();
  fields->host_tr_base = (word)&block->task_state;
  fields->host_gdtr_base = read_gdtr().base;
  fields->host_idtr_base = read_idtr().base;
  fields->host_ia32_sysenter_cs = (uint32_t)read_msr(IA32_SYSENTER_CS);
  fields->host_ia32_sysenter_esp = read_msr(IA32_SYSENTER_ESP);
  fields->host_ia32_sysenter_eip = read_msr(IA32_SYSENTER_EIP);
  fields->host_rip = (word)vm_exit;
}

static void capture_segments(struct vmcs_fields *fields) {
#define SEGMENT(name) \
  fields->guest_##name##_selector = read_##name(); \
  fields->guest_##name##_limit = segment_limit(read_##name()); \
  fields->guest_##name##_access_rights = access_rights(read_##name())
  SEGMENT(es);
  SEGMENT(cs);
  SEGMENT(ss);
  SEGMENT(ds);
  SEGMENT(fs);
  SEGMENT(gs);
  SEGMENT(tr);
#undef SEGMENT
  fields->guest_tr_base = (word)&this_processor()->task_state;
  fields->guest_ldtr_access_rights = UNUSABLE;
}

void capture_guest_state(struct vmcs_fields *fields) {
  const struct table_pointer gdtr = read_gdtr();
  capture_segments(fields);
  fields->guest_cr0 = read_cr0();
  fields->guest_cr3 = read_cr3();
  fields->guest_cr4 = read_cr4();
  fields->guest_gdtr_base = gdtr.base;
  fields->guest_gdtr_limit = gdtr.limit;
  fields->guest_ia32_sysenter_cs = (uint32_t)read_msr(IA32_SYSENTER_CS);
  fields->guest_ia32_sysenter_esp = read_msr(IA32_SYSENTER_ESP);
  fields->guest_ia32_sysenter_eip = read_msr(IA32_SYSENTER_EIP);
  fields->guest_ia32_debugctl = read_msr(IA32_DEBUGCTL);
  fields->guest_dr7 = DR7_FIXED;
  fields->guest_rflags = RFLAGS_FIXED;
  fields->vmcs_link_pointer = UINT64_MAX;
}
