/*
 * Faults without an IDT, which shuts the CPU down (KVM_EXIT_SHUTDOWN).
 *
 * how=pf (default: a read of unmapped memory, which any KVM can do), ud2 or int3.
 */
#include "runtime.h"

int guest_main(void) {
  static const struct {
    u16 limit;
    u64 base;
  } __attribute__((packed)) no_idt = {0, 0};
  print("triple fault\n");
  __asm__ volatile("lidt %0" : : "m"(no_idt));
  if (option_is("how", "ud2")) {
    __asm__ volatile("ud2");
  } else if (option_is("how", "int3")) {
    __asm__ volatile("int3");
  } else {
    (void)mmio_read32(1ull << 46);
  }
  print("survived\n");
  return 1;
}
