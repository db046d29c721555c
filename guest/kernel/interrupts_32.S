/* Interrupts and exceptions, 32-bit: from the entry to C and back. struct interrupt_frame in width_32.h. */
#include "kernel/interrupt_stubs.S"

interrupt_common:
        pusha
        cld
        mov     %esp, %eax
        mov     %esp, %ebp
        and     $-16, %esp
        sub     $12, %esp
        push    %eax
        call    interrupt_dispatch
        mov     %ebp, %esp
        popa
        add     $8, %esp                /* vector and error code */
        iret
