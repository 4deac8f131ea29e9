/*
 * The runtime of every bare-metal guest: console, command line, memory, traps, interrupts and ways to
 * end. runtime.c implements it.
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* The guest's own code; called at CPL0 with interrupts off. Returning n is exit_guest(n). */
int guest_main(void);

/* Ports and device registers. */

static inline void outb(u16 port, u8 value) {
  __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(u16 port, u16 value) {
  __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(u16 port, u32 value) {
  __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 inb(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static inline u32 mmio_read32(u64 address) {
  u32 value;
  __asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
  return value;
}

static inline void mmio_write32(u64 address, u32 value) {
  __asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

/* Console: COM1. */

/* Whether a byte has come from the host, and the next one, which is waited for. */
bool byte_waits(void);
u8 read_byte(void);
void print(const char *text);
void print_decimal(u64 value);
void print_hex(u64 value);

/* Ending the guest. */

/* isa-debug-exit: the VMM ends with status (status << 1) | 1. Without that device, powers off. */
_Noreturn void exit_guest(u32 status);
_Noreturn void power_off(void);
_Noreturn void halt_forever(void);

/* Command line: NAME=VALUE options, found by name; the last one of a name counts, as in Linux. */

extern const char *command_line;

/* The value, or NULL; it ends at a space or at the end of the string. */
const char *option(const char *name);
bool option_is(const char *name, const char *value);
u64 option_number(const char *name, u64 otherwise);
/* Decimal, or hexadecimal after 0x, with an optional K, M or G; *end is set just past it. */
u64 parse_number(const char *text, const char **end);
bool starts_with(const char *text, const char *prefix);
/* The start of the next option, or the end of the string. */
const char *next_word(const char *word);

/* Memory. */

struct memory_range {
  u64 start;
  u64 size;
  u32 type; /* 1 is RAM, as in e820 */
  u32 reserved;
};

#define MEMORY_RAM 1

extern const struct memory_range *memory_map;
extern u32 memory_map_entries;

/* Allocates zeroed memory after the image, never freed; ends the guest if there is none left. */
void *allocate(u64 size, u64 alignment);
/* Makes the 2 MiB frame that holds a physical address visible; window n is valid until its next use. */
void *map_window(unsigned n, u64 physical);
/* Required by the compiler; rarely called, since the VMM fills memory with zeros. */
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

/* Traps and interrupts. */

struct trap_frame {
  u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
  u64 vector, error;
  u64 rip, cs, rflags, rsp, ss;
};

#define TRAP_BREAKPOINT 3
#define TRAP_INVALID_OPCODE 6
#define TRAP_GENERAL_PROTECTION 13

/* Called for an exception (vector < 32) instead of the report that ends the guest. */
typedef void trap_handler(struct trap_frame *frame);
void on_trap(unsigned vector, trap_handler *handler);

/*
 * Routes an interrupt line (edge-triggered) to a handler that runs at CPL0 with interrupts off.
 * Through the IOAPIC, or with "irqchip=pic" on the command line through the 8259. The handler returns
 * whether the interrupt had a cause; a spurious one does not end a wait, as in Linux.
 */
typedef bool irq_handler(void);
void on_irq(unsigned irq, irq_handler *handler);

/* Handles the interrupts that CPUs send each other; called at CPL0, and acknowledges by itself. */
#define IPI_VECTOR 0x38
void on_ipi(void (*handler)(void));

/*
 * Handles the interrupt of one virtio-mmio device in the shortest way from now on: without a handler,
 * it is acknowledged and ends the wait. Call it after on_irq(); needs the IOAPIC and no other interrupt
 * source. hlt at CPL3 must then be the only cause of a general protection fault.
 */
void shorten_interrupts(unsigned irq, u64 registers);

/* Set by every interrupt that was not spurious. */
extern volatile u32 irq_seen;

/*
 * Sleeps until an interrupt has come since irq_seen was last cleared; at CPL0 and at CPL3.
 * The caller clears irq_seen, checks for work, and sleeps if there is none, so no wake-up is lost.
 */
void wait_for_interrupt(void);

/* Continues at CPL3, which may access all memory and ports; on an emulating host only CPL3 is fast. */
_Noreturn void enter_user(void (*function)(void));

#endif
