/* Named bits and sub-fields, out of tables/bits.def. */
#include "vmxsim/bits.h"

#include "vmcs/names.h"
#include "vmcs/text.h"

/* One row a layout, followed by the rows of its sub-fields. */
enum row {
#define LAYOUT(layout, title) ROW_##layout,
#define BITFIELD(layout, high, low, name, about) ROW_##layout##_##name,
#define BITFIELD_VALUE(layout, bitfield, value, name, about)
#define LAYOUT_OF_FIELD(field, layout)
#include "vmxsim/tables/bits.def"
#undef LAYOUT
#undef BITFIELD
  ROW_COUNT
};

static const struct vmxsim_bitfield rows[] = {
#define LAYOUT(layout, title) {VMXSIM_LAYOUT_##layout, 0, 0, #layout, title},
#define BITFIELD(layout, high, low, name, about) {VMXSIM_LAYOUT_##layout, high, low, #name, about},
#include "vmxsim/tables/bits.def"
#undef LAYOUT
#undef BITFIELD
#undef BITFIELD_VALUE
};

static const unsigned short first_rows[] = {
#define LAYOUT(layout, title) ROW_##layout,
#define BITFIELD(layout, high, low, name, about)
#define BITFIELD_VALUE(layout, bitfield, value, name, about)
#include "vmxsim/tables/bits.def"
#undef LAYOUT
#undef BITFIELD_VALUE
    ROW_COUNT,
};

static const struct {
  unsigned short row;
  uint32_t value;
  const char *name;
} values[] = {
#define LAYOUT(layout, title)
#define BITFIELD_VALUE(layout, bitfield, value, name, about) {ROW_##layout##_##bitfield, value, #name},
#include "vmxsim/tables/bits.def"
#undef LAYOUT_OF_FIELD
};

/* 1 + the layout; 0 for none. */
static const unsigned char layouts[VMXSIM_FIELD_COUNT] = {
#undef BITFIELD_VALUE
#define LAYOUT(layout, title)
#define BITFIELD_VALUE(layout, bitfield, value, name, about)
#define LAYOUT_OF_FIELD(field, layout) [VMXSIM_FIELD_##field] = 1 + VMXSIM_LAYOUT_##layout,
#include "vmxsim/tables/bits.def"
#undef LAYOUT
#undef BITFIELD
#undef BITFIELD_VALUE
#undef LAYOUT_OF_FIELD
};

_Static_assert((unsigned)VMXSIM_LAYOUT_COUNT < 255, "a layout fits a byte");

const char *vmxsim_layout_name(vmxsim_layout layout) {
  return layout < VMXSIM_LAYOUT_COUNT ? rows[first_rows[layout]].name : NULL;
}

const char *vmxsim_layout_title(vmxsim_layout layout) {
  return layout < VMXSIM_LAYOUT_COUNT ? rows[first_rows[layout]].about : NULL;
}

vmxsim_layout vmxsim_layout_of_field(vmxsim_field field) {
  if (field >= VMXSIM_FIELD_COUNT || !layouts[field]) return VMXSIM_LAYOUT_COUNT;
  return (vmxsim_layout)(layouts[field] - 1);
}

const struct vmxsim_bitfield *vmxsim_bitfield_at(vmxsim_layout layout, size_t n) {
  if (layout >= VMXSIM_LAYOUT_COUNT) return NULL;
  const size_t first = first_rows[layout] + (size_t)1;
  return n < first_rows[layout + 1] - first ? &rows[first + n] : NULL;
}

const struct vmxsim_bitfield *vmxsim_bitfield_find(vmxsim_layout layout, const char *name, size_t length) {
  const struct vmxsim_bitfield *bitfield;
  for (size_t n = 0; (bitfield = vmxsim_bitfield_at(layout, n)); n++) {
    if (names_equal(bitfield->name, name, length)) return bitfield;
  }
  return NULL;
}

const char *vmxsim_bitfield_value_name(const struct vmxsim_bitfield *bitfield, uint64_t value) {
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    if (&rows[values[i].row] == bitfield && values[i].value == value) return values[i].name;
  }
  return NULL;
}

bool vmxsim_bitfield_value_from_name(const struct vmxsim_bitfield *bitfield, const char *name, size_t length,
                                     uint64_t *value) {
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    if (&rows[values[i].row] != bitfield || !names_equal(values[i].name, name, length)) continue;
    *value = values[i].value;
    return true;
  }
  return false;
}

/* The manual's spelling: the word before the colon in `about`, or the name with blanks. */
static void put_name(struct text *text, const struct vmxsim_bitfield *bitfield) {
  size_t word = 0;
  while (bitfield->about[word] && bitfield->about[word] != ' ' && bitfield->about[word] != ':') word++;
  if (bitfield->about[word] == ':') {
    text_span(text, bitfield->about, word);
    return;
  }
  for (const char *c = bitfield->name; *c; c++) text_char(text, *c == '_' ? ' ' : *c);
}

static void put_value(struct text *text, const struct vmxsim_bitfield *bitfield, uint64_t value) {
  const char *name = vmxsim_bitfield_value_name(bitfield, value);
  if (name) {
    for (; *name; name++) text_char(text, *name == '_' ? ' ' : *name);
  } else if (value < 10) {
    text_decimal(text, value);
  } else {
    text_hex(text, value, 1);
  }
}

static void separate(struct text *text) {
  if (text->length) text_put(text, ", ");
}

static void put_unnamed_bits(struct text *text, unsigned from, unsigned to, uint64_t value) {
  for (unsigned bit = from; bit < to; bit++) {
    if (!((value >> bit) & 1)) continue;
    separate(text);
    text_put(text, "bit ");
    text_decimal(text, bit);
  }
}

static void put_bitfield(struct text *text, const struct vmxsim_bitfield *bitfield, uint64_t value, bool alone) {
  const bool wide = bitfield->high != bitfield->low;
  const uint64_t part = (value >> bitfield->low) & (~UINT64_C(0) >> (63 - (bitfield->high - bitfield->low)));
  if (!part && !(wide && vmxsim_bitfield_value_name(bitfield, 0))) return;
  separate(text);
  if (!wide || !alone) put_name(text, bitfield);
  if (wide && !alone) text_char(text, '=');
  if (wide) put_value(text, bitfield, part);
}

size_t vmxsim_layout_text(vmxsim_layout layout, uint64_t value, char *buffer, size_t size) {
  struct text text = text_begin(buffer, size);
  const struct vmxsim_bitfield *bitfield;
  const bool alone = !vmxsim_bitfield_at(layout, 1);
  unsigned next = 0;
  for (size_t n = 0; (bitfield = vmxsim_bitfield_at(layout, n)); n++) {
    put_unnamed_bits(&text, next, bitfield->low, value);
    put_bitfield(&text, bitfield, value, alone);
    next = bitfield->high + 1;
  }
  put_unnamed_bits(&text, next, 64, value);
  return text_end(&text);
}
