/* The table of labels. */
#include <string.h>

#include "assembler_symbols.h"

static unsigned bucket_of(const char *name, size_t length) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)name[i]) * 16777619u;
  return (hash ^ hash >> 16) % SYMBOL_BUCKETS;
}

struct symbol *symbols_find(const struct symbol_table *table, const char *name, size_t length) {
  struct symbol *symbol = table->buckets[bucket_of(name, length)];
  while (symbol && (symbol->length != length || memcmp(symbol->label.name, name, length) != 0)) {
    symbol = symbol->next_in_bucket;
  }
  return symbol;
}

struct symbol *symbols_add(struct symbol_table *table, const char *name, size_t length, uint64_t value) {
  struct symbol **bucket = &table->buckets[bucket_of(name, length)];
  struct symbol *symbol = arena_allocate(table->arena, sizeof *symbol);
  const char *copy = arena_string(table->arena, name, length);
  if (!symbol || !copy) return NULL;
  *symbol = (struct symbol){.next_in_bucket = *bucket, .label = {.name = copy, .value = value}, .length = length};
  *bucket = symbol;
  if (table->last)
    table->last->next = symbol;
  else
    table->first = symbol;
  table->last = symbol;
  return symbol;
}
