#include "runtime.h"

struct start_info {
  u32 magic;
  u32 version;
  u32 flags;
  u32 modules;
  u64 module_list;
  u64 command_line;
  u64 rsdp;
  u64 memory_map; /* from version 1 */
  u32 memory_map_entries;
  u32 reserved;
};

#define START_INFO_MAGIC 0x336ec578

#define COM1 0x3f8
#define UART_DATA 0
#define UART_IER 1
#define UART_FCR 2
#define UART_LCR 3
#define UART_MCR 4
#define UART_LSR 5
#define UART_DR 0x01
#define UART_THRE 0x20
#define UART_FIFO 16

#define EXIT_PORT 0xf4
#define POWER_PORT 0x604
#define POWER_OFF 0x2000

#define PIC1 0x20
#define PIC2 0xa0
#define PIC_EOI 0x20
#define LAPIC 0xfee00000
#define LAPIC_EOI 0xb0
#define LAPIC_SVR 0xf0
#define LAPIC_LVT0 0x350
#define LAPIC_ID 0x20
#define IOAPIC 0xfec00000

#define TRAPS 32
#define IRQS 24
#define IRQ_VECTOR 0x20
#define KERNEL_CODE 0x10
#define TSS_SELECTOR 0x40
#define HLT 0xf4
#define PAGE_2M 0xe7
#define WINDOW_BASE (4ull << 30)

/* From start.S and guest.ld. */
extern u64 gdt[];
extern u8 tss[], tss_end[], trap_stubs[], image_end[], short_interrupt[], short_halt[];
extern u64 short_device;
extern u64 window[];
_Noreturn void enter_user_at(void (*function)(void));
_Noreturn void start(const struct start_info *info);
void trap(struct trap_frame *frame);

const char *command_line = "";
const struct memory_range *memory_map;
u32 memory_map_entries;
volatile u32 irq_seen;

static struct {
  u64 low, high;
} idt[256];
/* ap.S loads it, too. */
struct {
  u16 limit;
  u64 base;
} __attribute__((packed)) idt_pointer = {sizeof idt - 1, (u64)idt};
static trap_handler *trap_handlers[TRAPS];
static irq_handler *irq_handlers[IRQS];
static void (*ipi_handler)(void);
static bool use_pic;
static bool irqchip_ready;
static u64 heap;

/* --- console --- */

static void uart_init(void) {
  outb(COM1 + UART_IER, 0);
  outb(COM1 + UART_LCR, 0x03); /* 8n1 */
  outb(COM1 + UART_FCR, 0x07); /* FIFOs on, empty */
  outb(COM1 + UART_MCR, 0x0b); /* DTR, RTS, OUT2 */
}

static void uart_write(const char *text, size_t length) {
  while (length > 0) {
    while (!(inb(COM1 + UART_LSR) & UART_THRE)) {
    }
    size_t count = length < UART_FIFO ? length : UART_FIFO;
    length -= count;
    __asm__ volatile("rep outsb" : "+S"(text), "+c"(count) : "d"((u16)(COM1 + UART_DATA)) : "memory");
  }
}

bool byte_waits(void) {
  return inb(COM1 + UART_LSR) & UART_DR;
}

u8 read_byte(void) {
  while (!byte_waits()) {
    __asm__ volatile("pause");
  }
  return inb(COM1 + UART_DATA);
}

void print(const char *text) {
  size_t length = 0;
  while (text[length]) {
    length++;
  }
  uart_write(text, length);
}

static void print_number(u64 value, unsigned base) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  uart_write(digits + at, sizeof digits - at);
}

void print_decimal(u64 value) {
  print_number(value, 10);
}

void print_hex(u64 value) {
  print("0x");
  print_number(value, 16);
}

/* --- ending the guest --- */

_Noreturn void exit_guest(u32 status) {
  outl(EXIT_PORT, status);
  power_off(); /* the machine has no isa-debug-exit */
}

_Noreturn void power_off(void) {
  outw(POWER_PORT, POWER_OFF);
  halt_forever();
}

/* At CPL3, hlt traps to on_general_protection(), which returns at the next interrupt. */
_Noreturn void halt_forever(void) {
  u64 code_segment;
  __asm__("movq %%cs, %0" : "=r"(code_segment));
  if (!(code_segment & 3)) {
    __asm__ volatile("cli");
  }
  for (;;) {
    __asm__ volatile("hlt");
  }
}

/* --- command line --- */

static bool is_end(char c) {
  return c == 0 || c == ' ' || c == '\n' || c == '\t';
}

