/* From the boot stages into C, 64-bit kernel: IA-32e mode needs paging first, so a provisional map of the first 4 GiB in
 * 2-MiB pages is made here; paging_init() replaces it.
 */
#include "boot/layout.h"

#define PRESENT_WRITABLE 3
#define LARGE 0x80

        .text
        .code32
        .globl  enter_kernel_mode
enter_kernel_mode:
        call    build_boot_paging
        mov     $boot_pml4, %eax
        call    paging_on
        ljmp    $BOOT_CODE_64, $enter_64

        .code64
enter_64:
        mov     %ebx, %edi
        call    kernel_start

/* The same for another processor: the final paging structures are there already. EBX: its control block. */
        .code32
        .globl  enter_processor
enter_processor:
        mov     paging_root, %eax
        call    paging_on
        ljmp    $BOOT_CODE_64, $1f
        .code64
1:      mov     %ebx, %edi
        call    processor_start

        .code32
build_boot_paging:
        movl    $boot_pdpt + PRESENT_WRITABLE, boot_pml4
        mov     $boot_pdpt, %edi
        mov     $boot_directories + PRESENT_WRITABLE, %eax
        mov     $4, %ecx
1:      mov     %eax, (%edi)
        add     $4096, %eax
        add     $8, %edi
        loop    1b
        mov     $boot_directories, %edi
        mov     $LARGE | PRESENT_WRITABLE, %eax
        mov     $4 * 512, %ecx
2:      mov     %eax, (%edi)
        add     $0x200000, %eax
        add     $8, %edi
        loop    2b
        ret

/* Turns on IA-32e paging with the structures at EAX; returns in compatibility mode. SDM 3A, "Initializing IA-32e Mode". */
paging_on:
        mov     %eax, %cr3
        mov     %cr4, %eax
        or      $CR4_PAE, %eax
        mov     %eax, %cr4
        mov     $IA32_EFER, %ecx
        rdmsr
        or      $EFER_LME, %eax
        wrmsr
        mov     %cr0, %eax
        or      $CR0_PG | CR0_WP, %eax
        mov     %eax, %cr0
        ret

        .bss
        .balign 4096
boot_pml4:
        .skip   4096
boot_pdpt:
        .skip   4096
boot_directories:
        .skip   4 * 4096
