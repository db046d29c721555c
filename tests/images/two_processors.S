# Two processors that do a little of everything: real mode to 64-bit mode, start-up IPI, IPIs and timer interrupts both
# ways, a spinlock, LOCK, string instructions over pages, SSE2, RDTSC, RDRAND, HLT, and more pages than the TLB has
# entries, code pages included. For tests of determinism, snapshots and timing.
#
# Flat, at 1000H; vCPU 0 starts at its first byte in real mode, CS = 0100H; the other one by start-up IPI. Uses RAM below
# 4 MiB. Each adds what it sees to RESULTS; the end is HLT with interrupts off on both. two_processors.h has its bytes:
#   as --64 two_processors.S -o two_processors.o && objcopy -O binary -j .text two_processors.o two_processors.bin
        .set    BASE, 0x1000
        .set    RESULTS, 0x8000         # 8 bytes a processor
        .set    LOCK_WORD, 0x8100
        .set    SHARED, 0x8108
        .set    DONE, 0x8110
        .set    TICKS, 0x8140           # 8 bytes a processor
        .set    TABLES, 0x10000         # PML4, PDPT, page directories and tables
        .set    STACKS, 0x40000
        .set    BUFFERS, 0x60000        # 64 KiB a processor
        .set    WINDOW, 0x400000        # 16 MiB of 4 KiB pages, each of the 512 pages at 2 MiB eight times
        .set    CODE_ALIAS, 0x1400000   # the image again, in 4 KiB pages
        .set    APIC, 0xfee00000
        .set    ROUNDS, 60

        .text
        .code16
start:  cli
        xorw    %ax, %ax
        movw    %ax, %ds
        lgdtl   (gdt_pointer - start) + BASE
        cmpw    $0, (started - start) + BASE    # tables are the first one's to make
        jne     enter
        movw    $1, (started - start) + BASE
        call    make_tables
enter:  movl    $TABLES, %eax
        movl    %eax, %cr3
        movl    $0x620, %eax                    # PAE, OSFXSR, OSXMMEXCPT
        movl    %eax, %cr4
        movl    $0xc0000080, %ecx
        rdmsr
        orl     $0x100, %eax                    # LME
        wrmsr
        movl    %cr0, %eax
        andl    $0x9ffffff3, %eax               # caches on, EM and TS off
        orl     $0x80000003, %eax
        movl    %eax, %cr0
        ljmpl   $8, $(long_mode - start) + BASE

# DS:0 is TABLES. Only low halves are written: memory is zero.
make_tables:
        movw    $TABLES / 16, %bx
        movw    %bx, %ds
        movl    $TABLES + 0x1003, 0x0000        # PML4
        movl    $TABLES + 0x2003, 0x1000        # PDPT: 0 to 1 GiB
        movl    $TABLES + 0x3003, 0x1018        # 3 to 4 GiB
        movl    $0x83, 0x2000                   # 0 to 4 MiB: 2-MiB pages
        movl    $0x200083, 0x2008
        movl    $APIC / 0x200000 * 0x200000 + 0x93, 0x3000 + 8 * 503
        movl    $TABLES + 0x4003, %eax          # the window: 8 page tables
        movw    $0x2000 + 8 * 2, %di
1:      movl    %eax, (%di)
        addw    $8, %di
        addl    $0x1000, %eax
        cmpw    $0x2000 + 8 * 11, %di           # and that of the code behind it
        jne     1b
        movw    $0x4000, %di
2:      movl    %edi, %eax                      # page n of a table: 2 MiB + n * 4 KiB
        andl    $0xff8, %eax
        shll    $9, %eax
        addl    $0x200003, %eax
        movl    %eax, (%di)
        addw    $8, %di
        cmpw    $0xc000, %di
        jne     2b
        movl    $0x1003, 0xc000 + 8             # CODE_ALIAS + 1000H
        movl    $0x2003, 0xc000 + 16
        xorw    %bx, %bx
        movw    %bx, %ds
        ret

        .code64
long_mode:
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $APIC, %ebp
        movl    0x20(%rbp), %ebx                # APIC ID: 0 or 1
        shrl    $24, %ebx
        movl    %ebx, %esp
        shll    $12, %esp
        addl    $STACKS + 0x1000, %esp
        lidt    (idt_pointer - start) + BASE
        movl    $0x1ff, 0xf0(%rbp)              # APIC on
        movl    $3, 0x3e0(%rbp)                 # timer: by 16, periodic
        movl    $0x20040, 0x320(%rbp)
        leal    97(%rbx,%rbx,4), %eax
        movl    %eax, 0x380(%rbp)
        testl   %ebx, %ebx
        jnz     1f
        movl    $0x01000000, 0x310(%rbp)        # the other processor: INIT, start-up
        movl    $0x4500, 0x300(%rbp)
        movl    $0x4600 + BASE / 0x1000, 0x300(%rbp)
