/* Halts forever with interrupts off: the VMM must still be able to end. */
#include "runtime.h"

int guest_main(void) {
  print("halting\n");
  halt_forever();
}
