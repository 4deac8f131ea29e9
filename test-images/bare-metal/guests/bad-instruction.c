/*
 * Executes at CPL0 one instruction that KVM's emulator may not support, and prints the result: "ok"
 * or the trap. Hardware KVM executes them all (avx and xsave trap with 6, since CR4.OSXSAVE is off);
 * on an emulating host the VMM has to complete int3 and fwait itself and to report the others.
 *
 * insn=NAME (default int3; see the table), count=N (default 1): how often to execute it.
 */
#include "runtime.h"

#define NAME_LENGTH 12

static volatile u32 breakpoints;
static volatile u32 traps;
static volatile u64 last_trap;
/* Where to continue after a fault; set by each instruction before it runs. */
static volatile u64 resume;

u8 area[1024] __attribute__((aligned(64)));

/* Whether an instruction had a wrong result. */
static int wrong;

static void on_breakpoint(struct trap_frame *frame) {
  (void)frame;
  breakpoints++;
}

static void on_fault(struct trap_frame *frame) {
  traps++;
  last_trap = frame->vector;
  frame->rip = resume;
}

/* Runs an instruction; if it faults, continues after it. */
#define GUARDED(instruction, ...)                                                       \
  __asm__ volatile("leaq 1f(%%rip), %%rax; movq %%rax, %0\n\t" instruction "\n1:" \
                   : "=m"(resume)                                                       \
                   : __VA_ARGS__                                                        \
                   : "rax", "rbx", "rcx", "rdx", "memory", "cc")

static void do_int3(void) { GUARDED("int3"); }
static void do_fwait(void) { GUARDED("fwait"); }
static void do_ud2(void) { GUARDED("ud2"); }
/* Of a register, of memory relative to RIP, of memory by base and index, and of 16 bits. */
static void do_popcnt(void) {
  u64 wide, relative, narrow, kept = ~0ul;
  *(u64 *)area = 0xf0f0;
  *(u32 *)(area + 12) = 7;
  __asm__ volatile(
      "popcntq %4, %0\n\t"
      "popcntq area(%%rip), %1\n\t"
      "popcntl -4(%5, %6, 8), %k2\n\t"
      "popcntw %w4, %w3"
      : "=&r"(wide), "=&r"(relative), "=&r"(narrow), "+&r"(kept)
      : "r"(0x8000000000000001ul), "r"(area), "r"(2ul)
      : "memory", "cc");
  wrong |= wide != 2 || relative != 8 || narrow != 3 || kept != 0xffffffffffff0001ul;
}
static void do_clac(void) { GUARDED("clac"); }
static void do_stac(void) { GUARDED("stac"); }
static void do_avx(void) { GUARDED("vaddps %%ymm0, %%ymm0, %%ymm0"); }
static void do_xsave(void) {
  GUARDED("movl $3, %%eax; xorl %%edx, %%edx; xsave (%1)", "r"(area));
}
static u8 compare_exchange(u64 *low, u64 *high, u64 new_low, u64 new_high) {
  u8 equal;
  __asm__ volatile("lock cmpxchg16b (%5); sete %0"
                   : "=r"(equal), "+a"(*low), "+d"(*high)
                   : "b"(new_low), "c"(new_high), "D"(area)
                   : "memory", "cc");
  return equal;
}
/* Replaces what is there, then finds what it has put there. */
static void do_cmpxchg16b(void) {
  u64 *memory = (u64 *)area;
  u64 low = 1, high = 2;
  memory[0] = 1;
  memory[1] = 2;
  wrong |= !compare_exchange(&low, &high, 3, 4) || memory[0] != 3 || memory[1] != 4;
  wrong |= compare_exchange(&low, &high, 5, 6) || low != 3 || high != 4 || memory[0] != 3;
}
static void do_wrfsbase(void) { GUARDED("xorl %%eax, %%eax; wrfsbase %%rax"); }
static void do_sse(void) { GUARDED("addps %%xmm0, %%xmm0"); }
static void do_nop(void) { GUARDED("nop"); }

static const struct {
  char name[NAME_LENGTH];
  void (*run)(void);
} instructions[] = {
    {"int3", do_int3},     {"fwait", do_fwait}, {"ud2", do_ud2},
    {"popcnt", do_popcnt}, {"clac", do_clac},   {"stac", do_stac},
    {"avx", do_avx},       {"xsave", do_xsave}, {"cmpxchg16b", do_cmpxchg16b},
    {"sse", do_sse},       {"nop", do_nop},     {"wrfsbase", do_wrfsbase},
};

static void report(const char *name, u64 count) {
  print("insn=");
  print(name);
  if (traps) {
    print(" trap ");
    print_decimal(last_trap);
    print(" x ");
    print_decimal(traps);
  } else {
    print(" ok x ");
    print_decimal(count);
  }
  if (breakpoints) {
    print(", breakpoints ");
    print_decimal(breakpoints);
  }
  print("\n");
}

int guest_main(void) {
  u64 count = option_number("count", 1);
  on_trap(TRAP_BREAKPOINT, on_breakpoint);
  on_trap(TRAP_INVALID_OPCODE, on_fault);
  on_trap(TRAP_GENERAL_PROTECTION, on_fault);
  for (size_t i = 0; i < sizeof instructions / sizeof instructions[0]; i++) {
    const char *name = instructions[i].name;
    if (option_is("insn", name) || (i == 0 && !option("insn"))) {
      for (u64 done = 0; done < count; done++) {
        instructions[i].run();
      }
      report(name, count);
      return wrong;
    }
  }
  print("no such insn\n");
  return 1;
}
