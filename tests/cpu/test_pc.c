/* A PC with the processor in it, by the public face: code that works with devices. */
#include "tests/cmocka_main.h"

#include <string.h>

#include "vmxsim/machine.h"
#include "vmxsim/platform.h"
#include "vmxsim/snapshot.h"

enum { CODE = 0x8000 };

static vmxsim_machine *machine;
static vmxsim_pc *pc;
static struct vmxsim_state state;

static void create(enum vmxsim_timing timing) {
  const struct vmxsim_machine_options options = {.size = sizeof options, .timing = timing};
  assert_int_equal(vmxsim_machine_create(&options, &machine), VMXSIM_OK);
  assert_int_equal(vmxsim_pc_create(machine, NULL, &pc), VMXSIM_OK);
}

static int tear_down(void **unused) {
  (void)unused;
  vmxsim_machine_destroy(machine);
  vmxsim_pc_destroy(pc);
  return 0;
}

static void load(const void *code, size_t size, enum vmxsim_pc_mode mode) {
  assert_int_equal(vmxsim_pc_load_flat(pc, code, size, CODE, mode), VMXSIM_OK);
}
#define LOAD(mode, bytes) load(bytes, sizeof(bytes) - 1, mode)

static void write_bytes(uint64_t address, const void *bytes, size_t size) {
  assert_int_equal(vmxsim_machine_write(machine, address, bytes, size), VMXSIM_OK);
}
#define WRITE(address, bytes) write_bytes(address, bytes, sizeof(bytes) - 1)

static void run_to_halt(void) {
  struct vmxsim_run_result result;
  assert_int_equal(vmxsim_machine_run(machine, UINT64_C(10000000000), &result), VMXSIM_OK);
  vmxsim_vcpu_get_state(vmxsim_machine_vcpu(machine, 0), &state);
  assert_int_equal(state.activity, VMXSIM_HLT);
}

#define RUN(mode, bytes) (LOAD(mode, bytes), run_to_halt())

/* rdtsc; mov ebx,eax; in al,71h; rdtsc; sub eax,ebx; hlt */
static const char timed_port[] = "\x0f\x31\x89\xc3\xe4\x71\x0f\x31\x29\xd8\xf4";

static void a_port_is_behind_a_bus(void **unused) {
  (void)unused;
  create(VMXSIM_TIMING_LATENCY);
  RUN(VMXSIM_PC_MODE_32, timed_port);
  assert_in_range(state.gpr[VMXSIM_RAX], 780, 900); /* 390 ns at 2 GHz, and the instructions */
}

static void but_not_where_an_instruction_is_a_cycle(void **unused) {
  (void)unused;
  create(VMXSIM_TIMING_FIXED);
  RUN(VMXSIM_PC_MODE_32, timed_port);
  assert_int_equal(state.gpr[VMXSIM_RAX], 3);
}

/* Local APIC timer: by 1, one-shot, masked. Port 61H: gate off. 8254: channel 2, mode 0, low byte of the count. The
 * timer starts at FFFFFFFFH; esi = its count; ebx = TSC. High byte: 2000H; gate on; in until the output is high.
 * eax = TSC less ebx; esi less the timer's count; hlt */
static const char three_clocks[] = "\xc7\x05\xe0\x03\xe0\xfe\x0b\x00\x00\x00\xc7\x05\x20\x03\xe0\xfe\x00\x00\x01\x00"
                                   "\xe4\x61\x24\xfc\xe6\x61\xb0\xb0\xe6\x43\x31\xc0\xe6\x42\xb0\x20"
                                   "\xc7\x05\x80\x03\xe0\xfe\xff\xff\xff\xff\x8b\x35\x90\x03\xe0\xfe\x0f\x31\x89\xc3"
                                   "\xb0\x20\xe6\x42\xe4\x61\x0c\x01\xe6\x61\xe4\x61\xa8\x20\x74\xfa"
                                   "\x0f\x31\x29\xd8\x2b\x35\x90\x03\xe0\xfe\xf4";

/* 2000H periods of 1,193,182 Hz at 2 GHz, the first one begun already; around them are five accesses to ports at most.
 */
static void the_clocks_agree(enum vmxsim_timing timing) {
  enum { PERIOD = 1677, PERIODS = 13731351, AROUND = 5 * 900 };
  create(timing);
  RUN(VMXSIM_PC_MODE_32, three_clocks);
  assert_in_range(state.gpr[VMXSIM_RAX], PERIODS - PERIOD, PERIODS + AROUND);
  assert_in_range(state.gpr[VMXSIM_RSI] - state.gpr[VMXSIM_RAX], 1, 100);
}

static void the_clocks_agree_in_fixed(void **unused) {
  (void)unused;
  the_clocks_agree(VMXSIM_TIMING_FIXED);
}

static void the_clocks_agree_in_latency(void **unused) {
  (void)unused;
  the_clocks_agree(VMXSIM_TIMING_LATENCY);
}

