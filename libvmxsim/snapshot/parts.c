/* The parts of a machine, in the order of the file: how it is configured, RAM, the machine itself, each vCPU, devices.
 * RAM comes before what a store to it may signal to.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cpu/apic/apic_state.h"
#include "cpu/mmu/tlb_state.h"
#include "cpu/vcpu_state.h"
#include "libvmxsim/machine/trace_hash.h"
#include "libvmxsim/snapshot/snapshot_internal.h"

/* --- configuration: has to be equal --- */

struct configuration {
  uint32_t vcpus, timing;
  uint64_t tsc_hz;
  struct vmxsim_capabilities processor;
};

static const struct state_field configuration_fields[] = {
    STATE_NUMBER(struct configuration, vcpus),
    STATE_NUMBER(struct configuration, timing),
    STATE_NUMBER(struct configuration, tsc_hz),
#define CAPABILITY_MSR(name, index, title) STATE_NUMBER(struct configuration, processor.name),
#define CAPABILITY_NUMBER(name, unit) STATE_NUMBER(struct configuration, processor.name),
#define CAPABILITY_DERIVED(name, about)
#include "vmxsim/tables/capabilities.def"
#undef CAPABILITY_MSR
#undef CAPABILITY_NUMBER
#undef CAPABILITY_DERIVED
};
static const struct state_table configuration_table = STATE_TABLE(configuration_fields);

enum { MAP_MAX = 256 };
struct map_image {
  uint32_t regions;
  struct {
    uint64_t first, last;
    uint64_t contents; /* of ROM: its checksum */
    uint8_t kind;
  } region[MAP_MAX];
};
#define REGION(member) STATE_USED(struct map_image, regions, region, member)
static const struct state_field map_fields[] = {
    STATE_UP_TO(struct map_image, regions, MAP_MAX), REGION(first), REGION(last), REGION(contents), REGION(kind),
};
static const struct state_table map_table = STATE_TABLE(map_fields);

struct scratch {
  struct configuration configuration;
  struct map_image map;
  struct tlb_image tlb;
};

size_t scratch_size(void) {
  return sizeof(struct scratch);
}

static void gather_configuration(struct part *part) {
  const struct machine *machine = part->machine;
  *(struct configuration *)part->object =
      (struct configuration){machine->vcpus, (uint32_t)machine->timing, machine->tsc_hz, machine->processor};
}

static void gather_map(struct part *part) {
  struct map_image *map = part->object;
  struct physical_extent extent;
  for (map->regions = 0; map->regions < MAP_MAX; map->regions++) {
    if (!physical_region_at(part->machine->memory, map->regions, &extent)) return;
    map->region[map->regions].first = extent.first;
    map->region[map->regions].last = extent.last;
    map->region[map->regions].kind = (uint8_t)extent.kind;
    map->region[map->regions].contents =
        extent.kind == PHYSICAL_ROM ? checksum_of(extent.host, (size_t)(extent.last - extent.first + 1)) : 0;
  }
}

/* --- the machine --- */

static const struct state_field machine_fields[] = {
    STATE_UP_TO(struct machine, running, VCPUS_MAX - 1),
    STATE_FLAG(struct machine, turn.open),
    STATE_NUMBER(struct machine, turn.until),
    STATE_NUMBER(struct machine, random),
    STATE_FLAG(struct machine, asleep),
    STATE_FLAG(struct machine, hash.on),
    STATE_NUMBER(struct machine, hash.value),
};
static const struct state_table machine_table = STATE_TABLE(machine_fields);

static void machine_restored(struct part *part) {
  struct machine *machine = part->machine;
  if (machine->running >= machine->vcpus) machine->running = 0;
  trace_switch(machine, machine->hash.on);
}

/* --- vCPUs --- */

static void settle(struct part *part) {
  vcpu_settle(part->vcpu);
}

static void gather_tlb(struct part *part) {
  tlb_store(&part->vcpu->mmu->tlb, part->object);
}

/* The last part of its vCPU. */
static void spread_tlb(struct part *part) {
  vcpu_restored(part->vcpu);
  tlb_load(part->vcpu->mmu, part->object);
}

static void restore_apic(struct part *part) {
  apic_restored(part->object);
}

