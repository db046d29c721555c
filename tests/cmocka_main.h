/* What cmocka.h wants before it. */
#ifndef VMXSIM_TESTS_CMOCKA_MAIN_H
#define VMXSIM_TESTS_CMOCKA_MAIN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#endif
