/* What vmxsim run shows of processors that have come to an end. */
#include "cli/run_registers.h"

#include <stdio.h>

typedef unsigned long long number;

static unsigned code_bits(const struct vmxsim_state *s) {
  enum { LONG_MODE_ACTIVE = 1 << 10, CS_LONG = 1 << 13, CS_DEFAULT_32 = 1 << 14 };
  const uint32_t rights = s->segment[VMXSIM_CS].access_rights;
  if ((s->efer & LONG_MODE_ACTIVE) && (rights & CS_LONG)) return 64;
  return rights & CS_DEFAULT_32 ? 32 : 16;
}

/* What it does, or waits for. */
static const char *activity_name(const struct vmxsim_state *s) {
  enum { INTERRUPT_FLAG = 1 << 9 };
  switch (s->activity) {
  case VMXSIM_ACTIVE: return "active";
  case VMXSIM_HLT: return s->rflags & INTERRUPT_FLAG ? "halted, waits for an interrupt" : "halted with interrupts off";
  case VMXSIM_SHUTDOWN: return "shut down";
  case VMXSIM_WAIT_FOR_SIPI: return "waits for a start-up IPI";
  case VMXSIM_MWAIT: return "waits for a write or an interrupt (MWAIT)";
  }
  return "";
}

static void print_registers(const struct vmxsim_state *s) {
  static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                      "r8 ", "r9 ", "r10", "r11", "r12", "r13", "r14", "r15"};
  static const char *const segments[] = {"es", "cs", "ss", "ds", "fs", "gs"};
  for (unsigned i = 0; i < 16; i++)
    fprintf(stderr, "  %s %016llx%s", names[i], (number)s->gpr[i], i % 4 == 3 ? "\n" : "");
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++)
    fprintf(stderr, "  %s  %04x base %llx limit %x rights %x\n", segments[i], s->segment[i].selector,
            (number)s->segment[i].base, s->segment[i].limit, s->segment[i].access_rights);
  fprintf(stderr, "  gdtr %llx+%x  idtr %llx+%x  tr %04x base %llx\n", (number)s->gdtr.base, s->gdtr.limit,
          (number)s->idtr.base, s->idtr.limit, s->tr.selector, (number)s->tr.base);
  fprintf(stderr, "  cr0 %llx  cr2 %llx  cr3 %llx  cr4 %llx  efer %llx  dr6 %llx  dr7 %llx\n", (number)s->cr0,
          (number)s->cr2, (number)s->cr3, (number)s->cr4, (number)s->efer, (number)s->dr6, (number)s->dr7);
}

static void print_code(vmxsim_vcpu *vcpu, const struct vmxsim_state *s) {
  enum { LINES = 4, LONGEST = 15 };
  const unsigned bits = code_bits(s);
  uint64_t rip = s->rip;
  for (unsigned i = 0; i < LINES; i++) {
    uint8_t bytes[LONGEST];
    char text[100];
    struct vmxsim_walk failure;
    const uint64_t linear = bits == 64 ? rip : (uint32_t)(s->segment[VMXSIM_CS].base + rip);
    if (vmxsim_vcpu_read_linear(vcpu, linear, bytes, sizeof bytes, &failure)) {
      fprintf(stderr, "  %s %llx: %s\n", i ? " " : ">", (number)rip, vmxsim_walk_end_text(failure.end));
      return;
    }
    const size_t length = vmxsim_disassemble(bits, rip, bytes, sizeof bytes, text, sizeof text);
    fprintf(stderr, "  %s %llx  %s\n", i ? " " : ">", (number)rip, text);
    if (!length) return;
    rip += length;
  }
}

static void print_vcpu(vmxsim_vcpu *vcpu, const struct elf_symbols *symbols) {
  struct vmxsim_state s;
  uint64_t offset;
  vmxsim_vcpu_get_state(vcpu, &s);
  fprintf(stderr, "processor %u, %s, at %04x:%llx", vmxsim_vcpu_index(vcpu), activity_name(&s),
          s.segment[VMXSIM_CS].selector, (number)s.rip);
  const char *const symbol = elf_symbol_at(symbols, s.segment[VMXSIM_CS].base + s.rip, &offset);
  if (symbol) fprintf(stderr, " <%s+0x%llx>", symbol, (number)offset);
  fprintf(stderr, ", rflags %llx, cpl %u, %u-bit code, cycle %llu\n", (number)s.rflags,
          s.cr0 & 1 ? s.segment[VMXSIM_SS].access_rights >> 5 & 3 : 0, code_bits(&s), (number)vmxsim_vcpu_cycles(vcpu));
  print_registers(&s);
  print_code(vcpu, &s);
}

void print_all_vcpus(vmxsim_machine *machine, const struct elf_symbols *symbols) {
  vmxsim_vcpu *vcpu;
  for (unsigned i = 0; (vcpu = vmxsim_machine_vcpu(machine, i)) != NULL; i++) print_vcpu(vcpu, symbols);
}
