/* The disk's second stage, still in real mode: turns on A20, asks the BIOS for the size of the memory, goes to protected
 * mode and does what a Multiboot loader does: copies the kernel to its address, clears its BSS and enters it.
 */
#include "boot/layout.h"

/* Fields of the Multiboot header. */
#define HEADER_LOAD 16
#define HEADER_LOAD_END 20
#define HEADER_BSS_END 24
#define HEADER_ENTRY 28

#define INFORMATION_MEMORY 1
#define INFORMATION_COMMAND_LINE 4

/* The second sector is the command line, to be changed in the image; its first word is a name. */
        .section .command_line, "aw"
        .globl  command_line
command_line:
        .asciz  "disk smp bench=all rounds=1"
        .org    SECTOR

        .section .real_stage, "awx"
        .code16
        .globl  real_stage
real_stage:
        cli
        call    ask_memory
        in      $0x92, %al              /* bit 1: A20; bit 0 would reset the processor */
        or      $2, %al
        and     $0xfe, %al
        out     %al, $0x92
        lgdtl   gdt_pointer
        mov     %cr0, %eax
        or      $CR0_PE, %al
        mov     %eax, %cr0
        ljmpl   $BOOT_CODE_32, $protected_stage

/* INT 15H, AX = E801H: KiB from 1 MiB to 16 MiB in AX, 64-KiB blocks above in BX; some BIOSes answer in CX and DX. */
ask_memory:
        xor     %cx, %cx
        xor     %dx, %dx
        mov     $0xe801, %ax
        int     $0x15
        jc      2f
        test    %cx, %cx
        jz      1f
        mov     %cx, %ax
        mov     %dx, %bx
1:      movzx   %ax, %eax
        movzx   %bx, %ebx
        shl     $6, %ebx
        add     %ebx, %eax
        mov     %eax, memory_upper
2:      ret

        .code32
protected_stage:
        mov     $BOOT_DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $kernel_file, %esi
        mov     HEADER_LOAD(%esi), %edi
        mov     HEADER_LOAD_END(%esi), %ecx
        mov     HEADER_BSS_END(%esi), %ebx
        mov     HEADER_ENTRY(%esi), %edx
        sub     %edi, %ecx
        rep movsb
        mov     %ebx, %ecx
        sub     %edi, %ecx
        xor     %eax, %eax
        rep stosb
        mov     $MULTIBOOT_LOADER_MAGIC, %eax
        mov     $information, %ebx
        jmp     *%edx

        .balign 4
information:
        .long   INFORMATION_MEMORY | INFORMATION_COMMAND_LINE
        .long   640
memory_upper:
        .long   0
        .long   0
        .long   command_line

        .balign 8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      /* 08H: 32-bit code, 4 GiB */
        .quad   0x00cf93000000ffff      /* 10H: data, 4 GiB */
gdt_pointer:
        .word   . - gdt - 1
        .long   gdt

        .section .kernel, "a"
kernel_file:
        .incbin KERNEL_FILE
