/* Trees out of libyaml's events. */
#include "yaml_tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "diagnose.h"

/* libyaml counts characters; people and editors count bytes in a line. A cursor walks from one mark to the next. */
struct cursor {
  size_t byte, character;
  size_t line_start; /* in bytes */
  unsigned line;     /* from 1 */
};

struct yaml_stream {
  struct vmxsim_allocator allocator;
  struct arena arena; /* of the tree that is being read */
  const char *text;
  size_t length;
  size_t handed_over; /* bytes that libyaml has taken */
  size_t begin;       /* byte where the document begins, or the one before it ended */
  bool too_long;      /* libyaml wanted more than a document may have */
  struct cursor cursor;
  yaml_parser_t parser;
};

/* Open collections while a tree is built, outermost first. */
struct builder {
  struct yaml_stream *stream;
  struct vmxsim_diagnostic *diagnostic;
  struct level {
    struct yaml_node *node;
    struct yaml_node **tail; /* where the next child goes */
    bool at_value;           /* in a mapping: the key is there, its value is next */
  } level[YAML_NESTING_MAX];
  unsigned depth;
  struct yaml_node *root;
};

static bool continues_character(char byte) {
  return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Moves the cursor to a mark at or behind it. */
static void advance(struct cursor *cursor, const char *text, size_t length, size_t character) {
  while (cursor->character < character && cursor->byte < length) {
    if (text[cursor->byte] == '\n') {
      cursor->line++;
      cursor->line_start = cursor->byte + 1;
    }
    do cursor->byte++;
    while (cursor->byte < length && continues_character(text[cursor->byte]));
    cursor->character++;
  }
}

static unsigned column_of(const struct cursor *cursor) {
  return (unsigned)(cursor->byte - cursor->line_start) + 1;
}

static struct cursor cursor_at(const struct yaml_stream *stream, size_t character) {
  struct cursor cursor = {.line = 1};
  advance(&cursor, stream->text, stream->length, character);
  return cursor;
}

/* Where the reader, which counts in bytes, gave up. */
static struct cursor cursor_at_byte(const struct yaml_stream *stream, size_t byte) {
  struct cursor cursor = {.line = 1};
  while (cursor.byte < byte && cursor.byte < stream->length) {
    if (stream->text[cursor.byte++] != '\n') continue;
    cursor.line++;
    cursor.line_start = cursor.byte;
  }
  return cursor;
}

/* Hands text to libyaml, but not more than one document may have: a scalar is whole in memory before we see it. */
static int hand_over(void *context, unsigned char *buffer, size_t size, size_t *taken) {
  struct yaml_stream *stream = context;
  const size_t left = stream->length - stream->handed_over;
  *taken = size < left ? size : left;
  if (*taken && stream->handed_over - stream->begin > YAML_DOCUMENT_BYTES_MAX + size) {
    stream->too_long = true;
    return 0;
  }
  if (*taken) memcpy(buffer, stream->text + stream->handed_over, *taken);
  stream->handed_over += *taken;
  return 1;
}

static size_t length_of_byte_order_mark(const char *text, size_t length) {
  return length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
}

struct yaml_stream *yaml_stream_open(const struct vmxsim_allocator *allocator, const char *text, size_t length) {
  struct arena arena;
  arena_init(&arena, allocator);
  struct yaml_stream *stream = arena.allocator.reallocate(arena.allocator.context, NULL, sizeof *stream);
  if (!stream) return NULL;
  *stream = (struct yaml_stream){.allocator = arena.allocator, .arena = arena, .cursor = {.line = 1}};
  const size_t mark = length_of_byte_order_mark(text, length);
  stream->text = text + mark;
  stream->length = length - mark;
  if (!yaml_parser_initialize(&stream->parser)) {
    stream->allocator.reallocate(stream->allocator.context, stream, 0);
    return NULL;
  }
  yaml_parser_set_encoding(&stream->parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input(&stream->parser, hand_over, stream);
  return stream;
}

void yaml_stream_close(struct yaml_stream *stream) {
  if (!stream) return;
  yaml_parser_delete(&stream->parser);
  arena_free(&stream->arena);
  stream->allocator.reallocate(stream->allocator.context, stream, 0);
}

static vmxsim_status diagnose_too_long(const struct yaml_stream *stream, struct vmxsim_diagnostic *diagnostic) {
  const struct cursor begin = cursor_at_byte(stream, stream->begin);
  return diagnose(diagnostic, VMXSIM_ERROR_LIMIT, begin.line, column_of(&begin),
                  "expected a YAML document of at most 1 MiB, found a longer one that begins here");
}

/* libyaml's own words, at its place. */
static vmxsim_status diagnose_parser(const struct yaml_stream *stream, struct vmxsim_diagnostic *diagnostic) {
  const yaml_parser_t *parser = &stream->parser;
  const char *problem = parser->problem ? parser->problem : "unknown problem";
  if (parser->error == YAML_MEMORY_ERROR) return diagnose_no_memory(diagnostic);
  if (stream->too_long) return diagnose_too_long(stream, diagnostic);
  if (parser->error == YAML_READER_ERROR) {
    const struct cursor place = cursor_at_byte(stream, parser->problem_offset);
    return diagnose(diagnostic, VMXSIM_ERROR_SYNTAX, place.line, column_of(&place),
                    "expected text in UTF-8, found byte 0x%02x: %s",
                    place.byte < stream->length ? (unsigned char)stream->text[place.byte] : 0u, problem);
  }
  const struct cursor place = cursor_at(stream, parser->problem_mark.index);
  if (!parser->context) {
    return diagnose(diagnostic, VMXSIM_ERROR_SYNTAX, place.line, column_of(&place), "this is not YAML: %s%s", problem,
                    strncmp(problem, "mapping values", 14) ? "" : " (text with \": \" in it needs quotes)");
  }
  const struct cursor begin = cursor_at(stream, parser->context_mark.index);
  return diagnose(diagnostic, VMXSIM_ERROR_SYNTAX, place.line, column_of(&place),
                  "this is not YAML: %s %s that begins at line %u, column %u", problem, parser->context, begin.line,
                  column_of(&begin));
}

static vmxsim_status diagnose_here(const struct builder *builder, vmxsim_status status, const char *text) {
  const struct cursor *here = &builder->stream->cursor;
  return diagnose(builder->diagnostic, status, here->line, column_of(here), "%s", text);
}

/* An event that can be an error by itself: at the cursor's place. */
static vmxsim_status refuse(const struct builder *builder, const yaml_char_t *anchor, const yaml_char_t *tag) {
  if (anchor)
    return diagnose_here(builder, VMXSIM_ERROR_SYNTAX, "anchors are not supported: expected a plain value, found '&'");
  if (tag)
    return diagnose_here(builder, VMXSIM_ERROR_SYNTAX, "tags are not supported: expected a plain value, found '!'");
  return VMXSIM_OK;
}

static struct yaml_node *new_node(const struct builder *builder, enum yaml_kind kind) {
  struct yaml_node *node = arena_allocate(&builder->stream->arena, sizeof *node);
  const struct cursor *here = &builder->stream->cursor;
  if (node) *node = (struct yaml_node){.kind = kind, .line = here->line, .column = column_of(here)};
  return node;
}

/* Puts a node into the collection that is open. */
static vmxsim_status attach(struct builder *builder, struct yaml_node *node) {
  if (!node) return diagnose_no_memory(builder->diagnostic);
  if (!builder->depth) {
    builder->root = node;
    return VMXSIM_OK;
  }
  struct level *level = &builder->level[builder->depth - 1];
  if (level->node->kind == NODE_MAPPING) {
    if (!level->at_value && node->kind != NODE_SCALAR) {
      return diagnose_here(builder, VMXSIM_ERROR_SYNTAX, "expected a name as key, found a list or a mapping");
    }
    level->at_value = !level->at_value;
  }
  if (!level->at_value) level->node->count++;
  *level->tail = node;
  level->tail = &node->next;
  return VMXSIM_OK;
}

static vmxsim_status add_scalar(struct builder *builder, const yaml_event_t *event) {
  const vmxsim_status status = refuse(builder, event->data.scalar.anchor, event->data.scalar.tag);
  if (status) return status;
  struct yaml_node *node = new_node(builder, NODE_SCALAR);
  if (!node) return diagnose_no_memory(builder->diagnostic);
  node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  node->length = event->data.scalar.length;
  node->text = arena_string(&builder->stream->arena, (const char *)event->data.scalar.value, node->length);
  if (!node->text) return diagnose_no_memory(builder->diagnostic);
  if (node->quoted && memchr(node->text, 0, node->length)) {
    return diagnose_here(builder, VMXSIM_ERROR_SYNTAX, "expected text, found a NUL character in it");
  }
  return attach(builder, node);
}

static vmxsim_status open_collection(struct builder *builder, enum yaml_kind kind, const yaml_char_t *anchor,
                                     const yaml_char_t *tag) {
  vmxsim_status status = refuse(builder, anchor, tag);
  if (status) return status;
  if (builder->depth == YAML_NESTING_MAX) {
    return diagnose_here(builder, VMXSIM_ERROR_LIMIT, "expected at most 64 levels of nesting, found one more");
  }
  struct yaml_node *node = new_node(builder, kind);
  status = attach(builder, node);
  if (!status) builder->level[builder->depth++] = (struct level){.node = node, .tail = &node->first};
  return status;
}

static bool same_text(const struct yaml_node *a, const struct yaml_node *b) {
  return a->length == b->length && !memcmp(a->text, b->text, a->length);
}

static vmxsim_status diagnose_twice(const struct builder *builder, const struct yaml_node *first,
                                    const struct yaml_node *second) {
  return diagnose(builder->diagnostic, VMXSIM_ERROR_SYNTAX, second->line, second->column,
                  "expected every key once, found '%.60s' again: it is at line %u, column %u already", second->text,
                  first->line, first->column);
}

static uint32_t hash_of(const struct yaml_node *key) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < key->length; i++) hash = (hash ^ (unsigned char)key->text[i]) * 16777619u;
  return hash ^ hash >> 15;
}

