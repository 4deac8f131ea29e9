/*
 * More than one CPU. Starts all CPUs of the MP table one by one, and prints "cpu N up, APIC ID I" for each.
 *
 * mode=count  (default) each AP counts in memory until the boot processor has seen all counters advance;
 *             prints "N CPUs count"
 * mode=rounds the boot processor interrupts each AP, which halts in between, and waits for its answer;
 *             prints "round N" after each round, forever
 * mode=late   as rounds, but starts the APs when a byte arrives at the UART
 * mode=spin   all CPUs count, forever
 * mode=init   starts each AP a second time after an INIT
 * mode=fault  the last CPU triple-faults
 * mode=tsc    the CPUs read the TSC in turn; prints "tsc turn N" now and then, and
 *             "tsc backwards: B by at most T" at each byte from the UART
 * mode=cpuid  prints the leaves that tell of the topology, on each CPU
 * mode=reset  resets by the i8042 as soon as all are up
 * mode=bios   the second CPU jumps to F000:FFF0 in real mode, where a PC's firmware begins
 */
#include "processors.h"

#define TSC_TURNS_A_LINE 1000

static volatile u64 counters[CPUS_MAX];
static volatile u64 answers[CPUS_MAX];
static volatile u64 asked;
static volatile u32 stop;

static volatile u32 tsc_turn;
static volatile u64 tsc_last;
static u64 tsc_backwards, tsc_most;

static void count(unsigned number) {
  while (!stop) {
    counters[number]++;
    spin_pause();
  }
}

static void answer(unsigned number) {
  for (;;) {
    wait_for_ipi(number);
    answers[number] = asked;
  }
}

static void fault(unsigned number) {
  struct {
    u16 limit;
    u64 base;
  } __attribute__((packed)) none = {0, 0};
  if (number == processor_count - 1) {
    __asm__ volatile("lidt %0; ud2" : : "m"(none));
  }
}

static void take_turn(unsigned number) {
  while (tsc_turn != number) {
    spin_pause();
  }
  u64 now = read_tsc();
  u64 last = tsc_last;
  if (now < last) {
    tsc_backwards++;
    if (last - now > tsc_most) {
      tsc_most = last - now;
    }
  }
  tsc_last = now;
  tsc_turn = number + 1 == processor_count ? 0 : number + 1;
}

static void take_turns(unsigned number) {
  for (;;) {
    take_turn(number);
  }
}

static void start_all(void (*function)(unsigned number)) {
  for (unsigned i = 0; i < processor_count; i++) {
    if (i > 0) {
      start_processor(i, function);
    }
    print("cpu ");
    print_decimal(i);
    print(" up, APIC ID ");
    print_decimal(processors[i].apic_id);
    print("\n");
  }
}

static void say(const char *before, u64 number, const char *after) {
  print(before);
  print_decimal(number);
  print(after);
}

static void all_count(void) {
  for (unsigned i = 1; i < processor_count; i++) {
    u64 before = counters[i];
    while (counters[i] < before + 1000) {
      spin_pause();
    }
  }
  say("", processor_count, " CPUs count\n");
}

static _Noreturn void rounds(void) {
  for (u64 round = 1;; round++) {
    asked = round;
    for (unsigned i = 1; i < processor_count; i++) {
      send_ipi(i);
      while (answers[i] != round) {
        spin_pause();
      }
    }
    say("round ", round, "\n");
  }
}

static _Noreturn void tsc(void) {
  for (u64 turn = 1;; turn++) {
    take_turn(0);
    if (turn % TSC_TURNS_A_LINE == 0 && byte_waits()) {
      read_byte();
      say("tsc backwards: ", tsc_backwards, "");
      say(" by at most ", tsc_most, "\n");
      tsc_backwards = 0;
      tsc_most = 0;
    }
    if (turn % TSC_TURNS_A_LINE == 0) {
      say("tsc turn ", turn, "\n");
    }
  }
}

static void print_leaf(unsigned number, u32 leaf, u32 index) {
  u32 registers[4];
  cpuid(leaf, index, registers);
  say("cpu ", number, " leaf ");
  print_hex(leaf);
  say(".", index, ":");
  for (unsigned i = 0; i < 4; i++) {
    print(" ");
    print_hex(registers[i]);
  }
  print("\n");
}

static volatile u32 printed;

static void print_leaves(unsigned number) {
  static const u32 leaves[] = {0, 1, 4, 0xb, 0x1f, 0x80000000, 0x80000001, 0x80000008, 0x8000001d, 0x8000001e};
  u32 most[4], most_extended[4];
  cpuid(0, 0, most);
  cpuid(0x80000000, 0, most_extended);
  for (unsigned i = 0; i < sizeof leaves / sizeof *leaves; i++) {
    if (leaves[i] <= (leaves[i] >> 31 ? most_extended : most)[0]) {
      bool indexed = leaves[i] == 4 || leaves[i] == 0xb || leaves[i] == 0x1f || leaves[i] == 0x8000001d;
      for (u32 index = 0; index < (indexed ? 4 : 1); index++) {
        print_leaf(number, leaves[i], index);
      }
    }
  }
  printed = number;
}

static _Noreturn void enter_bios(void) {
  static const u8 far_jump[] = {0xea, 0xf0, 0xff, 0x00, 0xf0};
  start_code(1, far_jump, sizeof far_jump);
  halt_forever();
}

int guest_main(void) {
  find_processors();
  if (option_is("mode", "bios")) {
    print("entering the firmware\n");
    enter_bios();
  }
  if (option_is("mode", "late")) {
    print("waiting\n");
    read_byte();
  }
  if (option_is("mode", "rounds") || option_is("mode", "late")) {
    start_all(answer);
    rounds();
  }
  if (option_is("mode", "tsc")) {
    start_all(take_turns);
    tsc();
  }
  if (option_is("mode", "fault")) {
    start_all(fault);
    halt_forever();
  }
  if (option_is("mode", "cpuid")) {
    print_leaves(0);
    for (unsigned i = 1; i < processor_count; i++) {
      start_processor(i, print_leaves);
      while (printed != i) {
        spin_pause();
      }
    }
    return 0;
  }
  start_all(count);
  if (option_is("mode", "init")) {
    all_count();
    for (unsigned i = 1; i < processor_count; i++) {
      send_init(i);
      counters[i] = 0;
    }
    start_all(count);
  }
  if (option_is("mode", "spin")) {
    count(0);
  }
  if (option_is("mode", "reset")) {
    outb(0x64, 0xfe);
    halt_forever();
  }
  all_count();
  stop = 1;
  return 0;
}