bool starts_with(const char *text, const char *prefix) {
  while (*prefix) {
    if (*text++ != *prefix++) {
      return false;
    }
  }
  return true;
}

const char *next_word(const char *word) {
  while (!is_end(*word)) {
    word++;
  }
  while (*word && is_end(*word)) {
    word++;
  }
  return word;
}

const char *option(const char *name) {
  const char *value = NULL;
  size_t length = 0;
  while (name[length]) {
    length++;
  }
  for (const char *word = command_line; *word; word = next_word(word)) {
    if (starts_with(word, name) && word[length] == '=') {
      value = word + length + 1;
    }
  }
  return value;
}

bool option_is(const char *name, const char *value) {
  const char *given = option(name);
  if (!given || !starts_with(given, value)) {
    return false;
  }
  while (*value) {
    given++;
    value++;
  }
  return is_end(*given);
}

u64 parse_number(const char *text, const char **end) {
  u64 value = 0;
  unsigned base = starts_with(text, "0x") ? 16 : 10;
  if (base == 16) {
    text += 2;
  }
  for (;; text++) {
    char c = *text;
    unsigned digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
    if (digit >= base) {
      break;
    }
    value = value * base + digit;
  }
  switch (*text) {
  case 'K':
  case 'k':
    value <<= 10;
    text++;
    break;
  case 'M':
  case 'm':
    value <<= 20;
    text++;
    break;
  case 'G':
  case 'g':
    value <<= 30;
    text++;
    break;
  }
  if (end) {
    *end = text;
  }
  return value;
}

u64 option_number(const char *name, u64 otherwise) {
  const char *value = option(name);
  return value ? parse_number(value, NULL) : otherwise;
}

/* --- memory --- */

void *memcpy(void *to, const void *from, size_t size) {
  void *result = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
  return result;
}

void *memset(void *to, int value, size_t size) {
  void *result = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
  return result;
}

int memcmp(const void *a, const void *b, size_t size) {
  const u8 *left = a, *right = b;
  for (; size > 0; size--, left++, right++) {
    if (*left != *right) {
      return *left - *right;
    }
  }
  return 0;
}

void *allocate(u64 size, u64 alignment) {
  u64 start = (heap + alignment - 1) & ~(alignment - 1);
  for (u32 i = 0; i < memory_map_entries; i++) {
    const struct memory_range *range = &memory_map[i];
    if (range->type == MEMORY_RAM && start >= range->start && start - range->start < range->size
        && range->size - (start - range->start) >= size) {
      heap = start + size;
      return (void *)start;
    }
  }
  print("out of memory: ");
  print_decimal(size);
  print(" bytes\n");
  exit_guest(2);
}

void *map_window(unsigned n, u64 physical) {
  u64 address = WINDOW_BASE + ((u64)n << 21);
  window[n] = (physical & ~0x1fffffull) | PAGE_2M;
  __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
  return (void *)(address + (physical & 0x1fffff));
}

/* --- traps and interrupts --- */

static void set_gate(unsigned vector, const u8 *code) {
  u64 address = (u64)code;
  idt[vector].low = (address & 0xffff) | KERNEL_CODE << 16 | 0x8e00ull << 32
      | (address >> 16 & 0xffff) << 48;
  idt[vector].high = address >> 32;
}

static void cpu_init(void) {
  u64 base = (u64)tss;
  u64 limit = tss_end - tss - 1;
  gdt[TSS_SELECTOR / 8] = (limit & 0xffff) | (base & 0xffffff) << 16 | 0x89ull << 40
      | (base >> 24 & 0xff) << 56;
  gdt[TSS_SELECTOR / 8 + 1] = base >> 32;
  __asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR));
  for (unsigned i = 0; i <= IPI_VECTOR; i++) {
    set_gate(i, trap_stubs + i * 16);
  }
  __asm__ volatile("lidt %0" : : "m"(idt_pointer));
}

void on_trap(unsigned vector, trap_handler *handler) {
  trap_handlers[vector] = handler;
}

static void pic_init(void) {
  outb(PIC1, 0x11);
  outb(PIC2, 0x11);
  outb(PIC1 + 1, IRQ_VECTOR);
  outb(PIC2 + 1, IRQ_VECTOR + 8);
  outb(PIC1 + 1, 4);
  outb(PIC2 + 1, 2);
  outb(PIC1 + 1, 1);
  outb(PIC2 + 1, 1);
  outb(PIC1 + 1, 0xff);
  outb(PIC2 + 1, 0xff);
}

