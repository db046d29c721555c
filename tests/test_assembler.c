/* The assembler: bytes, labels, errors, and a round trip through Zydis' own formatter over many forms. */
#include <Zydis/Zydis.h>
#include <stdio.h>
#include <string.h>

#include "cmocka_main.h"
#include "vmxsim/assembler.h"

static struct vmxsim_diagnostic diagnostic;

static struct vmxsim_assembly *assemble(const char *text, unsigned bits, uint64_t origin) {
  const struct vmxsim_assembler_options options = {.size = sizeof options, .bits = bits, .origin = origin};
  struct vmxsim_assembly *assembly;
  diagnostic = (struct vmxsim_diagnostic){0};
  if (vmxsim_assemble(text, strlen(text), &options, &assembly, &diagnostic)) return NULL;
  return assembly;
}

static void hex(const struct vmxsim_assembly *assembly, char text[200]) {
  size_t at = 0;
  text[0] = 0;
  for (size_t p = 0; p < assembly->piece_count; p++) {
    for (size_t i = 0; i < assembly->pieces[p].size && at < 190; i++) {
      at += (size_t)sprintf(text + at, "%02x", assembly->pieces[p].bytes[i]);
    }
  }
}

struct sample {
  unsigned bits;
  const char *text, *bytes;
};

static void check(const struct sample *sample) {
  char text[200];
  struct vmxsim_assembly *assembly = assemble(sample->text, sample->bits, 0x1000);
  if (!assembly)
    fail_msg("'%s' (%u): %u:%u %s", sample->text, sample->bits, diagnostic.line, diagnostic.column, diagnostic.text);
  hex(assembly, text);
  if (strcmp(text, sample->bytes))
    fail_msg("'%s' (%u): %s, expected %s", sample->text, sample->bits, text, sample->bytes);
  vmxsim_assembly_free(assembly);
}

