#include "virtio.h"

#define MAGIC 0x74726976

enum {
  REG_MAGIC = 0x00,
  REG_VERSION = 0x04,
  REG_DEVICE_ID = 0x08,
  REG_DEVICE_FEATURES = 0x10,
  REG_DEVICE_FEATURES_SEL = 0x14,
  REG_DRIVER_FEATURES = 0x20,
  REG_DRIVER_FEATURES_SEL = 0x24,
  REG_QUEUE_SEL = 0x30,
  REG_QUEUE_SIZE_MAX = 0x34,
  REG_QUEUE_SIZE = 0x38,
  REG_QUEUE_READY = 0x44,
  REG_QUEUE_NOTIFY = 0x50,
  REG_INTERRUPT_STATUS = 0x60,
  REG_INTERRUPT_ACK = 0x64,
  REG_STATUS = 0x70,
  REG_QUEUE_DESC = 0x80,
  REG_QUEUE_DRIVER = 0x90,
  REG_QUEUE_DEVICE = 0xa0,
  REG_CONFIG = 0x100,
};

enum {
  STATUS_ACKNOWLEDGE = 1,
  STATUS_DRIVER = 2,
  STATUS_DRIVER_OK = 4,
  STATUS_FEATURES_OK = 8,
};

/* A queue of up to 64 entries fits in a page. */
#define PAGE 4096
#define AVAILABLE 0x400
#define USED 0x800

#define DESCRIPTOR_WRITE 2
#define AVAILABLE_NO_INTERRUPT 1
#define USED_NO_NOTIFY 1

/* x86 keeps the order of loads and that of stores; only a store before a load needs a fence. */
#define barrier() __asm__ volatile("" : : : "memory")
#define full_fence() __asm__ volatile("lock; addl $0, (%%rsp)" : : : "memory", "cc")

static u32 get(const struct virtio_device *device, u32 reg) {
  return mmio_read32(device->base + reg);
}

static void set(const struct virtio_device *device, u32 reg, u32 value) {
  mmio_write32(device->base + reg, value);
}

static void set64(const struct virtio_device *device, u32 reg, const volatile void *address) {
  set(device, reg, (u32)(u64)address);
  set(device, reg + 4, (u32)((u64)address >> 32));
}

bool virtio_find(u32 device_id, struct virtio_device *device) {
  static const char prefix[] = "virtio_mmio.device=";
  bool legacy = false;
  for (const char *word = command_line; *word; word = next_word(word)) {
    if (!starts_with(word, prefix)) {
      continue;
    }
    const char *at;
    parse_number(word + sizeof prefix - 1, &at);
    if (*at != '@') {
      continue;
    }
    device->base = parse_number(at + 1, &at);
    device->irq = *at == ':' ? (u32)parse_number(at + 1, NULL) : 0;
    if (get(device, REG_MAGIC) != MAGIC || get(device, REG_DEVICE_ID) != device_id) {
      continue;
    }
    if (get(device, REG_VERSION) == 2) {
      return true;
    }
    legacy = true;
  }
  print(legacy ? "virtio device is a legacy one\n" : "no virtio device of this type\n");
  return false;
}

bool virtio_negotiate(struct virtio_device *device, u64 wanted) {
  set(device, REG_STATUS, 0);
  while (get(device, REG_STATUS) != 0) {
  }
  u32 status = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
  set(device, REG_STATUS, status);
  set(device, REG_DEVICE_FEATURES_SEL, 0);
  u64 offered = get(device, REG_DEVICE_FEATURES);
  set(device, REG_DEVICE_FEATURES_SEL, 1);
  offered |= (u64)get(device, REG_DEVICE_FEATURES) << 32;
  device->features = offered & (wanted | VIRTIO_F_VERSION_1);
  set(device, REG_DRIVER_FEATURES_SEL, 0);
  set(device, REG_DRIVER_FEATURES, (u32)device->features);
  set(device, REG_DRIVER_FEATURES_SEL, 1);
  set(device, REG_DRIVER_FEATURES, (u32)(device->features >> 32));
  set(device, REG_STATUS, status | STATUS_FEATURES_OK);
  if (!(get(device, REG_STATUS) & STATUS_FEATURES_OK)) {
    print("virtio device refuses the features\n");
    return false;
  }
  return true;
}

