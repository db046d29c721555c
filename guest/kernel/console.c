/* The serial port, a small formatter, and the end of the machine. */
#include "kernel/console.h"

#include <stdarg.h>

#include "kernel/cpu.h"
#include "kernel/lock.h"

enum { SERIAL = 0x3f8, LINE_STATUS = 5, HOLDING_EMPTY = 0x20, ALL_SENT = 0x40, DEBUG_CONSOLE = 0xe9, EXIT = 0xf4 };
enum { BOCHS_SHUTDOWN = 0x8900 };

static struct lock lock;

typedef void put_character(char character);

static void put_serial(char character) {
  while (!(in_8(SERIAL + LINE_STATUS) & HOLDING_EMPTY)) pause();
  out_8(SERIAL, (uint8_t)character);
}

static void put_debug(char character) {
  out_8(DEBUG_CONSOLE, (uint8_t)character);
}

void console_init(void) {
  out_8(SERIAL + 3, 0x80); /* the divisor is at 0 and 1 */
  out_8(SERIAL + 0, 1);    /* 115200 bits a second */
  out_8(SERIAL + 1, 0);
  out_8(SERIAL + 3, 0x03); /* 8 bits, no parity, one stop bit */
  out_8(SERIAL + 1, 0);    /* no interrupts */
  out_8(SERIAL + 2, 0x07); /* FIFOs on and empty */
  out_8(SERIAL + 4, 0x03); /* ready */
}

static void put_text(put_character *put, const char *text) {
  while (*text) put(*text++);
}

static void put_hex(put_character *put, uint64_t value, unsigned digits) {
  while (digits--) put("0123456789abcdef"[value >> (4 * digits) & 15]);
}

static unsigned hex_digits(uint32_t value) {
  unsigned digits = 1;
  while (value >>= 4) digits++;
  return digits;
}

static void put_decimal(put_character *put, uint32_t value) {
  char digits[11];
  unsigned at = sizeof digits;
  digits[--at] = 0;
  do digits[--at] = (char)('0' + value % 10);
  while (value /= 10);
  put_text(put, digits + at);
}

static void format_to(put_character *put, const char *format, va_list arguments) {
  for (; *format; format++) {
    if (*format != '%') {
      put(*format);
      continue;
    }
    uint32_t number;
    switch (*++format) {
    case 's': put_text(put, va_arg(arguments, const char *)); break;
    case 'u': put_decimal(put, va_arg(arguments, uint32_t)); break;
    case 'x':
      number = va_arg(arguments, uint32_t);
      put_hex(put, number, hex_digits(number));
      break;
    case 'q': put_hex(put, va_arg(arguments, uint64_t), 16); break;
    default: put(*format); break;
    }
  }
}

void print(const char *format, ...) {
  va_list arguments;
  lock_take(&lock);
  va_start(arguments, format);
  format_to(put_serial, format, arguments);
  va_end(arguments);
  lock_release(&lock);
}

void marker(const char *format, ...) {
  va_list arguments;
  lock_take(&lock);
  va_start(arguments, format);
  format_to(put_debug, format, arguments);
  va_end(arguments);
  lock_release(&lock);
}

void exit_machine(enum exit_status status) {
  interrupts_off();
  while (!(in_8(SERIAL + LINE_STATUS) & ALL_SENT)) pause();
  out_8(EXIT, (uint8_t)status);
  for (const char *text = "Shutdown"; *text; text++) out_8(BOCHS_SHUTDOWN, (uint8_t)*text);
  for (;;) __asm__ volatile("hlt");
}