1:      movl    $ROUNDS, %r15d
        leal    12345(%rbx), %r12d
        movl    $BUFFERS, %r13d
        movl    %ebx, %eax
        shll    $16, %eax
        addl    %eax, %r13d
        xorl    %r14d, %r14d                    # what is seen
        sti
        movl    $CODE_ALIAS + BASE, %eax
        addl    $(round - start), %eax
        jmp     *%rax

# Runs in 4-KiB pages.
round:  movl    $200, %ecx                      # random pages of the window, read and written
1:      imull   $1103515245, %r12d, %r12d
        addl    $12345, %r12d
        movl    %r12d, %eax
        andl    $0xffe000, %eax
        movl    %r12d, %edx
        shrl    $20, %edx
        addl    %edx, %eax
        addl    $WINDOW, %eax
        addl    %r12d, (%rax)
        adcl    %eax, %r14d
        loop    1b

        leal    0xffd(%r13), %edi               # strings over the ends of pages
        movl    %r12d, %eax
        movl    $3001, %ecx
        rep stosb
        leal    0xff1(%r13), %esi
        leal    0x3ff3(%r13), %edi
        movl    $1500, %ecx
        rep movsl
        movl    %r12d, %esi                     # from one random page to another
        andl    $0xffe000, %esi
        addl    $WINDOW, %esi
        movl    %r12d, %edi
        shrl    $8, %edi
        andl    $0xffc000, %edi
        addl    $WINDOW + 0x1000, %edi
        movl    $600, %ecx
        rep movsq
        leal    0x4000(%r13), %edi
        xorl    %eax, %eax
        movl    $5000, %ecx
        repne scasb
        addl    %ecx, %r14d
        leal    0xff1(%r13), %esi
        leal    0x3ff3(%r13), %edi
        movl    $5000, %ecx
        repe cmpsb
        adcl    %ecx, %r14d

        cvtsi2sd %r12d, %xmm0                   # SSE2
        sqrtpd  %xmm0, %xmm1
        movl    $20, %ecx
2:      mulsd   %xmm1, %xmm0
        addsd   %xmm0, %xmm2
        divsd   %xmm1, %xmm2
        pshufd  $0x4e, %xmm2, %xmm3
        paddq   %xmm3, %xmm0
        loop    2b
        movq    %xmm2, %rax
        addq    %rax, %r14

3:      movl    $1, %eax                        # a lock
        xchgl   %eax, LOCK_WORD
        testl   %eax, %eax
        jz      4f
        pause
        jmp     3b
4:      movq    SHARED, %rax
        imulq   $31, %rax, %rax
        addq    %r14, %rax
        movq    %rax, SHARED
        movl    $0, LOCK_WORD
        lock xaddl %r14d, SHARED + 16

        rdtsc
        addq    %rax, %r14
        rdrand  %rax
        adcq    %rax, %r14

        movl    %ebx, %eax                      # an interrupt for the other one
        xorl    $1, %eax
        shll    $24, %eax
        movl    %eax, 0x310(%rbp)
        movl    $0x4041, 0x300(%rbp)
        movl    0x390(%rbp), %eax
        addq    %rax, %r14

        testl   $7, %r15d
        jnz     5f
        hlt
        movq    (%rsp), %rax
5:      pushfq
        popq    %rax
        addq    %rax, %r14
        decl    %r15d
        jnz     round

        movq    %r14, RESULTS(,%rbx,8)
        lock incl DONE
6:      pause
        cmpl    $2, DONE
        jne     6b
        cli
        hlt

timer:  pushq   %rax
        incq    TICKS(,%rbx,8)
        rdtsc
        addq    %rax, %r14
        jmp     7f
message:
        pushq   %rax
        movl    0x390(%rbp), %eax
        addq    %rax, %r14
7:      movl    $0, 0xb0(%rbp)
        popq    %rax
        iretq

        .balign 8
gdt:    .quad   0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
        .word   23
        .long   (gdt - start) + BASE
started:
        .word   0
        .macro  gate handler
        .word   (\handler - start) + BASE, 8, 0x8e00, 0
        .quad   0
        .endm
        .balign 8
idt:    .fill   64 * 16
        gate    timer
        gate    message
idt_pointer:
        .word   66 * 16 - 1
        .quad   (idt - start) + BASE
