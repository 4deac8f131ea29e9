/* Prints one line and ends: exit=N on the command line chooses the status (default 0). */
#include "runtime.h"

int guest_main(void) {
  print("hello from bare metal\n");
  if (option_is("end", "poweroff")) {
    power_off();
  }
  if (option_is("end", "reset")) {
    outb(0x64, 0xfe);
    halt_forever();
  }
  return (int)option_number("exit", 0);
}
