/* Making a machine, its random numbers, its timers. */
#include <stdio.h>
#include <string.h>

#include "cpu/allocate.h"
#include "cpu/apic/apic.h"
#include "cpu/events/events.h"
#include "cpu/exec/cpuid.h"
#include "cpu/exec/io.h"
#include "cpu/exec/system.h"
#include "cpu/exec/vmx.h"
#include "cpu/exec/wait.h"
#include "cpu/mmu/mmu.h"
#include "libvmxsim/machine/host_memory.h"
#include "libvmxsim/machine/machine_internal.h"
#include "libvmxsim/random.h"

static void *default_reallocate(void *context, void *pointer, size_t size) {
  (void)context;
  if (size) return realloc(pointer, size);
  free(pointer);
  return NULL;
}

vmxsim_status machine_fail(struct machine *machine, vmxsim_status status, const char *text) {
  strncpy(machine->error, text, sizeof machine->error - 1);
  return status;
}

vmxsim_status machine_check_idle(struct machine *machine) {
  if (!machine_is_busy(machine)) return VMXSIM_OK;
  return machine_fail(machine, VMXSIM_ERROR_BUSY, "not while the machine runs");
}

/* A write to decoded code: no vCPU may go on with what it had decoded. Or to a line that one of them monitors. */
static void code_written(void *context, uint64_t address, size_t size) {
  struct machine *machine = context;
  for (unsigned i = 0; i < machine->vcpus; i++) {
    block_cache_drop_page(machine->vcpu[i]->blocks, address);
    vcpu_code_changed(&machine->vcpu[i]->cpu);
    wait_note_store(&machine->vcpu[i]->cpu, address, size);
  }
}

static void destroy_vcpu(const struct vmxsim_allocator *allocator, struct vmxsim_vcpu *vcpu) {
  if (vcpu->cpu.apic) apic_destroy(vcpu->cpu.apic);
  if (vcpu->cpu.mmu) mmu_destroy(vcpu->cpu.mmu);
  if (vcpu->cpu.cpuid) cpuid_table_destroy(allocator, vcpu->cpu.cpuid);
  if (vcpu->blocks) block_cache_destroy(vcpu->blocks);
  memory_release(allocator, vcpu);
}

/* --- the timing model --- */

static bool add_caches(struct machine *machine) {
  if (machine->timing != TIMING_MEMORY) return true;
  machine->caches = caches_shared_create(machine_allocator(machine));
  const struct device_state state = {.name = "caches", .table = &caches_shared_state, .object = machine->caches};
  return machine->caches && machine_add_device_state(machine, &state);
}

static bool add_caches_of(struct vmxsim_vcpu *vcpu) {
  struct machine *const machine = vcpu->cpu.machine;
  if (!machine->caches) return true;
  struct caches *const caches = caches_create(&vcpu->cpu, machine->caches);
  if (!caches) return false;
  mmu_set_caches(vcpu->cpu.mmu, caches);
  snprintf(vcpu->caches_name, sizeof vcpu->caches_name, "vcpu%u.caches", vcpu->cpu.index);
  const struct device_state state = {.name = vcpu->caches_name, .table = &caches_state, .object = caches};
  return machine_add_device_state(machine, &state);
}

static bool set_timing(struct vmxsim_vcpu *vcpu) {
  struct vcpu *const v = &vcpu->cpu;
  timing_transitions(v->machine->timing, v->machine->profile, v->transition_cycles);
  mmu_set_miss_cycles(v->mmu, timing_tlb_miss(v->machine->timing));
  return add_caches_of(vcpu);
}

/* --- vCPUs --- */

static struct block_cache *create_blocks(const struct machine *machine) {
  return block_cache_create_with(machine->allocator.reallocate, machine->allocator.context);
}

static struct vmxsim_vcpu *create_vcpu(struct machine *machine, unsigned index) {
  const struct vmxsim_allocator *const allocator = machine_allocator(machine);
  struct vmxsim_vcpu *vcpu = memory_allocate(allocator, sizeof *vcpu);
  if (!vcpu) return NULL;
  struct vcpu *v = &vcpu->cpu;
  v->allocator = allocator;
  v->index = index;
  v->machine = machine;
  v->tsc_hz = machine->tsc_hz;
  v->signalled = machine_signalled;
  v->capabilities = &machine->processor;
  vcpu->blocks = create_blocks(machine);
  v->mmu = mmu_create(v, machine->memory);
  v->apic = apic_create(v, index);
  v->cpuid = cpuid_table_create(allocator, v->capabilities, machine->profile, &machine->instructions);
  if (!vcpu->blocks || !v->mmu || !v->apic || !v->cpuid || !set_timing(vcpu)) {
    destroy_vcpu(allocator, vcpu);
    return NULL;
  }
  decoder_init(&v->decoder, cpuid_decode_features(v->cpuid));
  exec_vmx_init(v);
  vcpu_reset(v, 0);
  return vcpu;
}

