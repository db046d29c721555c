/* The kernel's entry, in protected mode without paging: Multiboot 1 comes here, and the disk's real-mode stage, which
 * hands over the same information. EAX: magic, EBX: address of the Multiboot information.
 *
 * The header carries addresses, so that a loader needs to know nothing about the kind of ELF file.
 */
#include "boot/layout.h"

#define FLAGS 0x10003 /* pages aligned, memory information, addresses */

        .section .multiboot, "a"
        .balign 4
multiboot_header:
        .long MULTIBOOT_HEADER_MAGIC
        .long FLAGS
        .long -(MULTIBOOT_HEADER_MAGIC + FLAGS)
        .long multiboot_header
        .long image_begin
        .long image_end
        .long bss_end
        .long kernel_entry

        .text
        .code32
        .globl kernel_entry
kernel_entry:
        cli
        cld
        lgdt    boot_gdt_pointer
        ljmp    $BOOT_CODE_32, $1f
1:      mov     $BOOT_DATA, %ecx
        mov     %ecx, %ds
        mov     %ecx, %es
        mov     %ecx, %fs
        mov     %ecx, %gs
        mov     %ecx, %ss
        mov     $boot_stack_end, %esp
        jmp     enter_kernel_mode

        .section .rodata
        .globl  boot_gdt
        .balign 8
boot_gdt:
        .quad   0
        .quad   0x00cf9b000000ffff      /* 08H: 32-bit code, 4 GiB */
        .quad   0x00cf93000000ffff      /* 10H: data, 4 GiB */
        .quad   0x00af9b000000ffff      /* 18H: 64-bit code */
boot_gdt_pointer:
        .word   . - boot_gdt - 1
        .long   boot_gdt

        .bss
        .balign 16
        .skip   8192
boot_stack_end:
