/* The real-time clock and CMOS memory (MC146818): time from the machine's clock, alarm, update-ended and periodic
 * interrupts.
 *
 * Timers run only while an interrupt is wanted; flags follow from the clock when they are read. Update in progress is
 * seen in the last 2.2 ms of a second (data sheet: 244 us before an update of 1,984 us).
 */
#include "libvmxsim/platform/platform.h"

enum {
  SECONDS = 0,
  SECONDS_ALARM,
  MINUTES,
  MINUTES_ALARM,
  HOURS,
  HOURS_ALARM,
  WEEKDAY,
  DAY,
  MONTH,
  YEAR,
  A,
  B,
  C,
  D,
  CENTURY = 0x32
};
enum {
  A_UIP = 0x80,
  B_SET = 0x80,
  B_PIE = 0x40,
  B_AIE = 0x20,
  B_UIE = 0x10,
  B_BINARY = 4,
  B_24 = 2,
  C_IRQF = 0x80,
  C_PF = 0x40,
  C_AF = 0x20,
  C_UF = 0x10
};
enum { DAY_SECONDS = 86400, UPDATE_MICROSECONDS = 2228, DIVIDER_HZ = 32768 };

/* --- time --- */

struct date {
  int64_t year;
  unsigned month, day, weekday, hour, minute, second; /* month, day, weekday from 1; Sunday is 1 */
};

/* Days since 1970-01-01 to a date and back, by the era of 400 years (the Gregorian calendar repeats itself after one).
 */
static struct date date_of(int64_t seconds) {
  int64_t days = seconds / DAY_SECONDS, rest = seconds % DAY_SECONDS;
  if (rest < 0) rest += DAY_SECONDS, days--;
  const int64_t from_march_0000 = days + 719468;
  const int64_t era = (from_march_0000 >= 0 ? from_march_0000 : from_march_0000 - 146096) / 146097;
  const unsigned in_era = (unsigned)(from_march_0000 - era * 146097);
  const unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  const unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
  const unsigned march_month = (5 * in_year + 2) / 153;
  const unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;
  return (struct date){year + era * 400 + (month <= 2),
                       month,
                       in_year - (153 * march_month + 2) / 5 + 1,
                       (unsigned)((days % 7 + 11) % 7) + 1,
                       (unsigned)(rest / 3600),
                       (unsigned)(rest / 60 % 60),
                       (unsigned)(rest % 60)};
}

static int64_t seconds_of(const struct date *date) {
  const int64_t year = date->year - (date->month <= 2);
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t in_era_year = year - era * 400;
  const unsigned march_month = date->month > 2 ? date->month - 3 : date->month + 9;
  const int64_t in_year = (153 * march_month + 2) / 5 + date->day - 1;
  const int64_t days = era * 146097 + in_era_year * 365 + in_era_year / 4 - in_era_year / 100 + in_year - 719468;
  return days * DAY_SECONDS + date->hour * 3600 + date->minute * 60 + date->second;
}

static uint64_t uptime(const vmxsim_pc *pc) {
  return pc_ticks(pc, pc_now(pc), 1);
}

/* While SET is 1 the clock stands where it was; the registers are then in cmos[]. */
static bool stands(const struct rtc *rtc) {
  return rtc->cmos[B] & B_SET;
}

/* --- registers --- */

static uint8_t encode(const struct rtc *rtc, unsigned value) {
  return (uint8_t)(rtc->cmos[B] & B_BINARY ? value : value / 10 << 4 | value % 10);
}

static unsigned decode(const struct rtc *rtc, uint8_t value) {
  return rtc->cmos[B] & B_BINARY ? value : (value >> 4) * 10u + (value & 15);
}

static uint8_t encode_hour(const struct rtc *rtc, unsigned hour) {
  if (rtc->cmos[B] & B_24) return encode(rtc, hour);
  const unsigned twelve = hour % 12 ? hour % 12 : 12;
  return (uint8_t)(encode(rtc, twelve) | (hour >= 12 ? 0x80 : 0));
}

static unsigned decode_hour(const struct rtc *rtc, uint8_t value) {
  if (rtc->cmos[B] & B_24) return decode(rtc, value);
  return decode(rtc, value & 0x7f) % 12 + (value & 0x80 ? 12 : 0);
}

/* Time into the registers. */
static void to_registers(struct rtc *rtc, int64_t seconds) {
  const struct date date = date_of(seconds);
  rtc->cmos[SECONDS] = encode(rtc, date.second);
  rtc->cmos[MINUTES] = encode(rtc, date.minute);
  rtc->cmos[HOURS] = encode_hour(rtc, date.hour);
  rtc->cmos[WEEKDAY] = encode(rtc, date.weekday);
  rtc->cmos[DAY] = encode(rtc, date.day);
  rtc->cmos[MONTH] = encode(rtc, date.month);
  rtc->cmos[YEAR] = encode(rtc, (unsigned)(date.year % 100));
  rtc->cmos[CENTURY] = (uint8_t)(date.year / 1000 % 10 << 4 | date.year / 100 % 10);
}

