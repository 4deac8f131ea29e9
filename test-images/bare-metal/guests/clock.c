/*
 * Uses the MC146818 clock as a driver does: waits for two interrupts of updates, for one of an alarm
 * that is set two seconds ahead, and sets the time as Linux does (mc146818_set_time).
 */
#include "runtime.h"

#define INDEX 0x70
#define DATA 0x71
#define CLOCK_IRQ 8

#define SECONDS 0
#define SECONDS_ALARM 1
#define MINUTES_ALARM 3
#define HOURS_ALARM 5
#define YEAR 9
#define REGISTER_A 10
#define REGISTER_B 11
#define REGISTER_C 12

#define HOURS_24 0x02
#define BINARY 0x04
#define UPDATE 0x10
#define ALARM 0x20
#define SET 0x80
#define PENDING 0x80
#define DIVIDER_RESET 0x70
#define ANY 0xff

static volatile u32 updates;
static volatile u32 alarms;

static u8 get(u8 index) {
  outb(INDEX, index);
  return inb(DATA);
}

static void set(u8 index, u8 value) {
  outb(INDEX, index);
  outb(DATA, value);
}

static bool on_clock(void) {
  u8 flags = get(REGISTER_C);
  updates += (flags & UPDATE) != 0;
  alarms += (flags & ALARM) != 0;
  return flags & PENDING;
}

static void wait_for(volatile u32 *count, u32 wanted) {
  while (*count < wanted) {
    irq_seen = 0;
    if (*count < wanted) {
      wait_for_interrupt();
    }
  }
}

int guest_main(void) {
  get(REGISTER_C);
  on_irq(CLOCK_IRQ, on_clock);

  set(REGISTER_B, HOURS_24 | BINARY | UPDATE);
  wait_for(&updates, 2);
  print("updates\n");

  u8 second = get(SECONDS);
  set(HOURS_ALARM, ANY);
  set(MINUTES_ALARM, ANY);
  set(SECONDS_ALARM, (u8)((second + 2) % 60));
  get(REGISTER_C);
  alarms = 0;
  set(REGISTER_B, HOURS_24 | BINARY | ALARM);
  wait_for(&alarms, 1);
  if (get(SECONDS) != (second + 2) % 60) {
    print("the alarm came at another time\n");
    return 1;
  }
  print("alarm\n");

  u8 rate = get(REGISTER_A) & 0x7f;
  set(REGISTER_B, SET | HOURS_24 | BINARY);
  set(REGISTER_A, rate | DIVIDER_RESET);
  set(YEAR, 45);
  set(SECONDS, 30);
  set(REGISTER_B, HOURS_24 | BINARY);
  set(REGISTER_A, rate);
  if (get(SECONDS) != 30 || get(YEAR) != 45) {
    print("the time was not set\n");
    return 2;
  }
  print("set\n");
  return 0;
}
