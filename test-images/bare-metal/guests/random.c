/*
 * A guest that does anything to its devices, for tests of the VMM: registers of the transports, queues in
 * any place, descriptors, rings, control messages, ports. It knows the structures, so that most of what it
 * does gets past the first check. It never ends, and leaves out what ends or resets the machine.
 *
 * seed=N   start of the random numbers (default 1)
 */
#include "virtio.h"

#define DEVICES 16
#define ARENA_BYTES (1 << 20)
#define RING_BYTES 8192
#define RINGS 32

#define REG_QUEUE_SEL 0x30
#define REG_QUEUE_SIZE 0x38
#define REG_QUEUE_READY 0x44
#define REG_QUEUE_NOTIFY 0x50
#define REG_INTERRUPT_ACK 0x64
#define REG_STATUS 0x70
#define REG_QUEUE_DESC 0x80
#define REG_QUEUE_DRIVER 0x90
#define REG_QUEUE_DEVICE 0xa0
#define REG_CONFIG 0x100
#define REGISTERS 0x200
#define STATUS_UP 15

#define PIC1 0x20
#define PIC1_MASK 0x21
#define PIC2 0xa0
#define PIC2_MASK 0xa1
#define I8042_COMMAND 0x64
#define I8042_WRITE_OUTPUT 0xd1
#define I8042_PULSE 0xf0

static struct virtio_device devices[DEVICES];
static unsigned device_count;
static u8 *arena;
static u64 state;

static u32 next_random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (u32)(state >> 16);
}

static u32 below(u32 bound) {
  return next_random() % bound;
}

/* Mostly in the arena, sometimes outside of RAM. Elsewhere the devices would overwrite this program. */
static u64 random_address(void) {
  switch (below(16)) {
  case 0:
    return ((u64)(next_random() | 1) << 32) | next_random();
  case 1:
    return next_random() | 0x80000000;
  default:
    return (u64)arena + below(ARENA_BYTES);
  }
}

static u32 random_length(void) {
  static const u32 lengths[] = {0, 1, 8, 511, 512, 513, 4096, 65536, 0x7fffffff, 0xffffffff};
  return below(2) ? lengths[below(sizeof lengths / sizeof *lengths)] : below(4096);
}

static struct virtio_device *any_device(void) {
  return &devices[below(device_count)];
}

static void set(const struct virtio_device *device, u32 reg, u32 value) {
  mmio_write32(device->base + reg, value);
}

static void set64(const struct virtio_device *device, u32 reg, u64 value) {
  set(device, reg, (u32)value);
  set(device, reg + 4, (u32)(value >> 32));
}

/* The ring of a queue has a place of its own, so that what is written there later is found. */
static u8 *ring_of(unsigned queue) {
  return arena + (u64)(queue % RINGS) * RING_BYTES;
}

