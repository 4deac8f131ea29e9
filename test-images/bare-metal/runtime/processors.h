/*
 * More than one CPU: finds them in the MP table and starts them by INIT-SIPI-SIPI. All code on an
 * application processor (AP) runs at CPL0, with interrupts off except in wait_for_ipi().
 */
#ifndef PROCESSORS_H
#define PROCESSORS_H

#include "runtime.h"

#define CPUS_MAX 64

struct processor {
  u32 apic_id;
  volatile u32 up;
  /* Set by an IPI, cleared by wait_for_ipi(). */
  volatile u32 interrupted;
};

/* In the order of the MP table; the first is the one that runs guest_main(). */
extern struct processor processors[CPUS_MAX];
extern unsigned processor_count;

/* Reads the MP table and prepares this CPU's local APIC; returns the number of CPUs. */
unsigned find_processors(void);

/* Starts a CPU, which calls the function with its number; returns when it has begun. */
void start_processor(unsigned number, void (*function)(unsigned number));

/* Starts a CPU in real mode, at other code of at most a page; start_processor() does not work afterwards. */
void start_code(unsigned number, const u8 *code, size_t size);

/* Interrupts a CPU. */
void send_ipi(unsigned number);

/* Puts a CPU back to where it waits for a SIPI. */
void send_init(unsigned number);

/* Halts until this CPU is interrupted by send_ipi(). */
void wait_for_ipi(unsigned number);

/* The local APIC ID of the CPU that calls. */
u32 own_apic_id(void);

static inline void spin_pause(void) {
  __asm__ volatile("pause" : : : "memory");
}

/* Later than the loads before it. */
static inline u64 read_tsc(void) {
  u32 low, high;
  __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (u64)high << 32 | low;
}

static inline void cpuid(u32 leaf, u32 index, u32 registers[4]) {
  __asm__ volatile("cpuid"
                   : "=a"(registers[0]), "=b"(registers[1]), "=c"(registers[2]), "=d"(registers[3])
                   : "a"(leaf), "c"(index));
}

#endif
