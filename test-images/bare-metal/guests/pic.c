/*
 * Finds both 8259s as firmware leaves them: prints their masks, lets the UART raise IRQ 4 with interrupts on, and
 * prints how many interrupts came. Until a program sets vectors there must be none: IRQ 4 would come as vector 4.
 * With end=reset it then unmasks all lines and resets.
 */
#include "runtime.h"

#define COM1_IER 0x3f9
#define IER_TRANSMITTER_EMPTY 2
#define PIC1_MASK 0x21
#define PIC2_MASK 0xa1
#define I8042_COMMAND 0x64
#define I8042_RESET 0xfe
#define VECTOR 4

static volatile unsigned interrupts;

static void count(struct trap_frame *frame) {
  (void)frame;
  interrupts++;
}

static void print_mask(u16 port) {
  print(" ");
  print_hex(inb(port));
}

int guest_main(void) {
  on_trap(VECTOR, count);
  print("masks");
  print_mask(PIC1_MASK);
  print_mask(PIC2_MASK);
  outb(COM1_IER, IER_TRANSMITTER_EMPTY);
  __asm__ volatile("sti");
  for (unsigned i = 0; i < 100; i++) {
    inb(COM1_IER);
  }
  __asm__ volatile("cli");
  outb(COM1_IER, 0);
  print(", interrupts ");
  print_decimal(interrupts);
  print("\n");
  if (option_is("end", "reset")) {
    outb(PIC1_MASK, 0);
    outb(PIC2_MASK, 0);
    outb(I8042_COMMAND, I8042_RESET);
    halt_forever();
  }
  return 0;
}