static void irqchip_init(void) {
  if (irqchip_ready) {
    return;
  }
  irqchip_ready = true;
  use_pic = option_is("irqchip", "pic");
  pic_init(); /* masked, unless it is used */
  mmio_write32(LAPIC + LAPIC_SVR, 0x1ff);
  /* The 8259 interrupts through LINT0 as ExtINT; it comes up masked. */
  mmio_write32(LAPIC + LAPIC_LVT0, use_pic ? 0x700 : 0x10700);
}

void on_irq(unsigned irq, irq_handler *handler) {
  irqchip_init();
  irq_handlers[irq] = handler;
  if (!use_pic) {
    mmio_write32(IOAPIC, 0x10 + 2 * irq + 1);
    mmio_write32(IOAPIC + 0x10, mmio_read32(LAPIC + LAPIC_ID) & 0xff000000);
    mmio_write32(IOAPIC, 0x10 + 2 * irq);
    mmio_write32(IOAPIC + 0x10, IRQ_VECTOR + irq);
  } else if (irq < 8) {
    outb(PIC1 + 1, inb(PIC1 + 1) & ~(1 << irq));
  } else {
    outb(PIC1 + 1, inb(PIC1 + 1) & ~(1 << 2));
    outb(PIC2 + 1, inb(PIC2 + 1) & ~(1 << (irq - 8)));
  }
}

void shorten_interrupts(unsigned irq, u64 registers) {
  short_device = registers;
  set_gate(IRQ_VECTOR + irq, short_interrupt);
  set_gate(TRAP_GENERAL_PROTECTION, short_halt);
}

static void end_of_interrupt(unsigned irq) {
  if (!use_pic) {
    mmio_write32(LAPIC + LAPIC_EOI, 0);
    return;
  }
  if (irq >= 8) {
    outb(PIC2, PIC_EOI);
  }
  outb(PIC1, PIC_EOI);
}

static _Noreturn void report_trap(const struct trap_frame *frame) {
  u64 address;
  __asm__("movq %%cr2, %0" : "=r"(address));
  uart_init(); /* the guest may have programmed it */
  print("unexpected trap ");
  print_decimal(frame->vector);
  print(", error ");
  print_hex(frame->error);
  print(", cs ");
  print_hex(frame->cs);
  print(", rip ");
  print_hex(frame->rip);
  print(", cr2 ");
  print_hex(address);
  print("\n");
  exit_guest(3);
}

/* hlt at CPL3 means wait_for_interrupt(). */
static void on_general_protection(struct trap_frame *frame) {
  if (!(frame->cs & 3) || *(const u8 *)frame->rip != HLT) {
    report_trap(frame);
  }
  if (!irq_seen) {
    __asm__ volatile("sti; hlt; cli" : : : "memory");
  }
  frame->rip++;
}

void on_ipi(void (*handler)(void)) {
  ipi_handler = handler;
}

void trap(struct trap_frame *frame) {
  if (frame->vector == IPI_VECTOR && ipi_handler) {
    ipi_handler();
  } else if (frame->vector >= IRQ_VECTOR) {
    unsigned irq = frame->vector - IRQ_VECTOR;
    if (irq_handlers[irq] && irq_handlers[irq]()) {
      irq_seen = 1;
    }
    end_of_interrupt(irq);
  } else if (trap_handlers[frame->vector]) {
    trap_handlers[frame->vector](frame);
  } else {
    report_trap(frame);
  }
}

void wait_for_interrupt(void) {
  u64 code_segment;
  __asm__("movq %%cs, %0" : "=r"(code_segment));
  while (!irq_seen) {
    if (code_segment & 3) {
      __asm__ volatile("hlt" : : : "rax", "rdx", "memory"); /* of short_halt */
    } else {
      __asm__ volatile("sti; hlt; cli" : : : "memory");
    }
  }
}

_Noreturn void enter_user(void (*function)(void)) {
  enter_user_at(function);
}

/* --- entry --- */

_Noreturn void start(const struct start_info *info) {
  uart_init();
  cpu_init();
  on_trap(TRAP_GENERAL_PROTECTION, on_general_protection);
  if (info->magic != START_INFO_MAGIC) {
    print("not entered through PVH: no hvm_start_info\n");
    exit_guest(4);
  }
  if (info->command_line) {
    command_line = (const char *)info->command_line;
  }
  if (info->version >= 1) {
    memory_map = (const struct memory_range *)info->memory_map;
    memory_map_entries = info->memory_map_entries;
  }
  heap = (u64)image_end;
  exit_guest(guest_main());
}
