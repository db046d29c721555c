/* A machine of one's own: memory, a device, a port, a hook, and a piece of code that runs until it halts. */
#include <stdio.h>

#include "vmxsim/vmxsim.h"

enum { RAM = 0x10000, CODE = 0x1000, DEVICE = 0x20000 };

/* Real mode: reads a word from the device, adds it up three times, and says so at port E9H. */
static const uint8_t code[] = {
    0xb8, 0x00, 0x20, 0x8e, 0xd8,       /* mov ax,2000h; mov ds,ax */
    0xb9, 0x03, 0x00, 0x31, 0xdb,       /* mov cx,3; xor bx,bx */
    0x03, 0x1e, 0x10, 0x00, 0xe2, 0xfa, /* L: add bx,[10h]; loop L */
    0x88, 0xd8, 0xe6, 0xe9,             /* mov al,bl; out 0e9h,al */
    0xfa, 0xf4,                         /* cli; hlt */
};

static uint64_t device_read(void *context, uint64_t address, unsigned size) {
  unsigned *reads = context;
  printf("device: read %u of %u bytes at %02llx\n", ++*reads, size, (unsigned long long)address);
  return 14;
}

static void device_write(void *context, uint64_t address, unsigned size, uint64_t value) {
  (void)context, (void)address, (void)size, (void)value;
}

static void port_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)context, (void)size;
  printf("port %x: %u\n", port, value);
}

static enum vmxsim_hook_answer at_loop(void *context, const struct vmxsim_hook_access *access) {
  uint64_t rcx;
  (void)context;
  vmxsim_vcpu_get_register(access->vcpu, VMXSIM_REGISTER_rcx, &rcx, sizeof rcx);
  printf("loop at %llx, %llu to go\n", (unsigned long long)access->linear, (unsigned long long)rcx);
  return VMXSIM_HOOK_CONTINUE;
}

static vmxsim_status prepare(vmxsim_machine *machine, unsigned *reads) {
  const struct vmxsim_hook_range loop = {.kinds = VMXSIM_HOOK_EXECUTE, .first = CODE + 14, .last = CODE + 14};
  struct vmxsim_state state;
  vmxsim_hook_id id;
  vmxsim_status status = vmxsim_machine_map(machine, 0, RAM, VMXSIM_RAM, NULL);
  if (!status) status = vmxsim_machine_map_mmio(machine, DEVICE, 0x1000, device_read, device_write, reads);
  if (!status) status = vmxsim_machine_map_ports(machine, 0xe9, 0xe9, NULL, port_write, NULL);
  if (!status) status = vmxsim_machine_add_hook(machine, &loop, at_loop, NULL, &id);
  if (!status) status = vmxsim_machine_write(machine, CODE, code, sizeof code);
  vmxsim_vcpu_get_state(vmxsim_machine_vcpu(machine, 0), &state);
  state.segment[VMXSIM_CS].selector = 0;
  state.segment[VMXSIM_CS].base = 0;
  state.rip = CODE;
  return status ? status : vmxsim_vcpu_set_state(vmxsim_machine_vcpu(machine, 0), &state);
}

int main(void) {
  const struct vmxsim_machine_options options = {.size = sizeof options, .timing = VMXSIM_TIMING_LATENCY};
  struct vmxsim_run_result result;
  vmxsim_machine *machine;
  unsigned reads = 0;
  vmxsim_status status = vmxsim_machine_create(&options, &machine);
  if (!status) status = prepare(machine, &reads);
  if (!status) status = vmxsim_machine_run(machine, 1000000, &result);
  if (status)
    printf("%s\n", vmxsim_status_text(status));
  else
    printf("%s after %llu instructions and %llu cycles\n", vmxsim_stop_reason_text(result.reason),
           (unsigned long long)result.instructions, (unsigned long long)result.cycles);
  vmxsim_machine_destroy(machine);
  return status ? 1 : 0;
}
