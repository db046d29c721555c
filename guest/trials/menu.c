/* The instructions that the code of trials is made of: those that may cause VM exits, in all their forms, and those
 * that fault, trap, block or move between segments, stacks and privilege levels.
 */
#include "trials/menu.h"

#define OP1(a, flags) \
  { {a}, 1, 0, flags }
#define OP2(a, b, flags) \
  { {a, b}, 2, 0, flags }
#define OP3(a, b, c, flags) \
  { {a, b, c}, 3, 0, flags }
#define OP4(a, b, c, d, flags) \
  { {a, b, c, d}, 4, 0, flags }
#define OP1_DIGIT(a, digit, flags) \
  { {a}, 1, digit, DIGIT | (flags) }
#define OP2_DIGIT(a, b, digit, flags) \
  { {a, b}, 2, digit, DIGIT | (flags) }
#define OP3_DIGIT(a, b, c, digit, flags) \
  { {a, b, c}, 3, digit, DIGIT | (flags) }

/* SDM 3C, "Instructions That Cause VM Exits Unconditionally", "Instructions That Cause VM Exits Conditionally". */
static const struct instruction exiting[] = {
    OP2(0x0f, 0xa2, 0),                                 /* CPUID */
    OP2(0x0f, 0x37, 0),                                 /* GETSEC */
    OP3(0x0f, 0x01, 0xd1, 0),                           /* XSETBV */
    OP2(0x0f, 0x08, 0),                                 /* INVD */
    OP2(0x0f, 0xaa, 0),                                 /* RSM */
    OP1(0xf4, HALTS),                                   /* HLT */
    OP3(0x0f, 0x01, 0xc9, 0),                           /* MWAIT */
    OP3(0x0f, 0x01, 0xc8, 0),                           /* MONITOR */
    OP2(0xf3, 0x90, HAS_PREFIX),                        /* PAUSE */
    OP2(0x0f, 0x31, TIME),                              /* RDTSC */
    OP3(0x0f, 0x01, 0xf9, TIME),                        /* RDTSCP */
    OP2(0x0f, 0x33, COUNTER),                           /* RDPMC */
    OP2_DIGIT(0x0f, 0xc7, 6, REGISTER | RANDOM_NUMBER), /* RDRAND */
    OP2(0x0f, 0x32, MSR),                               /* RDMSR */
    OP2(0x0f, 0x32, MSR),
    OP2(0x0f, 0x30, MSR), /* WRMSR */
    OP2(0x0f, 0x30, MSR),
    OP2_DIGIT(0x0f, 0x20, 0, REGISTER | WRITES), /* MOV from CR0, CR2, CR3, CR4, CR8, others */
    OP2_DIGIT(0x0f, 0x20, 3, REGISTER | WRITES),
    OP2_DIGIT(0x0f, 0x20, 4, REGISTER | WRITES),
    OP2(0x0f, 0x20, REGISTER | WRITES),
    OP2_DIGIT(0x0f, 0x22, 0, REGISTER), /* MOV to them */
    OP2_DIGIT(0x0f, 0x22, 2, REGISTER),
    OP2_DIGIT(0x0f, 0x22, 3, REGISTER | ROOT_REGISTER),
    OP2_DIGIT(0x0f, 0x22, 4, REGISTER | TO_CR4),
    OP2(0x0f, 0x21, REGISTER | NO_REX | WRITES), /* MOV from DR */
    OP2_DIGIT(0x0f, 0x23, 0, REGISTER | NO_REX), /* MOV to DR, but for DR7, whose LEN fields can be wrong */
    OP2_DIGIT(0x0f, 0x23, 3, REGISTER | NO_REX),
    OP2_DIGIT(0x0f, 0x23, 4, REGISTER | NO_REX),
    OP2_DIGIT(0x0f, 0x23, 6, REGISTER | NO_REX),
    OP2(0x0f, 0x06, 0),                        /* CLTS */
    OP2_DIGIT(0x0f, 0x01, 6, EITHER),          /* LMSW */
    OP2_DIGIT(0x0f, 0x01, 4, EITHER | WRITES), /* SMSW */
    OP1(0xe4, IMMEDIATE_PORT),                 /* IN */
    OP1(0xec, PORT),
    OP1(0xed, PORT),
    OP1(0xee, PORT), /* OUT */
    OP1(0xef, PORT),
    OP1(0x6c, PORT | REPEATS), /* INS */
    OP1(0x6d, PORT | REPEATS),
    OP1(0x6e, PORT | REPEATS), /* OUTS */
    OP1(0x6f, PORT | REPEATS),
    OP2_DIGIT(0x0f, 0x01, 0, MEMORY),                              /* SGDT */
    OP2_DIGIT(0x0f, 0x01, 1, MEMORY),                              /* SIDT */
    OP2_DIGIT(0x0f, 0x01, 2, MEMORY),                              /* LGDT */
    OP2_DIGIT(0x0f, 0x01, 3, MEMORY),                              /* LIDT */
    OP2_DIGIT(0x0f, 0x00, 0, EITHER | WRITES),                     /* SLDT */
    OP2_DIGIT(0x0f, 0x00, 1, EITHER | WRITES),                     /* STR */
    OP2_DIGIT(0x0f, 0x00, 2, EITHER | SELECTOR),                   /* LLDT */
    OP2_DIGIT(0x0f, 0x00, 3, EITHER | SELECTOR),                   /* LTR */
    OP2_DIGIT(0x0f, 0x01, 7, MEMORY),                              /* INVLPG */
    OP4(0x66, 0x0f, 0x38, 0x82, MEMORY | HAS_PREFIX | SUPERVISOR), /* INVPCID */
    OP2(0x0f, 0x09, 0),                                            /* WBINVD */
    OP3(0x0f, 0x01, 0xc1, 0),                                      /* VMCALL */
    OP3(0x0f, 0x01, 0xc2, 0),                                      /* VMLAUNCH */
    OP3(0x0f, 0x01, 0xc3, 0),                                      /* VMRESUME */
    OP3(0x0f, 0x01, 0xc4, 0),                                      /* VMXOFF */
    OP3(0x0f, 0x01, 0xd4, 0),                                      /* VMFUNC */
    OP2_DIGIT(0x0f, 0xc7, 6, MEMORY),                              /* VMPTRLD */
    OP2_DIGIT(0x0f, 0xc7, 7, MEMORY),                              /* VMPTRST */
    OP3_DIGIT(0x66, 0x0f, 0xc7, 6, MEMORY | HAS_PREFIX),           /* VMCLEAR */
    OP3_DIGIT(0xf3, 0x0f, 0xc7, 6, MEMORY | HAS_PREFIX),           /* VMXON */
    OP2(0x0f, 0x78, EITHER),                                       /* VMREAD */
    OP2(0x0f, 0x79, EITHER),                                       /* VMWRITE */
};