static void the_clocks_agree_in_memory(void **unused) {
  (void)unused;
  the_clocks_agree(VMXSIM_TIMING_MEMORY);
}

/* FACS: waking vector at CODE + 4AH. PM1a: RTC wakes. RTC: an alarm every second. SLP_TYP 1, SLP_EN; jmp $. Then in
 * real mode: mov ax,1234h; hlt */
static const char sleep_and_wake[] = "\xc7\x05\x4c\xfc\x09\x00\x4a\x80\x00\x00"
                                     "\x66\xba\x02\x06\x66\xb8\x00\x04\x66\xef"
                                     "\xb0\x01\xe6\x70\xb0\xc0\xe6\x71\xb0\x03\xe6\x70\xb0\xc0\xe6\x71"
                                     "\xb0\x05\xe6\x70\xb0\xc0\xe6\x71\xb0\x0b\xe6\x70\xb0\x22\xe6\x71"
                                     "\x66\xba\x04\x06\x66\xb8\x00\x24\x66\xef\xeb\xfe"
                                     "\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\xb8\x34\x12\xf4";

static void an_alarm_ends_s3(void **unused) {
  (void)unused;
  create(VMXSIM_TIMING_FIXED);
  RUN(VMXSIM_PC_MODE_32, sleep_and_wake);
  assert_int_equal(state.gpr[VMXSIM_RAX], 0x1234);
  assert_int_equal(state.cr0 & 1, 0);
  assert_in_range(vmxsim_vcpu_cycles(vmxsim_machine_vcpu(machine, 0)), 1999000000, 2000001000);
}

/* inc byte cs:[0Ah]; mov al,cs:[0Ah]; hlt; db 41h */
static const char write_to_code[] = "\x2e\xfe\x06\x0a\x00\x2e\xa0\x0a\x00\xf4\x41";

static void code_can_be_written_in_real_mode(void **unused) {
  (void)unused;
  create(VMXSIM_TIMING_FIXED);
  RUN(VMXSIM_PC_MODE_16, write_to_code);
  assert_int_equal(state.gpr[VMXSIM_RAX] & 0xff, 0x42);
}

/* Two NOPs at the end of a segment whose limit is FFFFH; the handler of #GP is a HLT. */
static void ip_does_not_wrap(void **unused) {
  (void)unused;
  create(VMXSIM_TIMING_FIXED);
  LOAD(VMXSIM_PC_MODE_16, "\xea\xfe\xff\x00\x10"); /* jmp 1000:FFFE */
  WRITE(0x1fffe, "\x90\x90");
  WRITE(0x500, "\xf4");
  WRITE(13 * 4, "\x00\x05\x00\x00");
  run_to_halt();
  assert_int_equal(state.rip, 0x501);
}

/* With CR0.NE = 0: sti; all interrupts; fninit; fldcw, which leaves #Z unmasked; 1 / 0; fld1 waits. The control word.
 */
static const char float_error[] = "\xfb\x31\xc0\xe6\xa1\xe6\x21"
                                  "\xdb\xe3\xd9\x2e\x16\x80\xd9\xe8\xd9\xee\xde\xf9\xd9\xe8\xf4"
                                  "\x7b\x03";

static void float_errors_are_irq_13(void **unused) {
  (void)unused;
  create(VMXSIM_TIMING_FIXED);
  LOAD(VMXSIM_PC_MODE_16, float_error);
  WRITE(0x500, "\xbb\x34\x12\xe6\xf0\xd9\xee\xdb\xe2\xfa\xf4"); /* mov bx,1234h; out 0F0h,al; fldz; fnclex; cli; hlt */
  WRITE(0x75 * 4, "\x00\x05\x00\x00");
  run_to_halt();
  assert_int_equal(state.gpr[VMXSIM_RBX] & 0xffff, 0x1234);
  assert_int_equal(state.rip, 0x50b);
}

/* es = FFFFH; in al,92h; and al,0FDh; out 92h,al; mov bl,es:[510h]; with A20 on again mov bh; hlt */
static const char through_a20[] = "\xb8\xff\xff\x8e\xc0\xe4\x92\x24\xfd\xe6\x92\x26\x8a\x1e\x10\x05"
                                  "\x0c\x02\xe6\x92\x26\x8a\x3e\x10\x05\xf4";

static void a20_wraps_at_1_mib(void **unused) {
  (void)unused;
  create(VMXSIM_TIMING_FIXED);
  LOAD(VMXSIM_PC_MODE_16, through_a20);
  WRITE(0x500, "\x11");
  WRITE(0x100500, "\x22");
  run_to_halt();
  assert_int_equal(state.gpr[VMXSIM_RBX] & 0xffff, 0x2211);
}

/* mov bx,7C00h; mov cx,2; xor dx,dx; mov ax,0301h; int 13h: sector 2 is the first one now; then it is read to 9000h;
 * hlt */
