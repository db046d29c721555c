/* The 256 entries that the IDT points to, 16 bytes apart: each pushes its vector, and a 0 where the processor pushes no
 * error code, so that all frames look the same. Included by interrupts_32.S and interrupts_64.S, which have the rest.
 */
        .text
        .globl  interrupt_stubs
        .balign 16
interrupt_stubs:
        .set    vector, 0
        .rept   256
        .balign 16
        /* A bit for each exception with an error code. SDM 3A, "Exception and Interrupt Reference". */
        .if     (vector >= 32) || !((0x60227d00 >> (vector & 31)) & 1)
        push    $0
        .endif
        push    $vector
        jmp     interrupt_common
        .set    vector, vector + 1
        .endr
