/* What the BIOS does: the state in which it leaves the PC, booting, and the dispatch of its services from their ports.
 *
 * The stubs are bios_rom.c's, the services themselves bios_services.c's, bios_video.c's and bios_disk.c's.
 */
#include "libvmxsim/platform/bios.h"
#include "libvmxsim/platform/bios_services.h"
#include "libvmxsim/platform/platform.h"

enum { BDA = 0x400, RESUME_VECTOR = 0x467 };

/* --- memory map --- */

static void add_range(struct bios_range *ranges, unsigned *count, uint64_t address, uint64_t end, uint32_t type) {
  if (end > address) ranges[(*count)++] = (struct bios_range){address, end - address, type};
}

unsigned bios_memory_map(const vmxsim_pc *pc, struct bios_range ranges[BIOS_RANGES]) {
  enum { RAM = 1, RESERVED = 2 };
  const uint64_t four_gib = UINT64_C(1) << 32;
  unsigned count = 0;
  add_range(ranges, &count, 0, EBDA, RAM);
  add_range(ranges, &count, EBDA, 0xa0000, RESERVED);
  add_range(ranges, &count, ROM_ADDRESS, MIB, RESERVED);
  add_range(ranges, &count, MIB, pc->low_memory_end, RAM);
  add_range(ranges, &count, four_gib - ROM_SIZE, four_gib, RESERVED);
  add_range(ranges, &count, four_gib, four_gib + pc->high_memory, RAM);
  return count;
}

/* --- the state that the BIOS leaves --- */

static void set_vector(uint8_t ivt[1024], unsigned vector, uint16_t offset) {
  put_16(ivt + 4 * vector, offset);
  put_16(ivt + 4 * vector + 2, BIOS_SEGMENT);
}

static void write_ivt(vmxsim_pc *pc) {
  uint8_t ivt[1024];
  for (unsigned i = 0; i < 256; i++) set_vector(ivt, i, BIOS_IRET);
  for (unsigned i = 0x08; i < 0x10; i++) set_vector(ivt, i, BIOS_EOI_MASTER);
  for (unsigned i = 0x70; i < 0x78; i++) set_vector(ivt, i, BIOS_EOI_SLAVE);
  set_vector(ivt, 0x08, bios_stub(BIOS_TICK));
  set_vector(ivt, 0x10, bios_stub(BIOS_VIDEO));
  set_vector(ivt, 0x11, bios_stub(BIOS_EQUIPMENT));
  set_vector(ivt, 0x12, bios_stub(BIOS_MEMORY));
  set_vector(ivt, 0x13, bios_stub(BIOS_DISK));
  set_vector(ivt, 0x15, bios_stub(BIOS_SYSTEM));
  set_vector(ivt, 0x16, bios_stub(BIOS_KEYBOARD));
  set_vector(ivt, 0x18, bios_stub(BIOS_REBOOT));
  set_vector(ivt, 0x19, bios_stub(BIOS_REBOOT));
  set_vector(ivt, 0x1a, bios_stub(BIOS_TIME));
  vmxsim_machine_write(pc->machine, 0, ivt, sizeof ivt);
}

static void write_bda(vmxsim_pc *pc) {
  uint8_t bda[256] = {0};
  put_16(bda + 0x00, 0x3f8);                 /* COM1 */
  put_16(bda + 0x0e, (uint16_t)(EBDA >> 4)); /* the EBDA's segment */
  put_16(bda + 0x10, BIOS_EQUIPMENT_WORD);
  put_16(bda + 0x13, BIOS_BASE_MEMORY_KIB);
  bda[0x49] = 3; /* video mode */
  put_16(bda + 0x4a, BIOS_COLUMNS);
  put_16(bda + 0x63, 0x3d4); /* the CRT controller */
  bda[0x84] = BIOS_ROWS - 1;
  vmxsim_machine_write(pc->machine, BDA, bda, sizeof bda);
}

