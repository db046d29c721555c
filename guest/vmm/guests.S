/* What the VMs execute. Included by guests_32.S and guests_64.S, which have what differs. All instructions here are
 * encoded alike in both, so that offsets are the same. VMCALL tells the host what AX says; 0 is the end.
 */
        .text

        .globl  guest_enter
guest_enter:
        mov     $1, %eax
        vmcall
        mov     $0x40000000, %eax
        cpuid
        hlt
        xor     %eax, %eax
        vmcall

        .globl  guest_debug
guest_debug:
        nop
        nop
        xor     %eax, %eax
        vmcall

        .globl  guest_debug_handler
guest_debug_handler:
        mov     $1, %eax
        vmcall
        xor     %eax, %eax              /* where it returns to it may be the guest's last word */
        return_from_interrupt

        .globl  guest_interrupt_handler
guest_interrupt_handler:
        mov     $2, %eax
        vmcall
        xor     %eax, %eax
        return_from_interrupt

/* Every kind of way that a next instruction can be found. DI points to memory. */
        .globl  guest_steps
guest_steps:
        mov     $2, %ecx
1:      nop
        loop    1b
        mov     $3, %ecx
        rep stosb
        call    2f
        int     $0x50
        int3
        xor     %eax, %eax
        vmcall
2:      ret
        .globl  guest_steps_handler
guest_steps_handler:
        return_from_interrupt

/* Some work, and its result in BX; over and over. */
        .globl  guest_work
guest_work:
1:      mov     $1000, %ecx
2:      imul    $0x19660d, %ebx, %ebx
        add     %ecx, %ebx
        loop    2b
        mov     $1, %eax
        vmcall
        jmp     1b

/* For the benchmarks. */
        .globl  guest_vmcalls
guest_vmcalls:
1:      vmcall
        add     %eax, %ebx
        jmp     1b

        .globl  guest_cpuids
guest_cpuids:
1:      cpuid
        jmp     1b
