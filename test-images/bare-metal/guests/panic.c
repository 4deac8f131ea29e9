/*
 * Plays a kernel that panics, as Linux does.
 *
 * report=port (the default: pvpanic's port), crash (a crash kernel takes over), none; message=1 prints Linux's line, and
 * message=quoted prints the line of an orderly reboot after it. Then end=reset (the default), poweroff, fault, halt or
 * exit. wait=key waits for a byte from COM1 first.
 */
#include "runtime.h"

#define COM1 0x3f8
#define LINE_STATUS 5
#define DATA_READY 1
#define PANIC_PORT 0x505
#define PANICKED 1
#define CRASH_LOADED 2

static void triple_fault(void) {
  static const struct {
    u16 limit;
    u64 base;
  } __attribute__((packed)) no_idt = {0, 0};
  __asm__ volatile("lidt %0" : : "m"(no_idt));
  (void)mmio_read32(1ull << 46);
}

static void wait_for_key(void) {
  while (!(inb(COM1 + LINE_STATUS) & DATA_READY)) {
  }
  inb(COM1);
}

int guest_main(void) {
  if (option_is("wait", "key")) {
    wait_for_key();
  }
  if ((inb(PANIC_PORT) & (PANICKED | CRASH_LOADED)) != (PANICKED | CRASH_LOADED)) {
    print("no pvpanic\n");
  }
  if (option("message")) {
    print("[    1.234567] Kernel panic - not syncing: a test of it\n");
    print("[    1.234568] ---[ end Kernel panic - not syncing: a test of it ]---\n");
  }
  if (option_is("message", "quoted")) {
    print("[    2.000000] reboot: Restarting system\n");
  }
  if (option_is("report", "crash")) {
    outb(PANIC_PORT, CRASH_LOADED);
  } else if (!option_is("report", "none")) {
    outb(PANIC_PORT, PANICKED);
  }
  print("after the report\n");
  if (option_is("end", "poweroff")) {
    power_off();
  }
  if (option_is("end", "fault")) {
    triple_fault();
  }
  if (option_is("end", "exit")) {
    return 0;
  }
  if (!option_is("end", "halt")) {
    outb(0x64, 0xfe);
  }
  halt_forever();
}
