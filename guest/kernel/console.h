/* Output: the serial port 3F8H; markers for a stopwatch outside go to port E9H. */
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

#include "kernel/types.h"

void console_init(void);

/* %s text, %u 32-bit decimal, %x 32-bit hexadecimal, %q 64-bit hexadecimal with all digits. One call is one piece:
 * lines of several processors do not mix. */
void print(const char *format, ...);
void marker(const char *format, ...);

/* What the machine ends with: 0 good, 1 a wrong result, 2 a word of the command line is unknown, 3 an exception. */
enum exit_status { EXIT_GOOD, EXIT_WRONG_RESULT, EXIT_COMMAND, EXIT_EXCEPTION };

/* Ends the machine: port F4H, and what Bochs has for it. */
_Noreturn void exit_machine(enum exit_status status);

#endif