enum vcpu_part { VCPU_REGISTERS, VCPU_STATE, VCPU_FPU, VCPU_VMX, VCPU_APIC, VCPU_TLB, VCPU_PARTS };

static void vcpu_part(struct part *part, struct scratch *scratch, unsigned vcpu, unsigned index) {
  static const char *const names[VCPU_PARTS] = {"registers", "state", "fpu", "vmx", "apic", "tlb"};
  static const struct state_table *const tables[VCPU_PARTS] = {&architectural_state, &vcpu_state, &fpu_state,
                                                               &vmx_state,           &apic_state, &tlb_state};
  struct vcpu *v = &part->machine->vcpu[vcpu]->cpu;
  void *const objects[VCPU_PARTS] = {&v->s, v, &v->fpu, &v->vmx, v->apic, &scratch->tlb};
  snprintf(part->name, sizeof part->name, "vcpu%u.%s", vcpu, names[index]);
  part->kind = SECTION_TABLE;
  part->vcpu = v;
  part->table = tables[index];
  part->object = objects[index];
  if (index == VCPU_REGISTERS) part->prepare = settle;
  if (index == VCPU_APIC) part->restored = restore_apic;
  if (index != VCPU_TLB) return;
  part->prepare = gather_tlb;
  part->restored = spread_tlb;
}

/* --- devices --- */

static void restore_device(struct part *part) {
  for (size_t i = 0; i < part->machine->device_states; i++) {
    const struct device_state *device = &part->machine->device_state[i];
    if (device->object == part->object && device->restored) device->restored(device->context);
  }
}

static void device_part(struct part *part, const struct device_state *device) {
  snprintf(part->name, sizeof part->name, "%s", device->name);
  part->kind = SECTION_TABLE;
  part->table = device->table;
  part->object = device->object;
  part->is_configuration = device->is_configuration;
  part->restored = restore_device;
}

static void embedder_part(struct part *part, const struct vmxsim_snapshot_part *embedder) {
  snprintf(part->name, sizeof part->name, "embedder.%s", embedder->name);
  part->kind = SECTION_OPAQUE;
  part->embedder = embedder;
}

bool machine_add_device_state(struct machine *machine, const struct device_state *state) {
  if (machine->device_states == DEVICE_STATES_MAX) return false;
  machine->device_state[machine->device_states++] = *state;
  return true;
}

vmxsim_status vmxsim_machine_add_part(vmxsim_machine *handle, const struct vmxsim_snapshot_part *part) {
  struct machine *machine = &handle->machine;
  if (part->size != sizeof *part || !part->save || !part->restore) return VMXSIM_ERROR_ARGUMENT;
  const size_t length = strlen(part->name);
  if (!length || length > 40) return VMXSIM_ERROR_ARGUMENT;
  for (size_t i = 0; i < length; i++) {
    if (part->name[i] <= ' ' || part->name[i] > '~') return VMXSIM_ERROR_ARGUMENT;
  }
  for (size_t i = 0; i < machine->embedder_parts; i++) {
    if (!strcmp(machine->embedder_part[i].name, part->name)) return VMXSIM_ERROR_ARGUMENT;
  }
  if (machine->embedder_parts == EMBEDDER_PARTS_MAX) return VMXSIM_ERROR_LIMIT;
  machine->embedder_part[machine->embedder_parts++] = *part;
  return VMXSIM_OK;
}

/* --- all of them --- */

enum fixed_part { PART_CONFIGURATION, PART_MAP, PART_MEMORY, PART_MACHINE, PART_TIMERS, FIXED_PARTS };

static void fixed_part(struct part *part, struct scratch *scratch, unsigned index) {
  static const char *const names[FIXED_PARTS] = {"configuration", "map", "memory", "machine", "timers"};
  static const struct state_table *const tables[FIXED_PARTS] = {&configuration_table, &map_table, NULL, &machine_table,
                                                                NULL};
  void *const objects[FIXED_PARTS] = {&scratch->configuration, &scratch->map, NULL, part->machine, NULL};
  snprintf(part->name, sizeof part->name, "%s", names[index]);
  part->kind = SECTION_TABLE;
  if (index == PART_TIMERS) part->kind = SECTION_TIMERS;
  if (index == PART_MEMORY) part->kind = SECTION_MEMORY;
  part->table = tables[index];
  part->object = objects[index];
  part->is_configuration = index == PART_CONFIGURATION || index == PART_MAP;
  if (index == PART_CONFIGURATION) part->prepare = gather_configuration;
  if (index == PART_MAP) part->prepare = gather_map;
  if (index == PART_MACHINE) part->restored = machine_restored;
}