static vmxsim_status check_few_keys(const struct builder *builder, const struct yaml_node *mapping) {
  for (const struct yaml_node *key = mapping->first; key; key = key->next->next) {
    for (const struct yaml_node *before = mapping->first; before != key; before = before->next->next) {
      if (same_text(before, key)) return diagnose_twice(builder, before, key);
    }
  }
  return VMXSIM_OK;
}

/* The same with a hash table, so that a mapping of a hundred thousand keys does not take for ever. */
static vmxsim_status check_many_keys(const struct builder *builder, const struct yaml_node *mapping) {
  size_t size = 1;
  while (size < 2 * mapping->count) size *= 2;
  const struct yaml_node **table = arena_allocate_array(&builder->stream->arena, size, sizeof *table);
  if (!table) return diagnose_no_memory(builder->diagnostic);
  for (size_t i = 0; i < size; i++) table[i] = NULL;
  for (const struct yaml_node *key = mapping->first; key; key = key->next->next) {
    size_t place = hash_of(key) & (size - 1);
    for (; table[place]; place = (place + 1) & (size - 1)) {
      if (same_text(table[place], key)) return diagnose_twice(builder, table[place], key);
    }
    table[place] = key;
  }
  return VMXSIM_OK;
}

static vmxsim_status close_collection(struct builder *builder) {
  if (!builder->depth) return VMXSIM_OK; /* libyaml does not close what it has not opened */
  const struct yaml_node *node = builder->level[--builder->depth].node;
  if (node->kind != NODE_MAPPING) return VMXSIM_OK;
  return node->count <= 16 ? check_few_keys(builder, node) : check_many_keys(builder, node);
}

