/* The boot sector: the BIOS has loaded it at 7C00H, in real mode, with the drive's number in DL. It loads the rest of
 * the disk's program behind itself, sector n at DISK_ADDRESS + 512 n, by INT 13H, and goes on in the real-mode stage.
 */
#include "boot/layout.h"

#define RETRIES 5

        .section .boot_sector, "ax"
        .code16
        .globl  boot_sector
boot_sector:
        cli
        cld
        xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %ss
        mov     $DISK_ADDRESS, %sp
        ljmp    $0, $1f                 /* some BIOSes come with CS = 07C0H */
1:      sti
        mov     %dl, drive
        call    ask_geometry
        mov     $1, %si                 /* the sector to load, counted from 0 */
2:      call    read_sector
        inc     %si
        cmp     $disk_sectors, %si
        jb      2b
        jmp     real_stage

/* INT 13H, AH = 08H: sectors a track in CL (bits 5:0), last head in DH. */
ask_geometry:
        push    %es
        mov     $0x08, %ah
        xor     %di, %di
        int     $0x13
        pop     %es
        jc      fail
        and     $0x3f, %cx
        mov     %cx, sectors_a_track
        mov     %dh, %dl
        xor     %dh, %dh
        inc     %dx
        mov     %dx, heads
        ret

/* Reads sector SI: INT 13H, AH = 02H wants cylinder, head and sector, the last counted from 1. */
read_sector:
        mov     $RETRIES, %di
1:      mov     %si, %ax
        xor     %dx, %dx
        divw    sectors_a_track
        mov     %dl, %cl
        inc     %cl                     /* sector */
        xor     %dx, %dx
        divw    heads
        mov     %al, %ch                /* cylinder */
        mov     %dl, %dh                /* head */
        mov     drive, %dl
        mov     %si, %ax
        shl     $5, %ax
        add     $DISK_ADDRESS >> 4, %ax
        mov     %ax, %es
        xor     %bx, %bx
        mov     $0x0201, %ax
        int     $0x13
        jnc     2f
        xor     %ax, %ax                /* reset the drive and try again */
        int     $0x13
        dec     %di
        jnz     1b
        jmp     fail
2:      ret

fail:   mov     $message, %si
1:      lodsb
        test    %al, %al
        jz      2f
        mov     $0x0e, %ah
        mov     $7, %bx
        int     $0x10
        jmp     1b
2:      hlt
        jmp     2b

message:
        .asciz  "The disk cannot be read\r\n"
drive:  .byte   0
        .balign 2
sectors_a_track:
        .word   0
heads:  .word   0

        .org    510
        .word   0xaa55
