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

static u8 area[1024] __attribute__((aligned(64)));

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
static void do_popcnt(void) { GUARDED("popcntq %%rax, %%rbx"); }
static void do_clac(void) { GUARDED("clac"); }
static void do_stac(void) { GUARDED("stac"); }
static void do_avx(void) { GUARDED("vaddps %%ymm0, %%ymm0, %%ymm0"); }
static void do_xsave(void) {
  GUARDED("movl $3, %%eax; xorl %%edx, %%edx; xsave (%1)", "r"(area));
}
static void do_cmpxchg16b(void) {
  GUARDED("xorl %%eax, %%eax; xorl %%edx, %%edx; cmpxchg16b (%1)", "D"(area));
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
      return 0;
    }
  }
  print("no such insn\n");
  return 1;
}
