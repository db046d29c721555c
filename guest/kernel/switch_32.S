/* Changing stacks and segments, 32-bit. */
        .text

/* void switch_stack(word *saved, word next): leaves what a function must preserve on this stack, whose pointer goes to
 * *saved, and takes up the other stack where it was left the same way. */
        .globl  switch_stack
switch_stack:
        mov     4(%esp), %eax
        mov     8(%esp), %edx
        push    %ebp
        push    %ebx
        push    %esi
        push    %edi
        mov     %esp, (%eax)
        mov     %edx, %esp
        pop     %edi
        pop     %esi
        pop     %ebx
        pop     %ebp
        ret

/* void load_segments(word code, word data, word own): all segment registers anew; GS gets `own`. */
        .globl  load_segments
load_segments:
        mov     8(%esp), %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %ss
        mov     12(%esp), %eax
        mov     %eax, %gs
        pop     %eax
        push    (%esp)                  /* CS under the return address: far */
        push    %eax
        lret
