/* Waiting, by channel 2 of the 8254: its gate and its output are bits of port 61H. */
#include "kernel/timer.h"

#include "kernel/cpu.h"

enum { PIT_CHANNEL_2 = 0x42, PIT_CONTROL = 0x43, CONTROL_B = 0x61, GATE = 1, SPEAKER = 2, OUTPUT = 0x20 };
enum { ONE_SHOT = 0xb0, MOST_US = 50000 }; /* channel 2, both bytes, mode 0 */

static void delay_once(uint32_t microseconds) {
  const uint32_t count = microseconds * 1193 / 1000 + 1; /* 1.193 MHz */
  out_8(CONTROL_B, (uint8_t)((in_8(CONTROL_B) & ~(SPEAKER | GATE)) | GATE));
  out_8(PIT_CONTROL, ONE_SHOT);
  out_8(PIT_CHANNEL_2, (uint8_t)count);
  out_8(PIT_CHANNEL_2, (uint8_t)(count >> 8));
  while (!(in_8(CONTROL_B) & OUTPUT)) pause();
}

void delay_us(uint32_t microseconds) {
  for (; microseconds > MOST_US; microseconds -= MOST_US) delay_once(MOST_US);
  delay_once(microseconds);
}
