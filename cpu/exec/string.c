/* String instructions: one element, and many at once where both ends are plain memory. Repetition is string_repeat.c.
 */
#include <string.h>

#include "cpu/exec/flags.h"
#include "cpu/exec/io.h"
#include "cpu/exec/string.h"

/* Elements in host memory, little-endian whatever the host. */
static uint64_t element_at(const uint8_t *host, unsigned size) {
  uint64_t value = 0;
  for (unsigned i = size; i--;) value = value << 8 | host[i];
  return value;
}

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static bool load_source(struct vcpu *v, const struct ir_op *op, uint64_t *value) {
  return mem_read(v, op->memory.segment, string_index(v, op, VMXSIM_RSI), string_size(op), value);
}

/* --- MOVS -------------------------------------------------------------------------------------------------------- */

static bool movs_step(struct vcpu *v, const struct ir_op *op) {
  uint64_t value = 0;
  if (!load_source(v, op, &value) || !mem_write(v, VMXSIM_ES, string_index(v, op, VMXSIM_RDI), string_size(op), value))
    return false;
  string_advance(v, op, VMXSIM_RSI, 1);
  string_advance(v, op, VMXSIM_RDI, 1);
  return true;
}

/* Element by element, as far as it can be told: a destination ahead of the source repeats what lies between. */
static void copy_forward(uint8_t *to, const uint8_t *from, size_t bytes, unsigned size) {
  size_t ahead = (uintptr_t)to > (uintptr_t)from ? (size_t)(to - from) : bytes;
  if (ahead >= bytes) {
    memmove(to, from, bytes); /* behind the source, or clear of it */
    return;
  }
  for (size_t i = 0; i < bytes; i += size) memmove(to + i, from + i, size);
}

static uint64_t movs_span(struct vcpu *v, const struct ir_op *op, uint64_t most) {
  uint8_t *from, *to;
  uint64_t elements = string_host(v, op, op->memory.segment, VMXSIM_RSI, false, most, &from);
  if (elements) elements = string_host(v, op, VMXSIM_ES, VMXSIM_RDI, true, elements, &to);
  if (!elements) return 0;
  elements = least(elements, string_room(v, op));
  copy_forward(to, from, (size_t)elements * string_size(op), string_size(op));
  string_advance(v, op, VMXSIM_RSI, elements);
  string_advance(v, op, VMXSIM_RDI, elements);
  return elements;
}

static void movs(struct vcpu *v, const struct ir_op *op) {
  return string_run(v, op, movs_step, movs_span, false);
}

/* --- STOS -------------------------------------------------------------------------------------------------------- */

static bool stos_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = string_size(op);
  uint64_t value = truncate_to(v->s.gpr[VMXSIM_RAX], size);
  if (!mem_write(v, VMXSIM_ES, string_index(v, op, VMXSIM_RDI), size, value)) return false;
  string_advance(v, op, VMXSIM_RDI, 1);
  return true;
}

/* The first element, then copies of what is there already, twice as much each time. */
static void fill(uint8_t *to, size_t bytes, uint64_t value, unsigned size) {
  for (unsigned i = 0; i < size; i++) to[i] = (uint8_t)(value >> (i * 8));
  for (size_t filled = size; filled < bytes;) {
    size_t piece = filled < bytes - filled ? filled : bytes - filled;
    memcpy(to + filled, to, piece);
    filled += piece;
  }
}

static uint64_t stos_span(struct vcpu *v, const struct ir_op *op, uint64_t most) {
  uint8_t *to;
  uint64_t elements = string_host(v, op, VMXSIM_ES, VMXSIM_RDI, true, most, &to);
  if (!elements) return 0;
  elements = least(elements, string_room(v, op));
  fill(to, (size_t)elements * string_size(op), v->s.gpr[VMXSIM_RAX], string_size(op));
  string_advance(v, op, VMXSIM_RDI, elements);
  return elements;
}

static void stos(struct vcpu *v, const struct ir_op *op) {
  return string_run(v, op, stos_step, stos_span, false);
}

/* --- LODS -------------------------------------------------------------------------------------------------------- */

static bool lods_step(struct vcpu *v, const struct ir_op *op) {
  uint64_t value = 0;
  if (!load_source(v, op, &value)) return false;
  gpr_write_number(v, VMXSIM_RAX, string_size(op), value);
  string_advance(v, op, VMXSIM_RSI, 1);
  return true;
}

static void lods(struct vcpu *v, const struct ir_op *op) {
  return string_run(v, op, lods_step, NULL, false);
}

/* --- CMPS, SCAS -------------------------------------------------------------------------------------------------- */

