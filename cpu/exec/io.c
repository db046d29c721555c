/* IN, OUT, and who may use a port. INS and OUTS are string instructions (string.c). */
#include "cpu/exec/flags.h"
#include "cpu/exec/io.h"
#include "cpu/exec/operand.h"
#include "cpu/registers.h"

enum { TSS_TYPE_32 = 9, TSS_TYPE_32_BUSY = 11, TSS_LIMIT_MIN = 103, TSS_IO_MAP_BASE = 102 };

/* SDM 1, "I/O Permission Bit Map": two bytes are read whatever the port, the second one too must be within the limit.
 */
static bool bitmap_permits(struct vcpu *v, uint16_t port, unsigned size) {
  const struct vmxsim_segment *tr = &v->s.tr;
  unsigned type = tr->access_rights & 15;
  uint64_t base = 0, bits = 0;
  if ((type != TSS_TYPE_32 && type != TSS_TYPE_32_BUSY) || tr->limit < TSS_LIMIT_MIN)
    return exec_raise_with_code(v, VECTOR_GP, 0);
  if (!mem_read_linear(v, tr->base + TSS_IO_MAP_BASE, 2, MEM_SYSTEM, &base)) return false;
  if (base + port / 8 + 1 > tr->limit) return exec_raise_with_code(v, VECTOR_GP, 0);
  if (!mem_read_linear(v, tr->base + base + port / 8, 2, MEM_SYSTEM, &bits)) return false;
  if ((bits >> (port & 7)) & ((1u << size) - 1)) return exec_raise_with_code(v, VECTOR_GP, 0);
  return true;
}

bool io_permitted(struct vcpu *v, uint16_t port, unsigned size) {
  bool by_level = (v->mode & DECODE_PROTECTED) && v->cpl > RFLAGS_IOPL_OF(v->s.rflags);
  return !(by_level || (v->mode & DECODE_V86)) || bitmap_permits(v, port, size);
}

/* DR7: enable bits 2n and 2n + 1, R/W field (10b: I/O) at 16 + 4n, length at 18 + 4n. */
void io_breakpoints(struct vcpu *v, uint16_t port, unsigned size) {
  if (!(v->s.dr7 & DR7_ENABLED) || !(v->s.cr4 & CR4_DE)) return;
  for (unsigned i = 0; i < 4; i++) {
    bool enabled = (v->s.dr7 >> (2 * i)) & 3, for_io = ((v->s.dr7 >> (16 + 4 * i)) & 3) == 2;
    uint64_t length = (v->s.dr7 >> (18 + 4 * i)) & 3, first = v->s.dr[i] & ~length;
    if (!enabled || !for_io || port > first + length || first > (uint64_t)port + size - 1) continue;
    v->trap_dr6 |= (uint64_t)1 << i;
    vcpu_attend(v, ATTENTION_BOUNDARY);
  }
}

static uint16_t port_operand(const struct vcpu *v, const struct ir_operand *operand, const struct ir_op *op) {
  return operand->kind == IR_IMMEDIATE ? (uint8_t)op->immediate : (uint16_t)v->s.gpr[VMXSIM_RDX];
}

static bool in_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  uint16_t port = port_operand(v, &op->operand[1], op);
  uint32_t value = 0;
  if (!io_permitted(v, port, size) || !io_read(v, port, size, &value)) return false;
  gpr_write_number(v, VMXSIM_RAX, size, value);
  io_breakpoints(v, port, size);
  return true;
}

static bool out_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[1].size;
  uint16_t port = port_operand(v, &op->operand[0], op);
  uint32_t value = (uint32_t)truncate_to(v->s.gpr[VMXSIM_RAX], size);
  if (!io_permitted(v, port, size) || !io_write(v, port, size, value)) return false;
  io_breakpoints(v, port, size);
  return true;
}

EXEC_HANDLER(in, in_step)
EXEC_HANDLER(out, out_step)

ir_execute *bind_io(const struct ir_op *op) {
  return op->opcode == IR_IN ? in : op->opcode == IR_OUT ? out : NULL;
}
