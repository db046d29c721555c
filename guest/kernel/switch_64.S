/* Changing stacks and segments, 64-bit. */
        .text

/* void switch_stack(word *saved, word next): leaves what a function must preserve on this stack, whose pointer goes to
 * *saved, and takes up the other stack where it was left the same way. */
        .globl  switch_stack
switch_stack:
        push    %rbp
        push    %rbx
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, (%rdi)
        mov     %rsi, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbx
        pop     %rbp
        ret

/* void load_segments(word code, word data, word own): all segment registers anew; GS gets `own`. */
        .globl  load_segments
load_segments:
        mov     %esi, %ds
        mov     %esi, %es
        mov     %esi, %fs
        mov     %esi, %ss
        mov     %edx, %gs
        pop     %rax
        push    %rdi
        push    %rax
        lretq