static const struct sample instructions[] = {
    {64, "nop", "90"},
    {64, "mov eax, 1", "b801000000"},
    {64, "mov rax, 0x123456789abcdef0", "48b8f0debc9a78563412"},
    {64, "MOV EAX, 10h ; comment", "b810000000"},
    {64, "mov al, 0b1010_1010 # comment", "b0aa"},
    {64, "add eax, -1 // comment", "83c0ff"},
    {64, "add eax, 0xffffffff", "83c0ff"},
    {64, "mov byte [rax], 5", "c60005"},
    {64, "mov dword ptr [rax + rcx*4 + 0x10], 5", "c744881005000000"},
    {64, "mov [rsp + 8], rax", "4889442408"},
    {64, "mov rax, [4*rcx + rax]", "488b0488"},
    {64, "mov rax, [rbp + rsp]", "488b042c"},
    {64, "mov rcx, fs:[0x10]", "64488b0c2510000000"},
    {64, "mov rcx, [fs:0x10]", "64488b0c2510000000"},
    {64, "mov rax, [rel 0x1000]", "488b05f9ffffff"},
    {64, "x: mov rax, [x]", "488b05f9ffffff"},
    {64, "x: mov rcx, [abs x]", "488b0c2500100000"},
    {64, "mov rax, [0x123456789abc]", "48a1bc9a785634120000"},
    {64, "lea rdi, [rip_is_not_a_register]\nrip_is_not_a_register:", "488d3d00000000"},
    {64, "vmxon [rax]", "f30fc730"},
    {64, "vmptrld [rax]", "0fc730"},
    {64, "vmclear qword [rax]", "660fc730"},
    {64, "vmwrite rax, [rcx]", "0f7901"},
    {64, "vmread [rcx], rax", "0f7801"},
    {64, "vmlaunch", "0f01c2"},
    {64, "vmcall", "0f01c1"},
    {64, "vmfunc", "0f01d4"},
    {64, "invept rax, [rcx]", "660f388001"},
    {64, "wrmsrns", "0f01c6"},
    {64, "lkgs ax", "f20f00f0"},
    {64, "lkgs r9w", "f2410f00f1"},
    {64, "eretu", "f30f01ca"},
    {64, "invlpg [rax]", "0f0138"},
    {64, "lgdt [rax]", "0f0110"},
    {32, "lgdt [eax]", "0f0110"},
    {16, "o32 lgdt [bx]", "660f0117"},
    {64, "fxsave [rax]", "0fae00"},
    {64, "xsave [rax]", "0fae20"},
    {64, "cmpxchg16b [rax]", "480fc708"},
    {64, "lock add dword [rax], 1", "f0830001"},
    {64, "rep movsb", "f3a4"},
    {64, "rep cmpsb", "f3a6"},
    {64, "repne scasd", "f2af"},
    {64, "a32 rep stosq", "f36748ab"},
    {64, "iretq", "48cf"},
    {64, "retf", "cb"},
    {64, "retfq", "48cb"},
    {64, "retfq 8", "48ca0800"},
    {64, "o64 retf", "48cb"},
    {64, "ret 8", "c20800"},
    {64, "sysretq", "480f07"},
    {64, "int 0x80", "cd80"},
    {64, "int3", "cc"},
    {64, "in al, dx", "ec"},
    {64, "out 0x80, al", "e680"},
    {64, "push 0x12345678", "6878563412"},
    {64, "push -1", "6aff"},
    {64, "push [rax]", "ff30"},
    {64, "call [rax]", "ff10"},
    {64, "jmp rax", "ffe0"},
    {64, "jmp far [rax]", "ff28"},
    {32, "jmp 8:0x12345678", "ea785634120800"},
    {16, "jmp 8:0x1234", "ea34120800"},
    {16, "o32 jmp 8:0x12345678", "66ea785634120800"},
    {64, "mov cr0, rax", "0f22c0"},
    {64, "mov rax, dr7", "0f21f8"},
    {64, "mov ds, ax", "8ed8"},
    {64, "shl eax, cl", "d3e0"},
    {64, "sal qword [rax], 3", "48c12003"},
    {64, "je $", "74fe"},
    {64, "setne al", "0f95c0"},
    {64, "cmovae eax, [rax]", "0f4300"},
    {64, "xchg eax, [rax]", "8700"},
    {64, "test [rax], ecx", "8508"},
    {64, "bt dword [rax], 5", "0fba2005"},
    {64, "movups xmm0, [rax]", "0f1000"},
    {64, "vaddps ymm0, ymm1, [rax]", "c5f45800"},
    {64, "fld dword [rax]", "d900"},
    {64, "fadd st0, st1", "d8c1"},
    {64, "invpcid rax, [rcx]", "660f388201"},
    {64, "rdtscp", "0f01f9"},
    {64, "getsec", "0f37"},
    {64, "monitor", "0f01c8"},
    {64, "xsaves [rax]", "0fc728"},
    {64, "rdpid rax", "f30fc7f8"},
    {64, "tpause eax", "660faef0"},
    {64, "enter 0x10, 0", "c8100000"},
    {64, "clui", "f30f01ee"},
    {32, "mov eax, [0xfee00020]", "8b052000e0fe"},
    {32, "mov ecx, [0xfee00020]", "8b0d2000e0fe"},
    {32, "a16 mov ecx, [0x1234]", "678b0e3412"},
    {32, "o16 iret", "66cf"},
    {32, "iretd", "cf"},
    {32, "iret", "cf"},
    {16, "iret", "cf"},
    {64, "iret", "cf"},
    {64, "pushf", "9c"},
    {32, "popf", "9d"},
    {64, "mov [x], eax\nx:", "890500000000"},
    {32, "push es", "06"},
    {32, "mov ax, [bx + si]", "66678b00"},
    {16, "mov ax, [bx + si + 5]", "8b4005"},
    {16, "mov eax, [eax]", "66678b00"},
    {16, "mov ax, 0xffff", "b8ffff"},
    {16, "jmp short $", "ebfe"},
    {16, "o32 retf", "66cb"},
    {16, "lidt [0x1234]", "0f011e3412"},
    {16, "hlt", "f4"},
    {16, "bits 32\nmov eax, 1", "b801000000"},
};

static void test_instructions(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof instructions / sizeof *instructions; i++) check(&instructions[i]);
}

