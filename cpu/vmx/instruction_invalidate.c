/* INVEPT and INVVPID: their operands. What is invalidated is more than they ask for: the port drops every translation.
 *
 * They exist only on a processor with EPT or VPIDs, which the engine does not carry out yet (vmxsim_vmx_supported()).
 */
#include "cpu/vmx/internal.h"

enum invalidation_type { ONE_ADDRESS = 0, ONE_CONTEXT = 1, ALL_CONTEXTS = 2, ONE_CONTEXT_BUT_GLOBALS = 3 };
#define DESCRIPTOR_VPID BITS(15, 0)

struct descriptor {
  uint64_t low, high;
};

static bool read_descriptor(const struct vmxsim_vmx_instruction *instruction, struct descriptor *descriptor) {
  uint8_t bytes[16];
  if (!instruction->read(instruction->operand, bytes, sizeof bytes)) return false;
  descriptor->low = vmx_get_bytes(bytes, 8);
  descriptor->high = vmx_get_bytes(bytes + 8, 8);
  return true;
}

static enum vmxsim_vmx_result fail(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  return vmx_fail(vmx, instruction, VMXSIM_ERROR_NUMBER_invalid_operand_to_invept_or_invvpid);
}

static enum vmxsim_vmx_result succeed(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  if (vmx->port->invalidate) vmx->port->invalidate(vmx->context);
  return vmx_succeed(vmx, instruction);
}

/* The type: bit `first` of IA32_VMX_EPT_VPID_CAP and those above it say which are supported. */
static bool type_is_supported(const struct vmxsim_vmx *vmx, uint64_t type, unsigned types, unsigned first) {
  return type < types && ((vmx->capabilities->ia32_vmx_ept_vpid_cap >> (first + type)) & 1);
}

static bool eptp_is_valid(const struct vmxsim_vmx *vmx, uint64_t eptp) {
  const uint64_t cap = vmx->capabilities->ia32_vmx_ept_vpid_cap;
  const uint64_t type = EPTP_MEMORY_TYPE_OF(eptp), walk = EPTP_WALK_LENGTH_OF(eptp);
  const bool type_good = (type == 0 && (cap & EPT_CAP_UC)) || (type == 6 && (cap & EPT_CAP_WB));
  const bool walk_good = (walk == 4 && (cap & EPT_CAP_WALK_4)) || (walk == 5 && (cap & EPT_CAP_WALK_5));
  uint64_t reserved = EPTP_RESERVED | vmx->capabilities->beyond_physical;
  if (!(cap & EPT_CAP_ACCESSED_DIRTY)) reserved |= EPTP_ACCESSED_DIRTY;
  if (!(cap & EPT_CAP_SUPERVISOR_SHADOW_STACK)) reserved |= EPTP_SUPERVISOR_SHADOW_STACK;
  return type_good && walk_good && !(eptp & reserved);
}

static uint64_t type_of(const struct vmxsim_vmx_instruction *instruction) {
  const uint64_t type = instruction->register_value;
  return instruction->operand_bits == 32 ? type & UINT32_MAX : type;
}

enum vmxsim_vmx_result vmx_invept(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  enum { TYPES = 3, FIRST_TYPE = 24 };
  const uint64_t type = type_of(instruction);
  struct descriptor descriptor;
  if (!type_is_supported(vmx, type, TYPES, FIRST_TYPE)) return fail(vmx, instruction);
  if (!read_descriptor(instruction, &descriptor)) return VMXSIM_VMX_PENDING;
  if (descriptor.high) return fail(vmx, instruction);
  if (type == ONE_CONTEXT && !eptp_is_valid(vmx, descriptor.low)) return fail(vmx, instruction);
  return succeed(vmx, instruction);
}

static bool is_canonical(const struct vmxsim_vmx *vmx, uint64_t address) {
  const uint64_t linear_bits = vmx->capabilities->linear_bits;
  if (linear_bits < 48) return true;
  const bool la57 = vmx->state->cr4 & CR4_LA57;
  const uint64_t upper = address >> (la57 ? 56 : 47);
  return upper == 0 || upper == BITS(63, 0) >> (la57 ? 56 : 47);
}

enum vmxsim_vmx_result vmx_invvpid(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  enum { TYPES = 4, FIRST_TYPE = 40 };
  const uint64_t type = type_of(instruction);
  struct descriptor descriptor;
  if (!type_is_supported(vmx, type, TYPES, FIRST_TYPE)) return fail(vmx, instruction);
  if (!read_descriptor(instruction, &descriptor)) return VMXSIM_VMX_PENDING;
  if (descriptor.low & ~DESCRIPTOR_VPID) return fail(vmx, instruction);
  if (type != ALL_CONTEXTS && descriptor.low == 0) return fail(vmx, instruction);
  if (type == ONE_ADDRESS && !is_canonical(vmx, descriptor.high)) return fail(vmx, instruction);
  return succeed(vmx, instruction);
}