static void bring_up(void) {
  struct virtio_device *device = any_device();
  virtio_negotiate(device, below(2) ? ~0ull : VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
  unsigned queues = 1 + below(RINGS);
  for (unsigned i = 0; i < queues; i++) {
    u8 *ring = ring_of(i);
    bool wild = below(32) == 0;
    memset(ring, 0, RING_BYTES);
    set(device, REG_QUEUE_SEL, i);
    set(device, REG_QUEUE_SIZE, below(8) ? 16 : below(300));
    set64(device, REG_QUEUE_DESC, wild ? random_address() : (u64)ring);
    set64(device, REG_QUEUE_DRIVER, wild ? random_address() : (u64)ring + 1024);
    set64(device, REG_QUEUE_DEVICE, wild ? random_address() : (u64)ring + 2048);
    set(device, REG_QUEUE_READY, 1);
  }
  set(device, REG_STATUS, STATUS_UP);
}

static void write_descriptor(u8 *ring) {
  struct virtq_descriptor *descriptor = (struct virtq_descriptor *)ring + below(16);
  descriptor->address = random_address();
  descriptor->length = random_length();
  descriptor->flags = (u16)(below(64) ? below(8) : next_random());
  descriptor->next = (u16)(below(64) ? below(16) : next_random());
}

static void offer(u8 *ring) {
  struct virtq_available *available = (void *)(ring + 1024);
  available->ring[available->index % 16] = (u16)(below(64) ? below(16) : next_random());
  available->index += (u16)(below(64) ? 1 : next_random());
}

/* A request that looks right: a control message, a disk request, or text. */
static void fill_buffer(void) {
  u32 *words = (u32 *)(arena + (below(ARENA_BYTES - 64) & ~3u));
  switch (below(3)) {
  case 0:
    words[0] = below(12);
    words[1] = below(10) | below(3) << 16;
    break;
  case 1:
    words[0] = below(14);
    words[1] = 0;
    words[2] = below(4096);
    words[3] = below(16) ? 0 : next_random();
    break;
  default:
    for (unsigned i = 0; i < 16; i++) {
      words[i] = next_random();
    }
  }
}

static void touch_registers(void) {
  struct virtio_device *device = any_device();
  u64 address = device->base + below(REGISTERS);
  switch (below(6)) {
  case 0:
    (void)*(volatile u8 *)address;
    break;
  case 1:
    *(volatile u8 *)address = (u8)next_random();
    break;
  case 2:
    *(volatile u16 *)(address & ~1ull) = (u16)next_random();
    break;
  case 3:
    mmio_write32(address & ~3ull, next_random());
    break;
  case 4:
    (void)*(volatile u64 *)(address & ~7ull);
    break;
  default:
    (void)mmio_read32(device->base + REG_CONFIG + (below(64) & ~3u));
  }
}

static void touch_ports(void) {
  static const u16 ports[] = {0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x60, 0x64,
                              0x70,  0x71,  PIC1,  PIC1_MASK, PIC2, PIC2_MASK, 0x80, 0x600, 0x601};
  u16 port = ports[below(sizeof ports / sizeof *ports)];
  u8 value = (u8)next_random();
  bool ends = port == I8042_COMMAND && (value >= I8042_PULSE || value == I8042_WRITE_OUTPUT);
  /* What is written to the 8259 gives an interrupt another vector, which ends this program. */
  bool read_only = port >= 0x600 || port == PIC1 || port == PIC1_MASK || port == PIC2 || port == PIC2_MASK;
  if (below(2) || ends || read_only) {
    inb(port);
  } else {
    outb(port, value);
  }
}

static void step(void) {
  u8 *ring = ring_of(next_random());
  switch (below(32)) {
  case 0:
    touch_registers();
    break;
  case 1:
  case 2:
    touch_ports();
    break;
  case 3:
    set(any_device(), REG_INTERRUPT_ACK, below(4));
    break;
  case 4:
    set(any_device(), REG_QUEUE_SEL, below(RINGS));
    set(any_device(), REG_QUEUE_READY, below(2));
    break;
  case 5:
    if (below(64) == 0) {
      bring_up();
    }
    break;
  case 6:
  case 7:
  case 8:
  case 9:
    fill_buffer();
    break;
  case 10:
  case 11:
  case 12:
  case 13:
  case 14:
    offer(ring);
    break;
  case 15:
  case 16:
  case 17:
  case 18:
    set(any_device(), REG_QUEUE_NOTIFY, below(RINGS));
    break;
  default:
    write_descriptor(ring);
  }
}

static void run(void) {
  for (;;) {
    for (unsigned i = 0; i < device_count; i++) {
      bring_up();
    }
    for (unsigned i = 0; i < 20000; i++) {
      step();
    }
  }
}

static void find_devices(void) {
  static const char prefix[] = "virtio_mmio.device=";
  for (const char *word = command_line; *word && device_count < DEVICES; word = next_word(word)) {
    if (starts_with(word, prefix)) {
      const char *at;
      parse_number(word + sizeof prefix - 1, &at);
      devices[device_count++].base = parse_number(at + 1, &at);
    }
  }
}

int guest_main(void) {
  find_devices();
  if (device_count == 0) {
    print("no virtio device\n");
    return 1;
  }
  state = option_number("seed", 1) * 0x9e3779b97f4a7c15ull + 1;
  arena = allocate(ARENA_BYTES, 4096);
  enter_user(run);
}