static void take_options(struct machine *machine, const struct vmxsim_machine_options *options) {
  static const struct vmxsim_allocator standard = {default_reallocate, NULL};
  machine->has_allocator = options->allocator != NULL;
  machine->allocator = options->allocator ? *options->allocator : standard;
  machine->processor = options->processor ? *options->processor : vmxsim_profile_find("max", 3)->capabilities;
  machine->profile = vmxsim_profile_nearest(&machine->processor);
  vmxsim_vmx_supported(&machine->processor);
  system_limit_processor(&machine->processor);
  machine->timing = (enum timing_model)options->timing;
  machine->tsc_hz = options->tsc_hz ? options->tsc_hz : UINT64_C(2000000000);
  machine->random = options->seed;
  machine->next_timer = UINT64_MAX;
  machine->progress.first_window = options->progress_cycles;
  machine->why.reason = VMXSIM_STOP_REQUEST;
}

static bool create_parts(struct machine *machine, unsigned vcpus) {
  machine->memory = physical_create(machine_allocator(machine));
  if (!add_caches(machine)) return false;
  while (machine->memory && machine->vcpus < vcpus) {
    machine->vcpu[machine->vcpus] = create_vcpu(machine, machine->vcpus);
    if (!machine->vcpu[machine->vcpus]) return false;
    machine->vcpus++;
  }
  return machine->memory != NULL;
}

vmxsim_status vmxsim_machine_create(const struct vmxsim_machine_options *options, vmxsim_machine **result) {
  static const struct vmxsim_machine_options standard = {.size = sizeof standard};
  *result = NULL;
  if (!options) options = &standard;
  if (options->size != sizeof *options || options->vcpus > VCPUS_MAX) return VMXSIM_ERROR_ARGUMENT;
  if ((unsigned)options->timing > VMXSIM_TIMING_MEMORY) return VMXSIM_ERROR_ARGUMENT;
  vmxsim_machine *const handle = memory_allocate(options->allocator, sizeof *handle);
  if (!handle) return VMXSIM_ERROR_MEMORY;
  struct machine *const machine = &handle->machine;
  take_options(machine, options);
  if (options->instruction_sets && !instruction_changes_read(options->instruction_sets, &machine->instructions)) {
    vmxsim_machine_destroy(handle);
    return VMXSIM_ERROR_UNKNOWN_NAME;
  }
  if (!create_parts(machine, options->vcpus ? options->vcpus : 1)) {
    vmxsim_machine_destroy(handle);
    return VMXSIM_ERROR_MEMORY;
  }
  physical_on_code_written(machine->memory, code_written, machine);
  *result = handle;
  return VMXSIM_OK;
}

void vmxsim_machine_destroy(vmxsim_machine *handle) {
  if (!handle || machine_is_busy(&handle->machine)) return;
  struct machine *const machine = &handle->machine;
  const struct vmxsim_allocator copy = machine->allocator;
  const struct vmxsim_allocator *const allocator = machine->has_allocator ? &copy : NULL;
  for (unsigned i = 0; i < machine->vcpus; i++) destroy_vcpu(machine_allocator(machine), machine->vcpu[i]);
  memory_release(allocator, machine->caches);
  for (size_t i = 0; i < machine->owned_rams; i++) {
    host_memory_release(allocator, machine->owned_ram[i].memory, machine->owned_ram[i].size);
  }
  physical_destroy(machine->memory);
  memory_release(allocator, handle);
}

const char *vmxsim_instruction_set_name(unsigned number) {
  return instruction_set_name(number);
}

const char *vmxsim_machine_error(const vmxsim_machine *handle) {
  return handle->machine.error;
}

uint64_t machine_random(struct machine *machine) {
  return random_next(&machine->random);
}

vmxsim_status vmxsim_machine_set_timer(vmxsim_machine *handle, uint64_t cycle, vmxsim_timer *expired, void *context) {
  struct machine *machine = &handle->machine;
  machine_running(machine)->attention |= ATTENTION_BOUNDARY; /* it may be due before what the run loop knows of */
  for (size_t i = 0; i < machine->timer_count; i++) {
    if (machine->timers[i].context != context || machine->timers[i].expired != expired) continue;
    machine->timers[i].cycle = cycle;
    machine_timers_changed(machine);
    return VMXSIM_OK;
  }
  if (!cycle) return VMXSIM_OK;
  if (machine->timer_count == TIMERS_MAX) return VMXSIM_ERROR_LIMIT;
  machine->timers[machine->timer_count++] = (struct timer){cycle, expired, context, NULL};
  machine_timers_changed(machine);
  return VMXSIM_OK;
}
