/* From the boot stages into C, 32-bit kernel: paging is still off, paging_init() builds PAE paging and turns it on. */
#include "boot/layout.h"

        .text
        .globl  enter_kernel_mode
enter_kernel_mode:
        sub     $12, %esp               /* the stack is 16-byte aligned at a call */
        push    %ebx
        call    kernel_start

/* The same for another processor: paging is there already. EBX: its control block. */
        .globl  enter_processor
enter_processor:
        mov     paging_root, %eax
        call    paging_on
        sub     $12, %esp
        push    %ebx
        call    processor_start

/* Turns on PAE paging with the structures at EAX. */
paging_on:
        mov     %eax, %cr3
        mov     %cr4, %eax
        or      $CR4_PAE, %eax
        mov     %eax, %cr4
        mov     %cr0, %eax
        or      $CR0_PG | CR0_WP, %eax
        mov     %eax, %cr0
        ret
