/*
 * Takes interrupts of the local APIC's timer, whose handler runs longer than the timer's period, with interrupts off
 * and without an exit. Prints how many came, and how many of them came while the handler ran: none may.
 * count=N interrupts (default 10), spin=N turns of the handler's loop (default 50000).
 */
#include "runtime.h"

#define LAPIC 0xfee00000
#define LVT_TIMER 0x320
#define INITIAL_COUNT 0x380
#define DIVIDE 0x3e0
#define DIVIDE_BY_1 0xb
#define PERIODIC (1u << 17)
#define MASKED (1u << 16)
/* KVM counts with 1 GHz, and lets no period be shorter than 200 us. */
#define PERIOD 250000
/* The runtime's vector of a line that no device has. */
#define LINE 16
#define VECTOR (0x20 + LINE)

static volatile u32 interrupts;
static volatile u32 again;
static volatile bool inside;
static u64 count;
static u64 turns;

static bool on_timer(void) {
  if (inside) {
    again++;
    return true;
  }
  /* Pending when the timer was masked. */
  if (interrupts == count) {
    return true;
  }
  inside = true;
  /* Not in main, which executes nothing between two interrupts if one is always pending. */
  if (++interrupts == count) {
    mmio_write32(LAPIC + LVT_TIMER, MASKED | VECTOR);
  }
  for (volatile u64 i = 0; i < turns; i++) {
  }
  inside = false;
  return true;
}

int guest_main(void) {
  count = option_number("count", 10);
  turns = option_number("spin", 50000);
  on_irq(LINE, on_timer);
  mmio_write32(LAPIC + DIVIDE, DIVIDE_BY_1);
  mmio_write32(LAPIC + LVT_TIMER, PERIODIC | VECTOR);
  mmio_write32(LAPIC + INITIAL_COUNT, PERIOD);
  while (interrupts < count) {
    irq_seen = 0;
    wait_for_interrupt();
  }
  print("interrupts ");
  print_decimal(interrupts);
  print(", during their handler ");
  print_decimal(again);
  print("\n");
  return again ? 1 : 0;
}