static void compare(struct vcpu *v, unsigned size, uint64_t a, uint64_t b) {
  flags_set(v, LAZY_SUB, size, truncate_to(a - b, size), a, b);
}

/* The manual does not say which operand is read first; on silicon it is the one at rDI. */
static bool cmps_step(struct vcpu *v, const struct ir_op *op) {
  uint64_t a = 0, b = 0;
  if (!mem_read(v, VMXSIM_ES, string_index(v, op, VMXSIM_RDI), string_size(op), &b) || !load_source(v, op, &a))
    return false;
  compare(v, string_size(op), a, b);
  string_advance(v, op, VMXSIM_RSI, 1);
  string_advance(v, op, VMXSIM_RDI, 1);
  return true;
}

static uint64_t cmps_span(struct vcpu *v, const struct ir_op *op, uint64_t most) {
  uint8_t *first, *second;
  unsigned size = string_size(op);
  bool while_equal = !(op->prefixes & IR_REPNE);
  uint64_t elements = string_host(v, op, op->memory.segment, VMXSIM_RSI, false, most, &first);
  if (elements) elements = string_host(v, op, VMXSIM_ES, VMXSIM_RDI, false, elements, &second);
  if (!elements) return 0;
  elements = least(elements, string_room(v, op));
  uint64_t done = 1, a, b;
  while (a = element_at(first, size), b = element_at(second, size), (a == b) == while_equal && done < elements) {
    first += size;
    second += size;
    done++;
  }
  compare(v, size, a, b);
  string_advance(v, op, VMXSIM_RSI, done);
  string_advance(v, op, VMXSIM_RDI, done);
  return done;
}

static void cmps(struct vcpu *v, const struct ir_op *op) {
  return string_run(v, op, cmps_step, cmps_span, true);
}

static bool scas_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = string_size(op);
  uint64_t b = 0;
  if (!mem_read(v, VMXSIM_ES, string_index(v, op, VMXSIM_RDI), size, &b)) return false;
  compare(v, size, truncate_to(v->s.gpr[VMXSIM_RAX], size), b);
  string_advance(v, op, VMXSIM_RDI, 1);
  return true;
}

static uint64_t scas_span(struct vcpu *v, const struct ir_op *op, uint64_t most) {
  uint8_t *host;
  unsigned size = string_size(op);
  bool while_equal = !(op->prefixes & IR_REPNE);
  uint64_t elements = string_host(v, op, VMXSIM_ES, VMXSIM_RDI, false, most, &host);
  if (!elements) return 0;
  elements = least(elements, string_room(v, op));
  uint64_t done = 1, a = truncate_to(v->s.gpr[VMXSIM_RAX], size), b;
  while (b = element_at(host, size), (a == b) == while_equal && done < elements) {
    host += size;
    done++;
  }
  compare(v, size, a, b);
  string_advance(v, op, VMXSIM_RDI, done);
  return done;
}

static void scas(struct vcpu *v, const struct ir_op *op) {
  return string_run(v, op, scas_step, scas_span, true);
}

/* --- INS, OUTS --------------------------------------------------------------------------------------------------- */

/* Whether the memory can be written is known before the port is read, which cannot be undone. */
static bool ins_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = string_size(op);
  uint16_t port = (uint16_t)v->s.gpr[VMXSIM_RDX];
  uint64_t index = string_index(v, op, VMXSIM_RDI);
  uint32_t value = 0;
  if (!io_permitted(v, port, size) || !mem_probe_write(v, VMXSIM_ES, index, size, 0) ||
      !io_read(v, port, size, &value) || !mem_write(v, VMXSIM_ES, index, size, truncate_to(value, size)))
    return false;
  string_advance(v, op, VMXSIM_RDI, 1);
  io_breakpoints(v, port, size);
  return true;
}

static bool outs_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = string_size(op);
  uint16_t port = (uint16_t)v->s.gpr[VMXSIM_RDX];
  uint64_t value = 0;
  if (!io_permitted(v, port, size) || !load_source(v, op, &value) || !io_write(v, port, size, (uint32_t)value))
    return false;
  string_advance(v, op, VMXSIM_RSI, 1);
  io_breakpoints(v, port, size);
  return true;
}

static void ins(struct vcpu *v, const struct ir_op *op) {
  return string_run(v, op, ins_step, NULL, false);
}

static void outs(struct vcpu *v, const struct ir_op *op) {
  return string_run(v, op, outs_step, NULL, false);
}

ir_execute *exec_bind_string(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_MOVS: return movs;
  case IR_STOS: return stos;
  case IR_LODS: return lods;
  case IR_CMPS: return cmps;
  case IR_SCAS: return scas;
  case IR_INS: return ins;
  case IR_OUTS: return outs;
  default: return bind_io(op);
  }
}
