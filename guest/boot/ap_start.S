/* Where the other processors begin. A start-up IPI starts them in real mode at AP_START_ADDRESS, to which
 * processors_start() has copied the first few instructions. They go on in the kernel itself, in protected mode, on the
 * stack and with the control block that were laid out for them: one processor at a time.
 */
#include "boot/layout.h"

        .section .rodata
        .code16
        .globl  ap_start_begin
        .globl  ap_start_end
ap_start_begin:
        cli
        cld
        xor     %ax, %ax
        mov     %ax, %ds
        lgdtl   AP_START_ADDRESS + (pointer - ap_start_begin)
        mov     %cr0, %eax
        or      $CR0_PE, %al
        mov     %eax, %cr0
        ljmpl   $BOOT_CODE_32, $ap_protected
        .balign 4
pointer:
        .word   31
        .long   boot_gdt
ap_start_end:

        .text
        .code32
ap_protected:
        mov     $BOOT_DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        mov     %eax, %ss
        mov     ap_stack_end, %esp
        mov     ap_control_block, %ebx
        jmp     enter_processor
