/* VM entries and exits, 32-bit.
 *
 * enum vmx_result vm_enter(struct vm *vm, bool launched): vm.h. While the guest runs, its registers are in the
 * processor; on the host's stack are those that a function must preserve, and on top of them, where an exit finds it,
 * `vm`: it is vm_dispatch()'s argument there.
 */
        .set    HOST_RSP, 0x6c14
        .set    VMX_FAIL_INVALID, 1
        .set    VMX_FAIL_VALID, 2

/* From and to vm->gpr, but for ESP, which is in the VMCS, and EDI, which points to it. */
        .macro  load_registers
        mov     (%edi), %eax
        mov     4(%edi), %ecx
        mov     8(%edi), %edx
        mov     12(%edi), %ebx
        mov     20(%edi), %ebp
        mov     24(%edi), %esi
        mov     28(%edi), %edi
        .endm

        .macro  save_registers
        mov     %eax, (%edi)
        mov     %ecx, 4(%edi)
        mov     %edx, 8(%edi)
        mov     %ebx, 12(%edi)
        mov     %ebp, 20(%edi)
        mov     %esi, 24(%edi)
        .endm

        .text
        .globl  vm_enter
vm_enter:
        mov     4(%esp), %ecx
        mov     8(%esp), %edx
        push    %ebp
        push    %ebx
        push    %esi
        push    %edi
        push    %ecx
        mov     %ecx, %edi
        mov     $HOST_RSP, %eax
        vmwrite %esp, %eax
        jbe     failed
        test    %dl, %dl                /* the flags last until the entry */
        load_registers
        jnz     1f
        vmlaunch
        jmp     failed
1:      vmresume
        jmp     failed

        .globl  vm_exit
vm_exit:
        push    %edi
        mov     4(%esp), %edi
        save_registers
        pop     28(%edi)
        call    vm_dispatch
        test    %al, %al
        mov     $0, %eax
        jz      leave
        mov     (%esp), %edi
        load_registers
        vmresume

/* CF: VMfailInvalid, ZF: VMfailValid. */
failed: mov     $VMX_FAIL_INVALID, %eax
        jc      leave
        mov     $VMX_FAIL_VALID, %eax
leave:  pop     %edi
        pop     %edi
        pop     %esi
        pop     %ebx
        pop     %ebp
        ret