static int64_t from_registers(const struct rtc *rtc) {
  const unsigned century = (rtc->cmos[CENTURY] >> 4) * 10u + (rtc->cmos[CENTURY] & 15);
  const struct date date = {.year = century * 100 + decode(rtc, rtc->cmos[YEAR]),
                            .month = decode(rtc, rtc->cmos[MONTH]),
                            .day = decode(rtc, rtc->cmos[DAY]),
                            .hour = decode_hour(rtc, rtc->cmos[HOURS]),
                            .minute = decode(rtc, rtc->cmos[MINUTES]),
                            .second = decode(rtc, rtc->cmos[SECONDS])};
  return seconds_of(&date);
}

static bool is_time(unsigned index) {
  return index == SECONDS || index == MINUTES || index == HOURS || (index >= WEEKDAY && index <= YEAR) ||
         index == CENTURY;
}

/* --- flags and interrupts --- */

static void raise(vmxsim_pc *pc, uint8_t flags) {
  struct rtc *rtc = &pc->rtc;
  rtc->cmos[C] |= flags;
  if (!(rtc->cmos[B] & rtc->cmos[C] & (C_PF | C_AF | C_UF))) return;
  rtc->cmos[C] |= C_IRQF;
  pc_set_line(pc, LINE_RTC, true);
}

/* Whether the alarm is that of a second of the uptime. */
static bool alarm_matches(const struct rtc *rtc, uint64_t uptime_seconds) {
  struct rtc then = *rtc;
  to_registers(&then, rtc->offset + (int64_t)uptime_seconds);
  for (unsigned i = SECONDS; i <= HOURS; i += 2) {
    const uint8_t alarm = then.cmos[i + 1];
    if (alarm < 0xc0 && alarm != then.cmos[i]) return false;
  }
  return true;
}

/* Whether it was that of one of those after `before`, up to `now`: within a day all times come by. */
static bool alarm_has_matched(const struct rtc *rtc, uint64_t before, uint64_t now) {
  if (now - before > DAY_SECONDS) before = now - DAY_SECONDS;
  while (before < now)
    if (alarm_matches(rtc, ++before)) return true;
  return false;
}

/* Seconds that have gone by since the flags were last brought up to date. */
static void pass_seconds(vmxsim_pc *pc) {
  struct rtc *rtc = &pc->rtc;
  const uint64_t before = rtc->seconds, now = uptime(pc);
  if (now <= before) return; /* the clocks of several processors differ by a little */
  rtc->seconds = now;
  if (stands(rtc)) return;
  const bool alarm = alarm_has_matched(rtc, before, now);
  raise(pc, (uint8_t)(C_UF | (alarm ? C_AF : 0)));
  if (alarm && (rtc->cmos[B] & B_AIE)) acpi_rtc_alarm(pc);
}

/* The rate of PF, in ticks of the divider: 2^(rate-1); rates 1 and 2 are those of 8 and 9. 0: none. */
static uint64_t period(const struct rtc *rtc) {
  const unsigned rate = rtc->cmos[A] & 15;
  if (!rate) return 0;
  return UINT64_C(1) << (rate <= 2 ? rate + 6 : rate - 1);
}

/* The same for the ticks of the divider. */
static void pass_ticks(vmxsim_pc *pc) {
  struct rtc *rtc = &pc->rtc;
  const uint64_t before = rtc->ticks, now = pc_ticks(pc, pc_now(pc), DIVIDER_HZ), cycle = period(rtc);
  if (now <= before) return;
  rtc->ticks = now;
  if (cycle && now / cycle != before / cycle) raise(pc, C_PF);
}

/* The flags are set whatever interrupts are enabled (MC146818A data sheet, "Register C"). They are only brought up to
 * date when somebody looks, or before something changes that they depend on. */
static void catch_up(vmxsim_pc *pc) {
  pass_seconds(pc);
  pass_ticks(pc);
}

static void second(void *context);
static void periodic(void *context);

/* The timers, after catch_up(), for those interrupts that are enabled. */
static void arm(vmxsim_pc *pc) {
  const struct rtc *rtc = &pc->rtc;
  const uint64_t cycle = rtc->cmos[B] & B_PIE ? period(rtc) : 0;
  const bool wants_seconds = !stands(rtc) && (rtc->cmos[B] & (B_AIE | B_UIE));
  pc_set_timer(pc, wants_seconds ? pc_cycle_of_tick(pc, rtc->seconds + 1, 1) : 0, second);
  pc_set_timer(pc, cycle ? pc_cycle_of_tick(pc, (rtc->ticks / cycle + 1) * cycle, DIVIDER_HZ) : 0, periodic);
}

static void expired(vmxsim_pc *pc) {
  pc->in_timer = true;
  catch_up(pc);
  arm(pc);
  pc->in_timer = false;
}

/* Two timers, as each has one cycle to wait for. */
static void second(void *context) {
  expired(context);
}

static void periodic(void *context) {
  expired(context);
}

/* --- ports --- */

static bool is_updating(const vmxsim_pc *pc) {
  if (stands(&pc->rtc)) return false;
  return pc_ticks(pc, pc_now(pc), 1000000) % 1000000 >= 1000000 - UPDATE_MICROSECONDS;
}

