/* From the RSDP to the RSDT to the MADT. ACPI specification, "Root System Description Pointer (RSDP)", "Multiple APIC
 * Description Table (MADT)".
 */
#include "kernel/acpi.h"

#include "kernel/cpu.h"
#include "kernel/memory.h"

enum { BIOS_DATA_EBDA = 0x40e, BIOS_BEGIN = 0xe0000, BIOS_END = 0x100000, RSDP_ALIGNMENT = 16, RSDP_SIZE = 20 };
enum { ENTRY_LOCAL_APIC = 0, LOCAL_APIC_ENABLED = 1 };

struct table {
  char signature[4];
  uint32_t length;
  uint8_t rest[28];
};

struct rsdp {
  char signature[8];
  uint8_t checksum, oem[6], revision;
  uint32_t rsdt;
};

/* The MADT's entries begin behind its header, the APICs' address and the flags. */
struct madt {
  struct table header;
  uint32_t address, flags;
};

struct local_apic_entry {
  uint8_t type, length, processor, apic_id;
  uint32_t flags;
};

static bool sums_to_zero(const uint8_t *bytes, size_t size) {
  uint8_t sum = 0;
  for (size_t i = 0; i < size; i++) sum = (uint8_t)(sum + bytes[i]);
  return sum == 0;
}

static const struct rsdp *search(word begin, word end) {
  for (word address = begin; address < end; address += RSDP_ALIGNMENT) {
    const struct rsdp *rsdp = at_address(address);
    if (text_equal(rsdp->signature, "RSD PTR ", 8) && sums_to_zero((const uint8_t *)rsdp, RSDP_SIZE)) return rsdp;
  }
  return NULL;
}

static const struct rsdp *find_rsdp(void) {
  const word ebda = (word) * (const uint16_t *)at_address(BIOS_DATA_EBDA) << 4;
  const struct rsdp *rsdp = search(ebda, ebda + 1024);
  return rsdp ? rsdp : search(BIOS_BEGIN, BIOS_END);
}

static const struct madt *find_madt(const struct table *rsdt) {
  const uint32_t *address = (const uint32_t *)(rsdt + 1), *end = (const void *)((const uint8_t *)rsdt + rsdt->length);
  for (; address < end; address++) {
    const struct table *table = at_address(*address);
    if (text_equal(table->signature, "APIC", 4)) return (const struct madt *)table;
  }
  return NULL;
}

unsigned acpi_find_processors(uint8_t *apic_ids, unsigned room) {
  const struct rsdp *rsdp = find_rsdp();
  const struct madt *madt = rsdp ? find_madt(at_address(rsdp->rsdt)) : NULL;
  unsigned count = 0;
  if (!madt) return 0;
  const uint8_t *end = (const uint8_t *)madt + madt->header.length;
  for (const uint8_t *at = (const uint8_t *)(madt + 1); at < end; at += at[1]) {
    const struct local_apic_entry *entry = (const void *)at;
    const bool usable = entry->type == ENTRY_LOCAL_APIC && (entry->flags & LOCAL_APIC_ENABLED);
    if (usable && count < room) apic_ids[count++] = entry->apic_id;
  }
  return count;
}