static const struct sample data[] = {
    {64, "db 1, 0xff, -1, 'a'", "01ffff61"},
    {64, "db 'abc', 0", "61626300"},
    {64, "dw 'abc'", "61626300"},
    {64, "dd 0x12345678\ndq -2", "78563412feffffffffffffff"},
    {64, "times 3 db 1, 2", "010201020102"},
    {64, "times 2 nop", "9090"},
    {64, "fill 3, 7", "070707"},
    {64, "db 1\nalign 4\ndb 2", "0190909002"},
    {64, "x equ 2 + 3 * 4\ndb x, (1 + 2) * 3, 7 % 4, 1 << 4 | 1, ~0 & 0xf, 10 / 3", "0e0903110f03"},
    {64, "a: db b - a\nb:", "01"},
    {64, "dw $ - $$, end - $\nend:", "00000400"},
    {64, "f: .x: db .x - f\ng: .x: db .x - g, f.x - f", "000000"},
    {64, "org 0x2000\nx: dw x", "0020"},
    {64, "times 4 - ($ - $$) db 0xcc", "cccccccc"},
    {64, "", ""},
    {64, "dw 0fh, 0bh, 101b", "0f000b000500"},
};

static void test_data(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof data / sizeof *data; i++) check(&data[i]);
}

/* A branch is short where its target is near enough, whatever is between. */
static void test_relaxation(void **state) {
  (void)state;
  static const struct sample samples[] = {
      {64, "jmp x\nx:", "eb00"},        {64, "jmp near x\nx:", "e900000000"}, {64, "x: jz x", "74fe"},
      {64, "call x\nx:", "e800000000"}, {16, "call x\nx:", "e80000"},         {64, "loop $", "e2fe"},
      {64, "jrcxz $", "e3fe"},          {64, "a32 loop $", "67e2fd"},
  };
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) check(&samples[i]);
  struct vmxsim_assembly *assembly = assemble("jmp x\ntimes 127 nop\nx:", 64, 0);
  assert_int_equal(assembly->pieces[0].size, 2 + 127);
  vmxsim_assembly_free(assembly);
  assembly = assemble("jmp x\ntimes 128 nop\nx:", 64, 0);
  assert_int_equal(assembly->pieces[0].size, 5 + 128);
  vmxsim_assembly_free(assembly);
  /* Each is short only while the others are. */
  assembly = assemble("a: jmp c\nb: jmp d\ntimes 124 nop\nc: nop\nd:jmp a\n", 64, 0);
  assert_int_equal(assembly->labels[2].value, 2 + 2 + 124);
  vmxsim_assembly_free(assembly);
}

static void test_labels(void **state) {
  (void)state;
  struct vmxsim_assembly *assembly = assemble("start: nop\n.loop: jmp .loop\norg 0x9000\nk equ 5\nend:", 64, 0x5000);
  assert_non_null(assembly);
  assert_int_equal(assembly->label_count, 4);
  assert_string_equal(assembly->labels[1].name, "start.loop");
  assert_int_equal(assembly->labels[1].value, 0x5001);
  assert_true(assembly->labels[2].constant);
  assert_int_equal(assembly->labels[3].value, 0x9000);
  assert_int_equal(assembly->labels[3].line, 5);
  assert_int_equal(assembly->piece_count, 1);
  vmxsim_assembly_free(assembly);
}

static const struct {
  unsigned bits;
  const char *text;
  unsigned line, column;
  const char *says;
} mistakes[] = {
    {64, "nop\n  mvo eax, 1", 2, 3, "did you mean 'mov'?"},
    {64, "jmp strat\nstart:", 1, 5, "did you mean 'start'?"},
    {64, "function: db .", 1, 14, "found 'function.'"},
    {64, "mov [rax], 1", 1, 1, "the size of the memory operand"},
    {64, "movzx eax, [rax]", 1, 1, "the size of the memory operand"},
    {64, "mov eax, 0x100000000", 1, 1, "operands that mov has in 64-bit code"},
    {64, "mov rax, cs:5", 1, 13, "expected \"[\""},
    {64, "x: nop\nx: nop", 2, 1, "at line 1 already"},
    {64, "db 256", 1, 4, "a value of 8 bits"},
    {64, "mov ecx, [0x80000000]", 1, 1, "operands that mov has"},
    {64, "jmp short x\ntimes 200 nop\nx:", 1, 1, "operands that jmp has"},
    {64, "push es", 1, 1, "in 64-bit code"},
    {64, "db 1/0", 1, 6, "a divisor that is not 0"},
    {64, "nop nop", 1, 1, "operands that nop has"},
    {64, "align 3", 1, 7, "a power of two"},
    {64, "db 'abc", 1, 8, "the end of the string"},
    {64, "lea rax, [rax+rcx*3]", 1, 15, "a scale"},
    {64, "org 0x1000\nnop\norg 0x1000\nnop", 3, 1, "that do not overlap"},
    {64, "times 20000000 db 0", 1, 7, "a count of at most"},
    {64, "bits 8", 1, 6, "16, 32 or 64"},
};

