/*
 * Finds the ACPI tables as an operating system without a boot loader's help does, by a search of the
 * BIOS area, and uses what they describe: end=poweroff (default) and end=reset through the FADT's
 * registers, end=button waits for the power button and powers off then; end=generation prints the
 * identifier of its generation, and again when it is told of a new one, and powers off then.
 */
#include "runtime.h"

#define BIOS_START 0xe0000
#define BIOS_END 0x100000
#define SLEEP_ENABLE 0x20
#define SLEEP_TYPE_SHIFT 2

/* Offsets in the FADT (ACPI 6.5, section 5.2.9), and of the port in a generic address. */
#define FADT_RESET 116
#define FADT_RESET_VALUE 128
#define FADT_DSDT 140
#define FADT_SLEEP_CONTROL 244
#define ADDRESS 4

static u16 event_port;
static volatile u8 events;

static u8 sum(const u8 *bytes, u32 length) {
  u8 total = 0;
  while (length-- > 0) {
    total += *bytes++;
  }
  return total;
}

static u32 number32(const u8 *at) {
  u32 value;
  memcpy(&value, at, sizeof value);
  return value;
}

static u64 number64(const u8 *at) {
  u64 value;
  memcpy(&value, at, sizeof value);
  return value;
}

static const u8 *find_rsdp(void) {
  for (u64 at = BIOS_START; at < BIOS_END; at += 16) {
    const u8 *rsdp = (const u8 *)at;
    if (memcmp(rsdp, "RSD PTR ", 8) == 0 && sum(rsdp, 20) == 0 && sum(rsdp, 36) == 0) {
      return rsdp;
    }
  }
  return NULL;
}

/* A table that is whole, or NULL. */
static const u8 *table_at(u64 address) {
  const u8 *table = (const u8 *)address;
  return sum(table, number32(table + 4)) == 0 ? table : NULL;
}

static const u8 *find_table(const u8 *xsdt, const char *signature) {
  for (u32 at = 36; at < number32(xsdt + 4); at += 8) {
    const u8 *table = table_at(number64(xsdt + at));
    if (table && memcmp(table, signature, 4) == 0) {
      return table;
    }
  }
  return NULL;
}

/* The place after a sequence of bytes in the DSDT, or NULL. */
static const u8 *find_code(const u8 *dsdt, const char *code, u32 length) {
  for (u32 at = 36; at + length < number32(dsdt + 4); at++) {
    if (memcmp(dsdt + at, code, length) == 0) {
      return dsdt + at + length;
    }
  }
  return NULL;
}

static u16 port(const u8 *fadt, u32 offset) {
  return (u16)number64(fadt + offset + ADDRESS);
}

static bool on_event(void) {
  events = inb(event_port);
  return events != 0;
}

static void wait_for_event(const u8 *dsdt, u8 event, const char *says) {
  /* OperationRegion (EREG, SystemIO, word, One), and Interrupt () in the ResourceTemplate before. */
  const u8 *region = find_code(dsdt, "\x5b\x80" "EREG\x01\x0b", 8);
  const u8 *interrupt = find_code(dsdt, "ACPI0013", 8);
  while (memcmp(interrupt, "\x89\x06\x00\x03\x01", 5) != 0) {
    interrupt++;
  }
  event_port = (u16)(region[0] | region[1] << 8);
  on_irq(number32(interrupt + 5), on_event);
  outb(event_port, 1); /* as _INI does */
  print(says);
  for (;;) {
    irq_seen = 0;
    if (events & event) {
      break;
    }
    wait_for_interrupt();
  }
}

static void print_generation(const u8 *id) {
  char text[34];
  for (u32 i = 0; i < 32; i++) {
    text[i] = "0123456789abcdef"[i % 2 ? id[i / 2] & 15 : id[i / 2] >> 4];
  }
  text[32] = '\n';
  text[33] = 0;
  print("generation ");
  print(text);
}

static void wait_for_generation(const u8 *dsdt) {
  /* Name (ADDR, Package () {DWordPrefix, address, Zero}) */
  const u8 *address = find_code(dsdt, "ADDR\x12\x08\x02\x0c", 8);
  if (!address) {
    print("no generation\n");
    exit_guest(2);
  }
  const u8 *id = (const u8 *)(u64)number32(address);
  print_generation(id);
  wait_for_event(dsdt, 2, "waiting for a generation\n");
  print_generation(id);
}

int guest_main(void) {
  const u8 *rsdp = find_rsdp();
  if (!rsdp) {
    print("no ACPI\n");
    return 1;
  }
  const u8 *xsdt = table_at(number64(rsdp + 24));
  const u8 *fadt = xsdt ? find_table(xsdt, "FACP") : NULL;
  const u8 *dsdt = fadt ? table_at(number64(fadt + FADT_DSDT)) : NULL;
  if (!dsdt || !find_table(xsdt, "APIC")) {
    print("tables are missing or damaged\n");
    return 2;
  }
  if (option_is("end", "reset")) {
    outb(port(fadt, FADT_RESET), fadt[FADT_RESET_VALUE]);
    halt_forever();
  }
  if (option_is("end", "button")) {
    wait_for_event(dsdt, 1, "waiting for the button\n");
    print("pressed\n");
  }
  if (option_is("end", "generation")) {
    wait_for_generation(dsdt);
  }
  /* Name (_S5, Package () {BytePrefix, type, ...}) */
  const u8 *s5 = find_code(dsdt, "_S5_\x12", 5);
  outb(port(fadt, FADT_SLEEP_CONTROL), (u8)(SLEEP_ENABLE | s5[3] << SLEEP_TYPE_SHIFT));
  print("still on\n");
  return 3;
}