/* Vectors 08H and 70H; IRQ 2 and 11 are not masked, and the timer runs at 18.2 Hz. */
static void set_up_interrupt_controllers(vmxsim_pc *pc) {
  pc->pic[0] = (struct pic){.base = 0x08, .imr = 0xfb, .lowest = 7};
  pc->pic[1] = (struct pic){.base = 0x70, .imr = 0xf7, .lowest = 7};
  pc->pit.channel[0].counting = true;
  pc->pit.channel[0].start = 0;
}

/* ExtINT on LINT0 of the bootstrap processor, NMI on LINT1. */
static void set_up_local_apic(vmxsim_pc *pc) {
  enum { SVR = 0xf0, LINT0 = 0x350, LINT1 = 0x360 };
  struct apic *apic = pc->machine->machine.vcpu[0]->cpu.apic;
  apic_mmio_write(apic, SVR, 4, 0x1ff);
  apic_mmio_write(apic, LINT0, 4, 0x700);
  apic_mmio_write(apic, LINT1, 4, 0x400);
}

void bios_set_up(vmxsim_pc *pc) {
  set_up_interrupt_controllers(pc);
  set_up_local_apic(pc);
}

/* --- booting --- */

static bool resumes_at_40_67(vmxsim_pc *pc) {
  enum { SHUTDOWN_STATUS = 0x0f, JUMP_WITH_EOI = 5, JUMP = 10 };
  const uint8_t status = pc->rtc.cmos[SHUTDOWN_STATUS];
  pc->rtc.cmos[SHUTDOWN_STATUS] = 0;
  return status == JUMP_WITH_EOI || status == JUMP;
}

static vmxsim_status boot(vmxsim_pc *pc) {
  bios_set_up(pc);
  if (resumes_at_40_67(pc)) {
    uint8_t vector[4];
    vmxsim_machine_read(pc->machine, RESUME_VECTOR, vector, sizeof vector);
    start_real_mode(pc, get_16(vector + 2), get_16(vector), 0);
    return VMXSIM_OK;
  }
  write_ivt(pc);
  write_bda(pc);
  return pc->boot ? pc->boot(pc) : VMXSIM_OK;
}

vmxsim_status bios_boot(vmxsim_pc *pc) {
  const bool in_timer = pc->in_timer;
  pc->in_timer = true; /* no op executes, whoever asks */
  const vmxsim_status status = boot(pc);
  pc->in_timer = in_timer;
  return status;
}

/* --- dispatch --- */

/* Only the ROM's own stubs are listened to. */
static bool is_ours(const struct vcpu *v) {
  return v->s.segment[VMXSIM_CS].base == (uint64_t)BIOS_SEGMENT << 4 && !vcpu_in_protected_mode(v);
}

static void port_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)size;
  (void)value;
  vmxsim_pc *pc = context;
  struct vcpu *v = pc_running(pc);
  if (!is_ours(v)) return;
  switch ((enum bios_service)(port - BIOS_PORT)) {
  case BIOS_RESET:
  case BIOS_REBOOT: pc_defer(pc, ACTION_BOOT); break;
  case BIOS_VIDEO: bios_video(pc, v); break;
  case BIOS_EQUIPMENT: bios_equipment(v); break;
  case BIOS_MEMORY: bios_memory(v); break;
  case BIOS_DISK: bios_disk(pc, v); break;
  case BIOS_SYSTEM: bios_system(pc, v); break;
  case BIOS_KEYBOARD: bios_keyboard(pc, v); break;
  case BIOS_TIME: bios_time(pc, v); break;
  case BIOS_TICK: bios_tick(pc); break;
  case BIOS_SERVICES: break;
  }
}

vmxsim_status bios_init(vmxsim_pc *pc) {
  return pc_map_ports(pc, BIOS_PORT, BIOS_PORT + BIOS_SERVICES - 1, NULL, port_write);
}