static void test_mistakes(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    struct vmxsim_assembly *assembly = assemble(mistakes[i].text, mistakes[i].bits, 0x1000);
    if (assembly) fail_msg("'%s' was assembled", mistakes[i].text);
    if (!strstr(diagnostic.text, mistakes[i].says)) {
      fail_msg("'%s': %s", mistakes[i].text, diagnostic.text);
    }
    if (diagnostic.line != mistakes[i].line || diagnostic.column != mistakes[i].column) {
      fail_msg("'%s': %u:%u %s", mistakes[i].text, diagnostic.line, diagnostic.column, diagnostic.text);
    }
  }
}

/* --- the round trip: bytes, to text by Zydis, to bytes, to text --- */

static bool format(ZydisMachineMode mode, unsigned bits, const uint8_t *bytes, size_t size, char text[200]) {
  ZydisDecoder decoder;
  ZydisFormatter formatter;
  ZydisDecodedInstruction instruction;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  ZydisDecoderInit(&decoder, mode,
                   bits == 64   ? ZYDIS_STACK_WIDTH_64
                   : bits == 32 ? ZYDIS_STACK_WIDTH_32
                                : ZYDIS_STACK_WIDTH_16);
  ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
  ZydisFormatterSetProperty(&formatter, ZYDIS_FORMATTER_PROP_FORCE_SIZE, ZYAN_TRUE);
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, size, &instruction, operands))) return false;
  return ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &instruction, operands,
                                                      instruction.operand_count_visible, text, 200, 0x1000, NULL));
}

/* Every one-byte and 0F opcode with several ModRMs, without prefixes: what the formatter writes can be read again, and
 * means the same. */
static unsigned round_trip(ZydisMachineMode mode, unsigned bits, const uint8_t *bytes, size_t size) {
  char text[200], again[200];
  if (!format(mode, bits, bytes, size, text)) return 0;
  /* AVX-512 masks and MPX are not in the subset. */
  if (strchr(text, '{') || strstr(text, "bnd") || strstr(text, "xbegin")) return 0;
  struct vmxsim_assembly *assembly = assemble(text, bits, 0x1000);
  if (!assembly || !assembly->piece_count) {
    fprintf(stderr, "%u: %s: %s\n", bits, text, diagnostic.text);
    return 1000;
  }
  const bool good = format(mode, bits, assembly->pieces[0].bytes, assembly->pieces[0].size, again);
  if (!good || strcmp(text, again)) {
    fprintf(stderr, "%u: %s became %s\n", bits, text, good ? again : "nothing");
    vmxsim_assembly_free(assembly);
    return 1000;
  }
  vmxsim_assembly_free(assembly);
  return 1;
}

static void test_round_trip(void **state) {
  (void)state;
  static const uint8_t modrm[] = {0x00, 0x48, 0x8c, 0x05, 0xc1, 0xf8, 0x20};
  unsigned done = 0, wrong = 0;
  for (unsigned mode = 0; mode < 3; mode++) {
    const ZydisMachineMode modes[] = {ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_MACHINE_MODE_LEGACY_32,
                                      ZYDIS_MACHINE_MODE_LEGACY_16};
    const unsigned bits[] = {64, 32, 16};
    for (unsigned opcode = 0; opcode < 512; opcode++) {
      for (unsigned m = 0; m < sizeof modrm; m++) {
        uint8_t bytes[16] = {0x0f};
        const unsigned at = opcode >> 8;
        bytes[at] = (uint8_t)opcode;
        bytes[at + 1] = modrm[m];
        for (unsigned i = at + 2; i < 15; i++) bytes[i] = (uint8_t)(0x11 * (i - at));
        const unsigned result = round_trip(modes[mode], bits[mode], bytes, 15);
        done += result == 1;
        wrong += result == 1000;
      }
    }
  }
  fprintf(stderr, "%u forms\n", done);
  assert_int_equal(wrong, 0);
  assert_true(done > 3000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_instructions), cmocka_unit_test(test_data),     cmocka_unit_test(test_relaxation),
      cmocka_unit_test(test_labels),       cmocka_unit_test(test_mistakes), cmocka_unit_test(test_round_trip),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