static const struct instruction others[] = {
    OP2(0x0f, 0x0b, 0),                   /* UD2 */
    OP1(0xcc, 0),                         /* INT3 */
    OP1(0xf1, 0),                         /* INT1 */
    OP1(0xce, 0),                         /* INTO */
    OP1(0xcd, BYTE | SOFTWARE_INTERRUPT), /* INT n */
    OP1(0x62, MEMORY | NOT_64),           /* BOUND */
    OP2(0xd4, 0x00, NOT_64),              /* AAM 0 */
    OP1(0xcf, 0),                         /* IRET */
    OP1(0xcb, 0),                         /* RET far */
    OP1(0xc3, 0),                         /* RET */
    OP1_DIGIT(0xff, 5, MEMORY),           /* JMP far */
    OP1_DIGIT(0xff, 3, MEMORY),           /* CALL far */
    OP1(0x9a, FAR | NOT_64),
    OP1(0xea, FAR | NOT_64),
    OP1(0x8e, EITHER | SELECTOR | NO_REX),            /* MOV to segment register */
    OP1_DIGIT(0x8e, 2, REGISTER | SELECTOR | NO_REX), /* ... SS */
    OP1(0x17, NOT_64),                                /* POP SS */
    OP1(0x1f, NOT_64),                                /* POP DS */
    OP2(0x0f, 0xb2, MEMORY | WRITES),                 /* LSS */
    OP2(0x0f, 0xb4, MEMORY | WRITES),                 /* LFS */
    OP1(0xfb, 0),                                     /* STI */
    OP1(0xfb, 0),
    OP1(0xfa, 0),               /* CLI */
    OP1(0x9c, 0),               /* PUSHF */
    OP1(0x9d, 0),               /* POPF */
    OP1(0xfd, 0),               /* STD */
    OP1(0x8b, EITHER | WRITES), /* MOV */
    OP1(0x89, EITHER | WRITES),
    OP1(0x8b, MEMORY | WRITES),
    OP1(0x89, MEMORY),
    OP1_DIGIT(0xff, 6, EITHER),          /* PUSH */
    OP1_DIGIT(0x8f, 0, EITHER | WRITES), /* POP */
    OP1(0x50, 0),
    OP1(0x5b, 0),
    OP1(0x60, NOT_64),                            /* PUSHA */
    OP1(0x61, NOT_64 | WRITES_CX | WRITES_DX),    /* POPA */
    OP1(0x87, EITHER | WRITES),                   /* XCHG */
    OP2_DIGIT(0x0f, 0xc7, 1, MEMORY | WRITES_DX), /* CMPXCHG8B */
    OP2(0x0f, 0x34, 0),                           /* SYSENTER */
    OP2(0x0f, 0x35, 0),                           /* SYSEXIT */
    OP2(0x0f, 0x05, 0),                           /* SYSCALL */
    OP2(0x0f, 0x07, 0),                           /* SYSRET */
    OP3(0x0f, 0x01, 0xf8, 0),                     /* SWAPGS */
    OP2(0x0f, 0x02, EITHER | SELECTOR | WRITES),  /* LAR */
    OP2(0x0f, 0x03, EITHER | SELECTOR | WRITES),  /* LSL */
    OP2_DIGIT(0x0f, 0x00, 4, EITHER | SELECTOR),  /* VERR */
    OP1(0x63, REGISTER | NOT_64 | WRITES),        /* ARPL */
    OP2(0xd9, 0xd0, 0),                           /* FNOP */
    OP1(0x9b, 0),                                 /* FWAIT */
    OP2(0x0f, 0x28, MEMORY),                      /* MOVAPS */
    OP3(0x0f, 0x01, 0xd0, WRITES_DX),             /* XGETBV */
    OP1(0xa4, REPEATS),                           /* MOVS */
    OP1(0xa5, REPEATS),
    OP1(0xab, REPEATS),                                    /* STOS */
    OP1(0xac, REPEATS),                                    /* LODS */
    OP1(0xc8, FRAME | PLAIN),                              /* ENTER */
    OP1(0xc9, PLAIN),                                      /* LEAVE */
    OP1(0x90, 0),                                          /* NOP */
    OP1(0xe8, NEAR),                                       /* CALL */
    OP1(0xeb, ZERO),                                       /* JMP */
    OP1(0x74, ZERO),                                       /* JZ */
    OP1(0xe2, ZERO | WRITES_CX),                           /* LOOP */
    OP3(0x0f, 0x01, 0xcb, 0),                              /* STAC */
    OP3(0xf3, 0x0f, 0xae, HAS_PREFIX | REGISTER | WRITES), /* RDFSBASE and the like */
};

const struct instruction *menu_choose(struct generator *g) {
  return chance(g, 55) ? &ANY_OF(g, exiting) : &ANY_OF(g, others);
}