void virtio_driver_ok(struct virtio_device *device) {
  set(device, REG_STATUS,
      STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

u32 virtio_config32(const struct virtio_device *device, u32 offset) {
  return get(device, REG_CONFIG + offset);
}

u32 virtio_acknowledge(const struct virtio_device *device) {
  u32 status = get(device, REG_INTERRUPT_STATUS);
  if (status) {
    set(device, REG_INTERRUPT_ACK, status);
  }
  return status;
}

bool virtqueue_setup(struct virtqueue *queue, struct virtio_device *device, u16 number) {
  set(device, REG_QUEUE_SEL, number);
  u32 most = get(device, REG_QUEUE_SIZE_MAX);
  if (most == 0) {
    return false;
  }
  queue->size = most < VIRTQUEUE_SIZE ? (u16)most : VIRTQUEUE_SIZE;
  queue->device = device;
  queue->number = number;
  queue->last_used = 0;
  queue->kicked = 0;
  queue->free_count = queue->size;
  for (u16 i = 0; i < queue->size; i++) {
    queue->free[i] = queue->size - 1 - i;
  }
  u8 *memory = allocate(PAGE, PAGE);
  memset(memory, 0, PAGE);
  queue->descriptors = (void *)memory;
  queue->available = (void *)(memory + AVAILABLE);
  queue->used = (void *)(memory + USED);
  queue->used_event = (void *)(memory + AVAILABLE + 4 + 2 * queue->size);
  queue->available_event = (void *)(memory + USED + 4 + 8 * queue->size);
  set(device, REG_QUEUE_SIZE, queue->size);
  set64(device, REG_QUEUE_DESC, queue->descriptors);
  set64(device, REG_QUEUE_DRIVER, queue->available);
  set64(device, REG_QUEUE_DEVICE, queue->used);
  set(device, REG_QUEUE_READY, 1);
  return true;
}

bool virtqueue_add(struct virtqueue *queue, void *buffer, u32 length, bool device_writes) {
  if (queue->free_count == 0) {
    return false;
  }
  u16 id = queue->free[--queue->free_count];
  struct virtq_descriptor *descriptor = &queue->descriptors[id];
  descriptor->address = (u64)buffer;
  descriptor->length = length;
  descriptor->flags = device_writes ? DESCRIPTOR_WRITE : 0;
  u16 index = queue->available->index;
  queue->available->ring[index % queue->size] = id;
  barrier(); /* write the entry before the index that publishes it */
  queue->available->index = (u16)(index + 1);
  return true;
}

void virtqueue_kick(struct virtqueue *queue) {
  full_fence(); /* write the index before checking whether the device sleeps */
  u16 now = queue->available->index;
  u16 before = queue->kicked;
  queue->kicked = now;
  bool notify;
  if (queue->device->features & VIRTIO_F_EVENT_IDX) {
    notify = (u16)(now - *queue->available_event - 1) < (u16)(now - before);
  } else {
    notify = now != before && !(queue->used->flags & USED_NO_NOTIFY);
  }
  if (notify) {
    set(queue->device, REG_QUEUE_NOTIFY, queue->number);
  }
}

void *virtqueue_take(struct virtqueue *queue, u32 *length) {
  if (queue->last_used == queue->used->index) {
    return NULL;
  }
  barrier(); /* read the index before the entry that it publishes */
  u16 slot = queue->last_used % queue->size;
  u32 id = queue->used->ring[slot].id;
  *length = queue->used->ring[slot].length;
  if (id >= queue->size || *length > queue->descriptors[id].length) {
    print("the device used a buffer that it was not given\n");
    exit_guest(5);
  }
  queue->last_used++;
  queue->free[queue->free_count++] = (u16)id;
  return (void *)queue->descriptors[id].address;
}

u16 virtqueue_outstanding(const struct virtqueue *queue) {
  return queue->size - queue->free_count;
}

void virtqueue_disable_interrupts(struct virtqueue *queue) {
  if (queue->device->features & VIRTIO_F_EVENT_IDX) {
    *queue->used_event = (u16)(queue->last_used - 1); /* as far away as possible */
  } else {
    queue->available->flags = AVAILABLE_NO_INTERRUPT;
  }
}

bool virtqueue_enable_interrupts(struct virtqueue *queue) {
  if (queue->device->features & VIRTIO_F_EVENT_IDX) {
    *queue->used_event = queue->last_used;
  } else {
    queue->available->flags = 0;
  }
  full_fence(); /* write the request before checking whether it came too late */
  return queue->last_used != queue->used->index;
}