static uint8_t read_cmos(vmxsim_pc *pc) {
  struct rtc *rtc = &pc->rtc;
  if (is_time(rtc->index) && !stands(rtc)) to_registers(rtc, rtc->offset + (int64_t)uptime(pc));
  if (rtc->index == A) return (uint8_t)((rtc->cmos[A] & 0x7f) | (is_updating(pc) ? A_UIP : 0));
  if (rtc->index == D) return 0x80;
  if (rtc->index == C) catch_up(pc);
  const uint8_t value = rtc->cmos[rtc->index];
  if (rtc->index == C) {
    rtc->cmos[C] = 0;
    pc_set_line(pc, LINE_RTC, false);
  }
  return value;
}

uint8_t rtc_read(vmxsim_pc *pc, uint8_t index) {
  const uint8_t before = pc->rtc.index;
  pc->rtc.index = index;
  const uint8_t value = read_cmos(pc);
  pc->rtc.index = before;
  return value;
}

static void write_b(vmxsim_pc *pc, uint8_t value) {
  struct rtc *rtc = &pc->rtc;
  const bool stood = stands(rtc);
  if (!stood) to_registers(rtc, rtc->offset + (int64_t)uptime(pc));
  const int64_t seconds = from_registers(rtc);
  rtc->cmos[B] = value & (value & B_SET ? 0xef : 0xff);
  if (stood && !stands(rtc)) rtc->offset = seconds - (int64_t)uptime(pc);
  arm(pc);
  raise(pc, 0); /* for a flag that was set before its interrupt was enabled */
}

static void write_time(vmxsim_pc *pc, uint8_t value) {
  struct rtc *rtc = &pc->rtc;
  if (!stands(rtc)) to_registers(rtc, rtc->offset + (int64_t)uptime(pc));
  rtc->cmos[rtc->index] = value;
  if (!stands(rtc)) rtc->offset = from_registers(rtc) - (int64_t)uptime(pc);
}

static void write_cmos(vmxsim_pc *pc, uint8_t value) {
  struct rtc *rtc = &pc->rtc;
  catch_up(pc);
  switch (rtc->index) {
  case A:
    rtc->cmos[A] = value & 0x7f;
    arm(pc);
    break;
  case B: write_b(pc, value); break;
  case C:
  case D: break;
  default:
    if (is_time(rtc->index)) {
      write_time(pc, value);
    } else {
      rtc->cmos[rtc->index] = value;
    }
  }
}

static uint32_t port_read(void *context, uint16_t port, unsigned size) {
  (void)size;
  vmxsim_pc *pc = context;
  return port & 1 ? read_cmos(pc) : 0xff;
}

static void port_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)size;
  vmxsim_pc *pc = context;
  if (port & 1) {
    write_cmos(pc, (uint8_t)value);
  } else {
    pc->rtc.index = value & 0x7f;
  }
}

/* A reset of the system clears the interrupt enables and flags; the rest has a battery. */
void rtc_reset(vmxsim_pc *pc) {
  pc->rtc.cmos[B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE);
  catch_up(pc);
  pc->rtc.cmos[C] = 0;
  arm(pc);
}

/* What software reads of memory sizes: KiB above 1 MiB, 64 KiB above 16 MiB, 64 KiB above 4 GiB. */
static void set_memory_sizes(vmxsim_pc *pc) {
  uint8_t *cmos = pc->rtc.cmos;
  const uint64_t above_1m = (pc->low_memory_end - MIB) / 1024;
  const uint64_t extended = above_1m > 0xffff ? 0xffff : above_1m;
  const uint64_t above_16m = pc->low_memory_end > 16 * MIB ? (pc->low_memory_end - 16 * MIB) >> 16 : 0;
  put_16(cmos + 0x15, 640);
  put_16(cmos + 0x17, (uint16_t)extended);
  put_16(cmos + 0x30, (uint16_t)extended);
  put_16(cmos + 0x34, (uint16_t)above_16m);
  put_16(cmos + 0x5b, (uint16_t)(pc->high_memory >> 16));
  cmos[0x5d] = (uint8_t)(pc->high_memory >> 32);
  cmos[0x5f] = (uint8_t)(pc->machine->machine.vcpus - 1);
}

vmxsim_status rtc_init(vmxsim_pc *pc) {
  const uint64_t default_time = UINT64_C(1767225600); /* 2026-01-01 */
  pc->rtc.cmos[A] = 0x26;
  pc->rtc.cmos[B] = B_24;
  pc->rtc.cmos[0x14] = 0x07; /* equipment: a floppy drive, FPU, mouse port */
  pc->rtc.offset = (int64_t)(pc->options.unix_time ? pc->options.unix_time : default_time);
  set_memory_sizes(pc);
  vmxsim_status status = pc_map_ports(pc, 0x70, 0x71, port_read, port_write);
  if (!status) status = pc_name_timer(pc, "pc.rtc.second", second);
  return status ? status : pc_name_timer(pc, "pc.rtc.periodic", periodic);
}
