/* The 8254 timer: channel 0 on IRQ 0, channel 2 gated by port 61H. Intel 8254 data sheet.
 *
 * Counts follow from the machine's clock; only channel 0's next rise is waited for, and only while IRQ 0 is not masked
 * everywhere: a machine whose processors all halt is then seen to wait for nothing.
 */
#include "libvmxsim/platform/platform.h"

enum { PIT_HZ = 1193182, ACCESS_LATCH = 0, ACCESS_LOW = 1, ACCESS_HIGH = 2, ACCESS_BOTH = 3 };

static uint64_t now_ticks(const vmxsim_pc *pc) {
  return pc_ticks(pc, pc_now(pc), PIT_HZ);
}

static bool is_periodic(const struct pit_channel *channel) {
  return channel->mode == 2 || channel->mode == 3;
}

/* --- counting --- */

static uint32_t count_at(const struct pit_channel *channel, uint64_t tick) {
  const uint64_t gone = tick - channel->start;
  if (!channel->counting) return channel->reload;
  if (channel->mode == 3) return channel->reload - (uint32_t)(2 * gone % channel->reload);
  if (is_periodic(channel)) return channel->reload - (uint32_t)(gone % channel->reload);
  return (uint32_t)(channel->reload - gone) & 0xffff;
}

/* The output pin: mode 0 and 1 low until the count is out, 2 low for the last tick, 3 high in the first half, 4 and 5
 * low for a tick. */
static bool output_at(const struct pit_channel *channel, uint64_t tick) {
  const uint64_t gone = tick - channel->start;
  if (!channel->counting) return channel->mode != 0;
  switch (channel->mode) {
  case 0:
  case 1: return gone >= channel->reload;
  case 2: return gone % channel->reload != channel->reload - 1;
  case 3: return gone % channel->reload < (channel->reload + 1) / 2;
  default: return gone != channel->reload;
  }
}

/* The next tick after `tick` at which the output rises; UINT64_MAX if it will not. */
static uint64_t next_rise(const struct pit_channel *channel, uint64_t tick) {
  if (!channel->counting) return UINT64_MAX;
  if (is_periodic(channel)) return channel->start + ((tick - channel->start) / channel->reload + 1) * channel->reload;
  const uint64_t end = channel->start + channel->reload + (channel->mode >= 4);
  return end > tick ? end : UINT64_MAX;
}

/* --- IRQ 0 --- */

static bool is_listened_to(const vmxsim_pc *pc) {
  return !pic_is_masked(pc, LINE_PIT) || !ioapic_is_masked(pc, 2);
}

static void rise(void *context);

static void arm_after(vmxsim_pc *pc, uint64_t tick) {
  pc->pit.edge = is_listened_to(pc) ? next_rise(&pc->pit.channel[0], tick) : UINT64_MAX;
  const bool waits = pc->pit.edge != UINT64_MAX;
  pc_set_timer(pc, waits ? pc_cycle_of_tick(pc, pc->pit.edge, PIT_HZ) : 0, rise);
}

static void rise(void *context) {
  vmxsim_pc *pc = context;
  const uint64_t edge = pc->pit.edge;
  pc->in_timer = true;
  pc_set_line(pc, LINE_PIT, false);
  pc_set_line(pc, LINE_PIT, true);
  arm_after(pc, edge);
  pc->in_timer = false;
}

void pit_arm(vmxsim_pc *pc) {
  const bool waits = pc->pit.edge != UINT64_MAX;
  if (waits != is_listened_to(pc)) arm_after(pc, now_ticks(pc));
}

/* --- programming --- */

static void load(vmxsim_pc *pc, struct pit_channel *channel, uint32_t count) {
  const uint64_t now = now_ticks(pc);
  if (channel->bcd) {
    count = (count >> 12) * 1000 + (count >> 8 & 15) * 100 + (count >> 4 & 15) * 10 + (count & 15);
    channel->reload = count ? count : 10000;
  } else {
    channel->reload = count ? count : 65536;
  }
  channel->counting = channel->gate || channel->mode == 1 || channel->mode == 5;
  channel->start = now;
  if (channel != &pc->pit.channel[0]) return;
  pc_set_line(pc, LINE_PIT, output_at(channel, now));
  arm_after(pc, now);
}

static void write_count(vmxsim_pc *pc, struct pit_channel *channel, uint8_t value) {
  if (channel->access == ACCESS_LOW) {
    load(pc, channel, value);
  } else if (channel->access == ACCESS_HIGH) {
    load(pc, channel, (uint32_t)value << 8);
  } else if (!channel->write_high_next) {
    channel->write_low = value;
    channel->write_high_next = true;
  } else {
    channel->write_high_next = false;
    load(pc, channel, channel->write_low | (uint32_t)value << 8);
  }
}

static uint16_t to_bcd(uint32_t value) {
  return (uint16_t)(value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10);
}

