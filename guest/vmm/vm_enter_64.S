/* VM entries and exits, 64-bit.
 *
 * enum vmx_result vm_enter(struct vm *vm, bool launched): vm.h. While the guest runs, its registers are in the
 * processor; on the host's stack are those that a function must preserve, and on top of them, where an exit finds it,
 * `vm`.
 */
        .set    HOST_RSP, 0x6c14
        .set    VMX_FAIL_INVALID, 1
        .set    VMX_FAIL_VALID, 2

/* From and to vm->gpr, but for RSP, which is in the VMCS, and RDI, which points to it. */
        .macro  load_registers
        mov     (%rdi), %rax
        mov     8(%rdi), %rcx
        mov     16(%rdi), %rdx
        mov     24(%rdi), %rbx
        mov     40(%rdi), %rbp
        mov     48(%rdi), %rsi
        mov     64(%rdi), %r8
        mov     72(%rdi), %r9
        mov     80(%rdi), %r10
        mov     88(%rdi), %r11
        mov     96(%rdi), %r12
        mov     104(%rdi), %r13
        mov     112(%rdi), %r14
        mov     120(%rdi), %r15
        mov     56(%rdi), %rdi
        .endm

        .macro  save_registers
        mov     %rax, (%rdi)
        mov     %rcx, 8(%rdi)
        mov     %rdx, 16(%rdi)
        mov     %rbx, 24(%rdi)
        mov     %rbp, 40(%rdi)
        mov     %rsi, 48(%rdi)
        mov     %r8, 64(%rdi)
        mov     %r9, 72(%rdi)
        mov     %r10, 80(%rdi)
        mov     %r11, 88(%rdi)
        mov     %r12, 96(%rdi)
        mov     %r13, 104(%rdi)
        mov     %r14, 112(%rdi)
        mov     %r15, 120(%rdi)
        .endm

        .text
        .globl  vm_enter
vm_enter:
        push    %rbp
        push    %rbx
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        push    %rdi
        mov     $HOST_RSP, %eax
        vmwrite %rsp, %rax
        jbe     failed
        test    %esi, %esi              /* the flags last until the entry */
        load_registers
        jnz     1f
        vmlaunch
        jmp     failed
1:      vmresume
        jmp     failed

        .globl  vm_exit
vm_exit:
        push    %rdi
        mov     8(%rsp), %rdi
        save_registers
        pop     56(%rdi)
        call    vm_dispatch
        test    %al, %al
        mov     $0, %eax
        jz      leave
        mov     (%rsp), %rdi
        load_registers
        vmresume

/* CF: VMfailInvalid, ZF: VMfailValid. */
failed: mov     $VMX_FAIL_INVALID, %eax
        jc      leave
        mov     $VMX_FAIL_VALID, %eax
leave:  pop     %rdi
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbx
        pop     %rbp
        ret