static vmxsim_status take(struct builder *builder, const yaml_event_t *event) {
  switch (event->type) {
  case YAML_SCALAR_EVENT: return add_scalar(builder, event);
  case YAML_SEQUENCE_START_EVENT:
    return open_collection(builder, NODE_SEQUENCE, event->data.sequence_start.anchor, event->data.sequence_start.tag);
  case YAML_MAPPING_START_EVENT:
    return open_collection(builder, NODE_MAPPING, event->data.mapping_start.anchor, event->data.mapping_start.tag);
  case YAML_SEQUENCE_END_EVENT:
  case YAML_MAPPING_END_EVENT: return close_collection(builder);
  case YAML_ALIAS_EVENT:
    return diagnose_here(builder, VMXSIM_ERROR_SYNTAX, "aliases are not supported: expected a plain value, found '*'");
  default: return VMXSIM_OK;
  }
}

/* Parses one event, moves the cursor to it and puts it into the tree. */
static vmxsim_status step(struct builder *builder, yaml_event_type_t *type) {
  struct yaml_stream *stream = builder->stream;
  yaml_event_t event;
  if (!yaml_parser_parse(&stream->parser, &event)) return diagnose_parser(stream, builder->diagnostic);
  advance(&stream->cursor, stream->text, stream->length, event.start_mark.index);
  *type = event.type;
  if (event.type == YAML_DOCUMENT_START_EVENT) stream->begin = stream->cursor.byte;
  vmxsim_status status = VMXSIM_OK;
  if (stream->cursor.byte - stream->begin > YAML_DOCUMENT_BYTES_MAX) {
    status = diagnose_too_long(stream, builder->diagnostic);
  } else {
    status = take(builder, &event);
  }
  if (event.type == YAML_DOCUMENT_END_EVENT) stream->begin = stream->cursor.byte;
  yaml_event_delete(&event);
  return status;
}

vmxsim_status yaml_stream_next(struct yaml_stream *stream, const struct yaml_node **root,
                               struct vmxsim_diagnostic *diagnostic) {
  struct builder builder = {.stream = stream, .diagnostic = diagnostic};
  arena_reset(&stream->arena);
  *root = NULL;
  for (;;) {
    yaml_event_type_t type = YAML_NO_EVENT;
    const vmxsim_status status = step(&builder, &type);
    if (status) return status;
    if (type == YAML_DOCUMENT_END_EVENT) *root = builder.root;
    /* After the last event libyaml gives events of no type. */
    if (type == YAML_DOCUMENT_END_EVENT || type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT) return VMXSIM_OK;
  }
}