static uint16_t current_count(const vmxsim_pc *pc, const struct pit_channel *channel) {
  const uint32_t count = count_at(channel, now_ticks(pc));
  return channel->bcd ? to_bcd(count) : (uint16_t)count;
}

static void latch_count(const vmxsim_pc *pc, struct pit_channel *channel) {
  if (channel->latched) return;
  channel->latch = current_count(pc, channel);
  channel->latched = true;
}

static void latch_status(const vmxsim_pc *pc, struct pit_channel *channel) {
  const unsigned output = output_at(channel, now_ticks(pc));
  if (channel->status_latched) return;
  channel->status = (uint8_t)(output << 7 | (unsigned)!channel->counting << 6 | (unsigned)channel->access << 4 |
                              (unsigned)channel->mode << 1 | channel->bcd);
  channel->status_latched = true;
}

static void read_back(vmxsim_pc *pc, uint8_t command) {
  for (unsigned i = 0; i < 3; i++) {
    if (!(command >> (i + 1) & 1)) continue;
    if (!(command & 0x20)) latch_count(pc, &pc->pit.channel[i]);
    if (!(command & 0x10)) latch_status(pc, &pc->pit.channel[i]);
  }
}

static void write_command(vmxsim_pc *pc, uint8_t command) {
  if (command >> 6 == 3) {
    read_back(pc, command);
    return;
  }
  struct pit_channel *channel = &pc->pit.channel[command >> 6];
  const uint8_t access = command >> 4 & 3;
  if (access == ACCESS_LATCH) {
    latch_count(pc, channel);
    return;
  }
  const uint8_t mode = command >> 1 & 7;
  *channel = (struct pit_channel){.access = access, .gate = channel->gate, .reload = 65536, .bcd = command & 1};
  channel->mode = mode > 5 ? mode - 4 : mode;
  if (channel != &pc->pit.channel[0]) return;
  pc_set_line(pc, LINE_PIT, channel->mode != 0);
  arm_after(pc, now_ticks(pc));
}

static void port_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)size;
  vmxsim_pc *pc = context;
  if ((port & 3) == 3) {
    write_command(pc, (uint8_t)value);
  } else {
    write_count(pc, &pc->pit.channel[port & 3], (uint8_t)value);
  }
}

static uint8_t read_count(vmxsim_pc *pc, struct pit_channel *channel) {
  const uint16_t count = channel->latched ? channel->latch : current_count(pc, channel);
  const bool high = channel->access == ACCESS_HIGH || (channel->access == ACCESS_BOTH && channel->read_high_next);
  if (channel->access == ACCESS_BOTH) channel->read_high_next = !channel->read_high_next;
  if (channel->access != ACCESS_BOTH || high) channel->latched = false;
  return (uint8_t)(high ? count >> 8 : count);
}

static uint32_t port_read(void *context, uint16_t port, unsigned size) {
  (void)size;
  vmxsim_pc *pc = context;
  if ((port & 3) == 3) return 0xff;
  struct pit_channel *channel = &pc->pit.channel[port & 3];
  if (!channel->status_latched) return read_count(pc, channel);
  channel->status_latched = false;
  return channel->status;
}

/* Port 61H: bit 0 is channel 2's gate, bit 1 the speaker, bit 4 toggles with refresh, bit 5 is channel 2's output. */
static void write_61(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)port;
  (void)size;
  vmxsim_pc *pc = context;
  struct pit_channel *channel = &pc->pit.channel[2];
  const bool gate = value & 1;
  if (gate && !channel->gate) {
    channel->start = now_ticks(pc);
    channel->counting = true;
  }
  if (!gate) channel->counting = false;
  channel->gate = gate;
  pc->ports.port_61 = value & 3;
}

static uint32_t read_61(void *context, uint16_t port, unsigned size) {
  (void)port;
  (void)size;
  const vmxsim_pc *pc = context;
  enum { REFRESH_HZ = 66287 };
  const unsigned refresh = pc_ticks(pc, pc_now(pc), REFRESH_HZ) & 1;
  const unsigned output = output_at(&pc->pit.channel[2], now_ticks(pc));
  return pc->ports.port_61 | refresh << 4 | output << 5;
}

void pit_reset(vmxsim_pc *pc) {
  for (unsigned i = 0; i < 3; i++) {
    pc->pit.channel[i] = (struct pit_channel){.mode = 3, .access = ACCESS_BOTH, .reload = 65536, .gate = i != 2};
  }
  pc->pit.edge = UINT64_MAX;
  pc_set_timer(pc, 0, rise);
}

vmxsim_status pit_init(vmxsim_pc *pc) {
  vmxsim_status status = pc_map_ports(pc, 0x40, 0x43, port_read, port_write);
  if (!status) status = pc_map_ports(pc, 0x61, 0x61, read_61, write_61);
  return status ? status : pc_name_timer(pc, "pc.pit", rise);
}