static const char writes_disk[] = "\xbb\x00\x7c\xb9\x02\x00\x31\xd2\xb8\x01\x03\xcd\x13\x72\x08"
                                  "\xbb\x00\x90\xb8\x01\x02\xcd\x13\xf4\xf4";
enum { FLOPPY = 1474560, BACK = 0x9000 };

static void assert_read_back_is_first(const uint8_t *image) {
  uint8_t bytes[512];
  vmxsim_machine_read(machine, BACK, bytes, sizeof bytes);
  assert_memory_equal(bytes, image, sizeof bytes);
}

static void a_disk_can_be_written(void **unused) {
  (void)unused;
  static uint8_t image[FLOPPY];
  memcpy(image, writes_disk, sizeof writes_disk);
  memcpy(image + 510, "\x55\xaa", 2);
  create(VMXSIM_TIMING_FIXED);
  assert_int_equal(vmxsim_pc_load_disk(pc, image, sizeof image), VMXSIM_OK);
  run_to_halt();
  assert_read_back_is_first(image);
  assert_int_equal(image[512], 0); /* the caller's image is as it was */
}

/* The same by block address: mov si,7C40h; mov ah,43h; int 13h; mov word [7C44h],9000h; mov ah,42h; int 13h; hlt; and
 * how it is refused: AH in BL for a block outside the disk, in BH for a packet that is too short. */
static const char writes_blocks[] = "\xbe\x40\x7c\xb4\x43\xcd\x13\x72\x23"
                                    "\xc7\x06\x44\x7c\x00\x90\xb4\x42\xcd\x13\x72\x17"
                                    "\xc7\x06\x48\x7c\x40\x0b\xb4\x43\xcd\x13\x88\xe3" /* block 2880 */
                                    "\xc6\x06\x40\x7c\x0f\xb4\x43\xcd\x13\x88\xe7\xf4";
enum { PACKET = 0x40, LAST_BLOCK = FLOPPY / 512 - 1 };

static void a_disk_can_be_written_by_block(void **unused) {
  (void)unused;
  static uint8_t image[FLOPPY];
  static const uint8_t packet[16] = {16, 0, 1, 0, 0x00, 0x7c, 0, 0, LAST_BLOCK & 0xff, LAST_BLOCK >> 8};
  memcpy(image, writes_blocks, sizeof writes_blocks);
  memcpy(image + PACKET, packet, sizeof packet);
  memcpy(image + 510, "\x55\xaa", 2);
  create(VMXSIM_TIMING_FIXED);
  assert_int_equal(vmxsim_pc_load_disk(pc, image, sizeof image), VMXSIM_OK);
  run_to_halt();
  assert_read_back_is_first(image);
  assert_int_equal(image[LAST_BLOCK * 512], 0);
  assert_int_equal(state.gpr[VMXSIM_RBX] & 0xffff, 0x0104);
}

/* Saved behind the write and restored into another machine, which then reads. */
static void snapshots_hold_what_was_written(void **unused) {
  (void)unused;
  static uint8_t image[FLOPPY];
  vmxsim_snapshot *snapshot;
  size_t size;
  memcpy(image, writes_disk, sizeof writes_disk);
  memcpy(image + 510, "\x55\xaa", 2);
  create(VMXSIM_TIMING_FIXED);
  assert_int_equal(vmxsim_pc_load_disk(pc, image, sizeof image), VMXSIM_OK);
  struct vmxsim_run_result result;
  assert_int_equal(vmxsim_machine_set_breakpoint(machine, 0x7c0d, true), VMXSIM_OK); /* behind the write */
  assert_int_equal(vmxsim_machine_run(machine, 0, &result), VMXSIM_OK);
  assert_int_equal(result.reason, VMXSIM_STOP_BREAKPOINT);
  assert_int_equal(vmxsim_machine_snapshot(machine, &snapshot), VMXSIM_OK);
  tear_down(NULL);
  create(VMXSIM_TIMING_FIXED);
  assert_int_equal(vmxsim_pc_load_disk(pc, image, sizeof image), VMXSIM_OK);
  const void *const bytes = vmxsim_snapshot_bytes(snapshot, &size);
  assert_int_equal(vmxsim_machine_restore(machine, bytes, size), VMXSIM_OK);
  vmxsim_snapshot_free(snapshot);
  run_to_halt();
  assert_read_back_is_first(image);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, NULL, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_port_is_behind_a_bus),
      TEST(but_not_where_an_instruction_is_a_cycle),
      TEST(an_alarm_ends_s3),
      TEST(code_can_be_written_in_real_mode),
      TEST(ip_does_not_wrap),
      TEST(float_errors_are_irq_13),
      TEST(a20_wraps_at_1_mib),
      TEST(the_clocks_agree_in_fixed),
      TEST(the_clocks_agree_in_latency),
      TEST(the_clocks_agree_in_memory),
      TEST(a_disk_can_be_written),
      TEST(a_disk_can_be_written_by_block),
      TEST(snapshots_hold_what_was_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
