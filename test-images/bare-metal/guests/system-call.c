/*
 * Makes system calls from CPL3: SYSCALL to an entry point on a page that only CPL0 may access, and SYSRET.
 *
 * count=N (default 1): how many. Executes INT3 at CPL0 first, as Linux does at its start. Prints "system
 * calls N" and ends with 0, or with 1 if a value was lost on the way.
 */
#include "runtime.h"

#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SYSCALL_MASK 0xc0000084
#define EFER_SCE 1
#define FLAG_CARRY 0x1
#define FLAG_INTERRUPTS 0x200
#define PAGE_USER 4

extern u64 window[];
void system_call_entry(void);

static volatile u32 breakpoints;
static u64 served;
static u64 wrong;
u64 user_stack_pointer;
u64 system_call_stack[512];

static void write_msr(u32 index, u64 value) {
  __asm__ volatile("wrmsr" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)));
}

static u64 read_msr(u32 index) {
  u32 low, high;
  __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
  return (u64)high << 32 | low;
}

static u32 privilege_level(void) {
  u32 cs;
  __asm__ volatile("movl %%cs, %0" : "=r"(cs));
  return cs & 3;
}

static u64 flags(void) {
  u64 value;
  __asm__ volatile("pushfq; popq %0" : "=r"(value));
  return value;
}

/* Called at CPL0 with the first argument of the system call. */
u64 system_call(u64 argument) {
  wrong |= privilege_level() != 0 || argument != served || (flags() & FLAG_INTERRUPTS) != 0;
  served++;
  return argument + 1;
}

/* Runs at another address than it is linked for, so it has no relative jump out of its 2 MiB. */
__asm__(
    ".globl system_call_entry\n"
    "system_call_entry:\n\t"
    "movq %rsp, user_stack_pointer\n\t"
    "movq $system_call_stack + 4096, %rsp\n\t"
    "pushq %rcx\n\t"
    "pushq %r11\n\t"
    "movq $system_call, %rax\n\t"
    "call *%rax\n\t"
    "popq %r11\n\t"
    "popq %rcx\n\t"
    "movq user_stack_pointer, %rsp\n\t"
    "sysretq\n");

static void on_breakpoint(struct trap_frame *frame) {
  (void)frame;
  breakpoints++;
}

static void user(void) {
  u64 count = option_number("count", 1);
  for (u64 i = 0; i < count; i++) {
    u64 result;
    u64 before, after;
    u8 carry;
    __asm__ volatile(
        "movq %%rsp, %1\n\t"
        "stc\n\t"
        "syscall\n\t"
        "setc %3\n\t"
        "movq %%rsp, %2"
        : "=a"(result), "=&b"(before), "=&r"(after), "=&r"(carry)
        : "D"(i)
        : "rcx", "r11", "rdx", "rsi", "r8", "r9", "r10", "memory", "cc");
    wrong |= result != i + 1 || before != after || !carry || privilege_level() != 3;
  }
  print("system calls ");
  print_decimal(served);
  print("\n");
  exit_guest(wrong != 0);
}

int guest_main(void) {
  u8 *entry = map_window(0, (u64)system_call_entry);
  window[0] &= ~(u64)PAGE_USER;
  __asm__ volatile("invlpg (%0)" : : "r"(entry) : "memory");
  write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SCE);
  write_msr(MSR_STAR, 0x23ull << 48 | 0x10ull << 32);
  write_msr(MSR_LSTAR, (u64)entry);
  write_msr(MSR_SYSCALL_MASK, FLAG_INTERRUPTS | FLAG_CARRY);
  on_trap(TRAP_BREAKPOINT, on_breakpoint);
  __asm__ volatile("int3");
  if (breakpoints != 1) {
    print("no breakpoint\n");
    return 1;
  }
  enter_user(user);
}
