#include "processors.h"

#include "ap_layout.h"

#define LAPIC 0xfee00000
#define LAPIC_ID 0x20
#define LAPIC_EOI 0xb0
#define LAPIC_SVR 0xf0
#define LAPIC_ICR 0x300
#define LAPIC_ICR_HIGH 0x310

#define ICR_INIT 0x4500
#define ICR_STARTUP 0x4600
#define ICR_FIXED 0x4000
#define ICR_PENDING 0x1000

#define EBDA_SEGMENT 0x40e
#define MP_PROCESSOR 0
#define MP_ENABLED 1
#define MP_BOOT_PROCESSOR 2
#define MP_PROCESSOR_SIZE 20
#define MP_ENTRY_SIZE 8

#define STACK_SIZE 8192

struct mp_pointer {
  char signature[4];
  u32 table;
};

struct mp_table {
  char signature[4];
  u16 length;
  u8 revision, checksum;
  char names[20];
  u32 oem_table;
  u16 oem_size;
  u16 entries;
  u32 lapic;
  u32 reserved;
  u8 first[];
};

/* From ap.S. */
extern u8 ap_page[], ap_page_end[];
_Noreturn void ap_main(void);

struct processor processors[CPUS_MAX];
unsigned processor_count;
u64 ap_stack;

static unsigned starting;
static void (*starting_function)(unsigned number);

u32 own_apic_id(void) {
  return mmio_read32(LAPIC + LAPIC_ID) >> 24;
}

static unsigned own_number(void) {
  u32 id = own_apic_id();
  for (unsigned i = 0; i < processor_count; i++) {
    if (processors[i].apic_id == id) {
      return i;
    }
  }
  print("a CPU that is not in the MP table: ");
  print_decimal(id);
  print("\n");
  exit_guest(7);
}

static void on_ipi_here(void) {
  processors[own_number()].interrupted = 1;
  mmio_write32(LAPIC + LAPIC_EOI, 0);
}

static const struct mp_table *mp_table(void) {
  u64 ebda = (u64)(mmio_read32(EBDA_SEGMENT) & 0xffff) << 4;
  for (u64 at = ebda; at < ebda + 1024; at += 16) {
    const struct mp_pointer *pointer = (const struct mp_pointer *)at;
    if (memcmp(pointer->signature, "_MP_", 4) == 0) {
      return (const struct mp_table *)(u64)pointer->table;
    }
  }
  print("no MP table\n");
  exit_guest(7);
}

unsigned find_processors(void) {
  const struct mp_table *table = mp_table();
  const u8 *entry = table->first;
  for (unsigned i = 0; i < table->entries; i++) {
    if (entry[0] != MP_PROCESSOR) {
      entry += MP_ENTRY_SIZE;
      continue;
    }
    if ((entry[3] & MP_ENABLED) && processor_count < CPUS_MAX) {
      processors[processor_count++].apic_id = entry[1];
    }
    entry += MP_PROCESSOR_SIZE;
  }
  if (processor_count == 0 || processors[0].apic_id != own_apic_id()) {
    print("the MP table does not begin with the boot processor\n");
    exit_guest(7);
  }
  processors[0].up = 1;
  on_ipi(on_ipi_here);
  mmio_write32(LAPIC + LAPIC_SVR, 0x1ff);
  memcpy((void *)AP_PAGE, ap_page, (size_t)(ap_page_end - ap_page));
  return processor_count;
}

static void send(unsigned number, u32 command) {
  mmio_write32(LAPIC + LAPIC_ICR_HIGH, processors[number].apic_id << 24);
  mmio_write32(LAPIC + LAPIC_ICR, command);
  while (mmio_read32(LAPIC + LAPIC_ICR) & ICR_PENDING) {
    spin_pause();
  }
}

void send_ipi(unsigned number) {
  send(number, ICR_FIXED | IPI_VECTOR);
}

void send_init(unsigned number) {
  processors[number].up = 0;
  send(number, ICR_INIT);
}

static void start(unsigned number) {
  send_init(number);
  send(number, ICR_STARTUP | AP_PAGE >> 12);
  send(number, ICR_STARTUP | AP_PAGE >> 12);
}

void start_code(unsigned number, const u8 *code, size_t size) {
  memcpy((void *)AP_PAGE, code, size);
  start(number);
}

void start_processor(unsigned number, void (*function)(unsigned number)) {
  starting = number;
  starting_function = function;
  ap_stack = (u64)allocate(STACK_SIZE, 16) + STACK_SIZE;
  start(number);
  while (!processors[number].up) {
    spin_pause();
  }
}

/* Called by ap.S. */
_Noreturn void ap_main(void) {
  unsigned number = starting;
  void (*function)(unsigned number) = starting_function;
  mmio_write32(LAPIC + LAPIC_SVR, 0x1ff);
  processors[number].up = 1;
  function(number);
  halt_forever();
}

void wait_for_ipi(unsigned number) {
  while (!processors[number].interrupted) {
    __asm__ volatile("sti; hlt; cli" : : : "memory");
  }
  processors[number].interrupted = 0;
}
