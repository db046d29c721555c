/* Where things lie in memory and in the descriptor table of the boot stages: for the assembler and for C. */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

#define DISK_ADDRESS 0x7c00 /* sector n of the disk is loaded at DISK_ADDRESS + 512 n */
#define SECTOR 512
#define AP_START_ADDRESS 0x8000 /* a start-up IPI with vector 08H begins here */
#define ARENA_ADDRESS 0x1000000 /* what tasks and benchmarks work on */
#define ARENA_SIZE 0x4000000

/* Selectors of the boot stages' GDT. */
#define BOOT_CODE_32 0x08
#define BOOT_DATA 0x10
#define BOOT_CODE_64 0x18

#define MULTIBOOT_HEADER_MAGIC 0x1badb002
#define MULTIBOOT_LOADER_MAGIC 0x2badb002

#define CR0_PE 0x00000001
#define CR0_MP 0x00000002
#define CR0_EM 0x00000004
#define CR0_WP 0x00010000
#define CR0_NW 0x20000000
#define CR0_CD 0x40000000
#define CR0_PG 0x80000000
#define CR4_PAE 0x00000020
#define CR4_OSFXSR 0x00000200
#define CR4_OSXMMEXCPT 0x00000400
#define IA32_EFER 0xc0000080
#define EFER_LME 0x00000100

#endif
