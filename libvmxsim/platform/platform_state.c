/* The state of the PC's devices as tables, for snapshots. Nothing is derived from it. */
#include "libvmxsim/platform/platform.h"

#define TABLE(name) static const struct state_table name##_table = STATE_TABLE(name)

#define PIC(member) STATE_NUMBER(struct pic, member)
#define PIC_FLAG(member) STATE_FLAG(struct pic, member)
static const struct state_field pic[] = {
    PIC(irr),
    PIC(isr),
    PIC(imr),
    PIC(lines),
    PIC(elcr),
    PIC(base),
    STATE_UP_TO(struct pic, lowest, 7),
    STATE_UP_TO(struct pic, next_icw, 4),
    PIC_FLAG(needs_icw4),
    PIC_FLAG(single),
    PIC_FLAG(auto_eoi),
    PIC_FLAG(rotate_on_auto_eoi),
    PIC_FLAG(special_mask),
    PIC_FLAG(read_isr),
    PIC_FLAG(poll),
};
TABLE(pic);

#define CHANNEL(member) STATE_EACH(struct pit, channel, member)
#define CHANNEL_UP_TO(member, first, last) STATE_EACH_RANGE(struct pit, channel, member, first, last)
#define CHANNEL_FLAG(member) STATE_EACH_FLAG(struct pit, channel, member)
static const struct state_field pit[] = {
    CHANNEL_UP_TO(mode, 0, 5),
    CHANNEL_UP_TO(access, 0, 3),
    CHANNEL_FLAG(bcd),
    CHANNEL_FLAG(gate),
    CHANNEL_FLAG(counting),
    CHANNEL_FLAG(write_high_next),
    CHANNEL_FLAG(read_high_next),
    CHANNEL_FLAG(latched),
    CHANNEL_FLAG(status_latched),
    CHANNEL(write_low),
    CHANNEL(status),
    CHANNEL(latch),
    CHANNEL_UP_TO(reload, 1, 65536),
    CHANNEL(start),
    STATE_NUMBER(struct pit, edge),
};
TABLE(pit);

static const struct state_field rtc[] = {
    STATE_UP_TO(struct rtc, index, 127), STATE_ARRAY(struct rtc, cmos),   STATE_NUMBER(struct rtc, offset),
    STATE_NUMBER(struct rtc, seconds),   STATE_NUMBER(struct rtc, ticks),
};
TABLE(rtc);

static const struct state_field ioapic[] = {
    STATE_NUMBER(struct ioapic, select),
    STATE_NUMBER(struct ioapic, id),
    STATE_ARRAY(struct ioapic, redirection),
    STATE_NUMBER(struct ioapic, lines),
};
TABLE(ioapic);

#define SERIAL(member) STATE_NUMBER(struct serial, member)
static const struct state_field serial[] = {
    SERIAL(ier),
    SERIAL(lcr),
    SERIAL(mcr),
    SERIAL(scratch),
    SERIAL(fcr),
    SERIAL(divisor),
    STATE_FLAG(struct serial, transmit_empty_pending),
    STATE_FLAG(struct serial, status_read),
    STATE_ARRAY(struct serial, fifo),
    STATE_UP_TO(struct serial, fifo_first, 15),
    STATE_UP_TO(struct serial, fifo_count, 16),
};
TABLE(serial);

static const struct state_field acpi[] = {
    STATE_NUMBER(struct acpi, pm1_status),
    STATE_NUMBER(struct acpi, pm1_enable),
    STATE_NUMBER(struct acpi, pm1_control),
    STATE_FLAG(struct acpi, suspended),
};
TABLE(acpi);

static const struct state_field fw_cfg[] = {
    STATE_NUMBER(struct fw_cfg, key),
    STATE_NUMBER(struct fw_cfg, position),
};
TABLE(fw_cfg);

static const struct state_field keyboard[] = {
    STATE_NUMBER(struct keyboard, command),
    STATE_NUMBER(struct keyboard, output),
    STATE_FLAG(struct keyboard, output_full),
    STATE_ARRAY(struct keyboard, keys),
    STATE_UP_TO(struct keyboard, key_first, KEYS - 1),
    STATE_UP_TO(struct keyboard, key_count, KEYS),
};
TABLE(keyboard);

static const struct state_field crtc[] = {
    STATE_UP_TO(struct crtc, index, 31),
    STATE_ARRAY(struct crtc, reg),
};
TABLE(crtc);

static const struct state_field ports[] = {
    STATE_NUMBER(struct system_ports, port_92),     STATE_NUMBER(struct system_ports, port_cf9),
    STATE_NUMBER(struct system_ports, port_61),     STATE_UP_TO(struct system_ports, shutdown_matched, 7),
    STATE_NUMBER(struct system_ports, pci_address),
};
TABLE(ports);

static const struct state_field test_memory[] = {
    {.name = "bytes", .count = TEST_MEMORY_SIZE, .stride = 1, .width = 1},
};
TABLE(test_memory);

#define PC(member) STATE_NUMBER(struct vmxsim_pc, member)
static const struct state_field board[] = {
    PC(level_device),
    PC(level_test),
    STATE_UP_TO(struct vmxsim_pc, action, ACTION_RESUME),
    PC(test.data),
    STATE_FLAG(struct vmxsim_pc, exited),
    STATE_FLAG(struct vmxsim_pc, powered_off),
    PC(exit_value),
};
TABLE(board);

/* What a reset of the guest boots again. */
static const struct state_field image[] = {
    PC(image.checksum),
    PC(module.checksum),
    PC(flat_address),
    PC(flat_mode),
};
TABLE(image);

vmxsim_status pc_declare_state(vmxsim_pc *pc) {
  const struct device_state states[] = {
      {.name = "pc.image", .table = &image_table, .object = pc, .is_configuration = true},
      {.name = "pc.board", .table = &board_table, .object = pc},
      {.name = "pc.pic0", .table = &pic_table, .object = &pc->pic[0]},
      {.name = "pc.pic1", .table = &pic_table, .object = &pc->pic[1]},
      {.name = "pc.pit", .table = &pit_table, .object = &pc->pit},
      {.name = "pc.rtc", .table = &rtc_table, .object = &pc->rtc},
      {.name = "pc.ioapic", .table = &ioapic_table, .object = &pc->ioapic},
      {.name = "pc.serial", .table = &serial_table, .object = &pc->serial},
      {.name = "pc.acpi", .table = &acpi_table, .object = &pc->acpi},
      {.name = "pc.fw_cfg", .table = &fw_cfg_table, .object = &pc->fw_cfg},
      {.name = "pc.keyboard", .table = &keyboard_table, .object = &pc->keyboard},
      {.name = "pc.crtc", .table = &crtc_table, .object = &pc->crtc},
      {.name = "pc.ports", .table = &ports_table, .object = &pc->ports},
      {.name = "pc.test_memory", .table = &test_memory_table, .object = pc->test.memory},
  };
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
    if (!machine_add_device_state(&pc->machine->machine, &states[i])) return VMXSIM_ERROR_LIMIT;
  }
  return VMXSIM_OK;
}
