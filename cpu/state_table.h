/* State tables: what a part of the machine is made of, declared once. Saving, restoring and comparing go by them
 * (libvmxsim/snapshot/), so that no struct is ever copied to a file.
 *
 * A line names a member: a number, a flag, or an array of them (also one member of each struct of an array). What is
 * derived from other state, pointers and caches have no line.
 */
#ifndef VMXSIM_CPU_STATE_TABLE_H
#define VMXSIM_CPU_STATE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct state_field {
  const char *name;
  uint32_t offset;
  uint32_t count, stride; /* elements, and bytes from one to the next */
  uint8_t width;          /* bytes of an element: 1, 2, 4, 8 */
  uint64_t least, most;   /* values that do no harm; most 0: all that fit */
  uint32_t counter;       /* offset plus 1 of a uint32_t earlier in the table that counts the elements in use; 0: all */
};

struct state_table {
  const struct state_field *field;
  size_t fields;
};

#define STATE_TABLE(lines) \
  { (lines), sizeof(lines) / sizeof *(lines) }

#define STATE_WIDTH(type, member) sizeof(((type *)0)->member)

/* A number; one of which only some values are good; a bool. */
#define STATE_NUMBER(type, member) STATE_RANGE(type, member, 0, 0)
#define STATE_UP_TO(type, member, last) STATE_RANGE(type, member, 0, last)
#define STATE_FLAG(type, member) STATE_RANGE(type, member, 0, 1)
#define STATE_RANGE(type, member, first, last) \
  { \
    .name = #member, .offset = offsetof(type, member), .count = 1, .width = STATE_WIDTH(type, member), .least = first, \
    .most = last \
  }

/* An array of numbers, or of flags. */
#define STATE_ARRAY(type, member) STATE_ARRAY_UP_TO(type, member, 0)
#define STATE_FLAGS(type, member) STATE_ARRAY_UP_TO(type, member, 1)
#define STATE_ARRAY_UP_TO(type, member, last) \
  { \
    .name = #member, .offset = offsetof(type, member), \
    .count = STATE_WIDTH(type, member) / STATE_WIDTH(type, member[0]), .stride = STATE_WIDTH(type, member[0]), \
    .width = STATE_WIDTH(type, member[0]), .most = last \
  }

/* Bytes, whatever array they are. */
#define STATE_BYTES(type, member) \
  { .name = #member, .offset = offsetof(type, member), .count = STATE_WIDTH(type, member), .stride = 1, .width = 1 }

/* One member of each struct of an array. */
#define STATE_EACH(type, array, member) STATE_EACH_RANGE(type, array, member, 0, 0)
#define STATE_EACH_FLAG(type, array, member) STATE_EACH_RANGE(type, array, member, 0, 1)
#define STATE_EACH_RANGE(type, array, member, first, last) \
  { \
    .name = #array "." #member, .offset = offsetof(type, array[0].member), \
    .count = STATE_WIDTH(type, array) / STATE_WIDTH(type, array[0]), .stride = STATE_WIDTH(type, array[0]), \
    .width = STATE_WIDTH(type, array[0].member), .least = first, .most = last \
  }

/* The same of the structs in use; `in_use` is the member that counts them, and has a line before. */
#define STATE_USED(type, in_use, array, member) STATE_USED_RANGE(type, in_use, array, member, 0, 0)
#define STATE_USED_RANGE(type, in_use, array, member, first, last) \
  { \
    .name = #array "." #member, .offset = offsetof(type, array[0].member), \
    .count = STATE_WIDTH(type, array) / STATE_WIDTH(type, array[0]), .stride = STATE_WIDTH(type, array[0]), \
    .width = STATE_WIDTH(type, array[0].member), .least = first, .most = last, .counter = offsetof(type, in_use) + 1 \
  }

#endif
