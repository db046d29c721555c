/* Shadow stacks and indirect-branch tracking of far transfers and event delivery. */
#include "cpu/exec/cet_far.h"

#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

static uint64_t cet_of(const struct vcpu *v, unsigned cpl) {
  if (!(v->s.cr4 & CR4_CET) || !(v->s.cr0 & CR0_PE)) return 0;
  return cpl == 3 ? v->s.u_cet : v->s.s_cet;
}

bool cet_shadow_stack_enabled(const struct vcpu *v, unsigned cpl) {
  return cet_of(v, cpl) & CET_SH_STK_EN;
}

bool cet_endbranch_enabled(const struct vcpu *v, unsigned cpl) {
  return cet_of(v, cpl) & CET_ENDBR_EN;
}

void cet_expect_endbranch(struct vcpu *v, unsigned cpl) {
  if (!cet_endbranch_enabled(v, cpl)) return;
  uint64_t *const cet = cpl == 3 ? &v->s.u_cet : &v->s.s_cet;
  *cet = (*cet | CET_TRACKER) & ~CET_SUPPRESS;
}

uint64_t cet_adjust(const struct vcpu *v, uint64_t ssp) {
  if (!vcpu_in_ia32e_mode(v)) return ssp;
  const unsigned above = 64 - (v->capabilities->linear_bits > 48 ? 57 : 48);
  return (uint64_t)((int64_t)(ssp << above) >> above);
}

static bool push(struct vcpu *v, uint64_t *ssp, uint64_t value, unsigned system) {
  *ssp -= 8;
  return mem_write_linear(v, *ssp, 8, (enum mem_access)(MEM_WRITE | MEM_SHADOW_STACK | system), value);
}

static bool push_three(struct vcpu *v, const struct cet_frame *frame, uint64_t previous, uint64_t *ssp,
                       unsigned system) {
  return push(v, ssp, frame->cs, system) && push(v, ssp, frame->lip, system) && push(v, ssp, previous, system);
}

bool cet_push_frame(struct vcpu *v, const struct cet_frame *frame, uint64_t from, uint64_t *ssp) {
  if (!frame->target_is_64_bit && from >> 32) return vcpu_raise_with_code(v, VECTOR_GP, 0), false;
  /* What lies between SSP and the aligned frame is zero. */
  if (!mem_write_linear(v, from - 4, 4, (enum mem_access)(MEM_WRITE | MEM_SHADOW_STACK), 0)) return false;
  *ssp = from & ~UINT64_C(7);
  return push_three(v, frame, v->s.ssp, ssp, 0);
}

bool cet_take_token(struct vcpu *v, uint64_t ssp, unsigned system, bool *taken) {
  const enum mem_access access = (enum mem_access)(MEM_WRITE | MEM_SHADOW_STACK | system);
  uint64_t token = 0;
  if (!mem_read_linear(v, ssp, 8, access, &token)) return false;
  *taken = token == ssp;
  return !*taken || mem_write_linear(v, ssp, 8, access, ssp | TOKEN_BUSY);
}

bool cet_acquire_token(struct vcpu *v, uint64_t ssp, bool target_is_64_bit) {
  /* Token and frame lie in one aligned 32 bytes. */
  const bool placed = !(ssp & 7) && (ssp & ~UINT64_C(31)) == ((ssp - 24) & ~UINT64_C(31));
  bool taken;
  if (!placed || (!target_is_64_bit && ssp >> 32)) return vcpu_raise_with_code(v, VECTOR_GP, 0), false;
  if (!cet_take_token(v, ssp, MEM_SYSTEM, &taken)) return false;
  if (!taken) vcpu_raise_with_code(v, VECTOR_GP, 0);
  return taken;
}

bool cet_enter_inner(struct vcpu *v, const struct cet_frame *frame, unsigned old_cpl, uint64_t start, uint64_t *ssp) {
  if (!cet_acquire_token(v, start, frame->target_is_64_bit)) return false;
  *ssp = start;
  return old_cpl == 3 || push_three(v, frame, v->s.ssp, ssp, MEM_SYSTEM);
}

bool cet_check_alignment(struct vcpu *v) {
  if (!(v->s.ssp & 7)) return true;
  vcpu_raise_with_code(v, VECTOR_CP, CP_FAR_RET_IRET);
  return false;
}

bool cet_read_frame(struct vcpu *v, uint64_t *cs, uint64_t *lip, uint64_t *previous) {
  const enum mem_access access = (enum mem_access)(MEM_READ | MEM_SHADOW_STACK);
  const uint64_t ssp = v->s.ssp;
  return mem_read_linear(v, ssp + 16, 8, access, cs) && mem_read_linear(v, ssp + 8, 8, access, lip) &&
         mem_read_linear(v, ssp, 8, access, previous);
}

bool cet_pop_frame(struct vcpu *v, uint64_t cs, uint64_t lip, uint64_t *popped, uint64_t *previous) {
  uint64_t saved_cs, saved_lip;
  if (!cet_read_frame(v, &saved_cs, &saved_lip, previous)) return false;
  *popped = v->s.ssp + CET_FRAME_SIZE;
  if (cs == saved_cs && lip == saved_lip && !(*previous & 3)) return true;
  vcpu_raise_with_code(v, VECTOR_CP, CP_FAR_RET_IRET);
  return false;
}

bool cet_check_new_ssp(struct vcpu *v, uint64_t ssp, bool target_is_64_bit) {
  if (target_is_64_bit ? mmu_is_canonical(v, ssp) : !(ssp >> 32)) return true;
  vcpu_raise_with_code(v, VECTOR_GP, 0);
  return false;
}

void cet_release_token(struct vcpu *v, uint64_t ssp, unsigned system) {
  const enum mem_access access = (enum mem_access)(MEM_WRITE | MEM_SHADOW_STACK | system);
  uint64_t token;
  if (mem_read_linear(v, ssp, 8, access, &token) && token == (ssp | TOKEN_BUSY))
    mem_write_linear(v, ssp, 8, access, ssp);
  v->exception.pending = false;
}
