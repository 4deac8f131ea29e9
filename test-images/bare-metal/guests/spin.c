/*
 * Spins forever without an exit: only a kick makes the vCPU return.
 *
 * cpl=0 (default, with interrupts off) or cpl=3, which runs natively even on an emulating host.
 */
#include "runtime.h"

static _Noreturn void spin(void) {
  for (;;) {
    __asm__ volatile("");
  }
}

static void spin_in_user_mode(void) {
  spin();
}

int guest_main(void) {
  if (option_is("cpl", "3")) {
    print("spinning at CPL3\n");
    enter_user(spin_in_user_mode);
  }
  print("spinning\n");
  spin();
}