bool part_at(struct machine *machine, struct scratch *scratch, unsigned index, struct part *part) {
  *part = (struct part){.machine = machine};
  if (index < FIXED_PARTS) return fixed_part(part, scratch, index), true;
  index -= FIXED_PARTS;
  if (index < machine->vcpus * VCPU_PARTS)
    return vcpu_part(part, scratch, index / VCPU_PARTS, index % VCPU_PARTS), true;
  index -= machine->vcpus * VCPU_PARTS;
  if (index < machine->device_states) return device_part(part, &machine->device_state[index]), true;
  index -= (unsigned)machine->device_states;
  if (index < machine->embedder_parts) return embedder_part(part, &machine->embedder_part[index]), true;
  return false;
}

/* --- what is done with one --- */

static bool write_embedder(void *destination, const void *bytes, size_t size) {
  struct writer *writer = destination;
  write_bytes(writer, bytes, size);
  return !writer->failed;
}

void part_save(struct part *part, struct writer *writer) {
  if (part->prepare) part->prepare(part);
  switch (part->kind) {
  case SECTION_TABLE: table_save(part->table, part->object, writer); break;
  case SECTION_TIMERS: timers_save(part->machine, writer); break;
  case SECTION_MEMORY: memory_save(part->machine, writer); break;
  case SECTION_OPAQUE: part->embedder->save(part->embedder->context, write_embedder, writer); break;
  case SECTION_KINDS: break;
  }
}

static void first_difference(void *context, const char *line) {
  complain_of(context, "the snapshot is of a machine of another configuration: %s (there, here)", line);
}

/* By comparing with what this machine would save. */
static vmxsim_status check_equal(struct part *part, const struct section *section, const struct complaint *complaint) {
  struct writer here = {.allocator = part->machine->allocator};
  struct difference_sink sink = {first_difference, (void *)(uintptr_t)complaint, 0};
  part_save(part, &here);
  const bool failed = here.failed;
  if (failed) complain_of(complaint, "no memory to compare %s", part->name);
  if (!failed)
    compare_tables(part->name, section->content, (struct reader){.bytes = here.bytes, .size = here.size}, &sink);
  writer_free(&here);
  if (failed) return VMXSIM_ERROR_MEMORY;
  return sink.count ? VMXSIM_ERROR_SNAPSHOT : VMXSIM_OK;
}

static bool can_be_taken(struct part *part, const struct section *section, const struct complaint *complaint) {
  struct reader reader = section->content;
  if (section->kind != part->kind) {
    complain_of(complaint, "%s: a section of another kind", part->name);
    return false;
  }
  switch (part->kind) {
  case SECTION_TABLE: return table_check(part->table, &reader, part->name, complaint);
  case SECTION_TIMERS: return timers_check(part->machine, &reader, complaint);
  case SECTION_MEMORY: return memory_check(part->machine, &reader, complaint);
  case SECTION_OPAQUE:
    if (!part->embedder->check || part->embedder->check(part->embedder->context, reader.bytes, reader.size))
      return true;
    complain_of(complaint, "%s: refused", part->name);
    return false;
  case SECTION_KINDS: break;
  }
  return false;
}

vmxsim_status part_check(struct part *part, const struct section *section, const struct complaint *complaint) {
  if (!can_be_taken(part, section, complaint)) return VMXSIM_ERROR_SNAPSHOT;
  return part->is_configuration ? check_equal(part, section, complaint) : VMXSIM_OK;
}

void part_apply(struct part *part, const struct section *section) {
  struct reader reader = section->content;
  if (part->is_configuration) return;
  switch (part->kind) {
  case SECTION_TABLE: table_apply(part->table, &reader, part->object); break;
  case SECTION_TIMERS: timers_apply(part->machine, &reader); break;
  case SECTION_MEMORY: memory_apply(part->machine, &reader); break;
  case SECTION_OPAQUE: part->embedder->restore(part->embedder->context, reader.bytes, reader.size); break;
  case SECTION_KINDS: break;
  }
  if (part->restored) part->restored(part);
}
