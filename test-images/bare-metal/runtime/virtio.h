/*
 * A virtio-mmio (version 2) driver with split virtqueues whose chains are single descriptors.
 * Devices are found by the virtio_mmio.device=SIZE@ADDRESS:IRQ options of the command line.
 */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "runtime.h"

#define VIRTQUEUE_SIZE 64

#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)

struct virtio_device {
  u64 base;
  u32 irq;
  u64 features; /* negotiated */
};

struct virtq_descriptor {
  u64 address;
  u32 length;
  u16 flags;
  u16 next;
};

struct virtq_available {
  u16 flags;
  volatile u16 index;
  u16 ring[]; /* then used_event */
};

struct virtq_used {
  volatile u16 flags;
  volatile u16 index;
  struct {
    u32 id;
    u32 length;
  } ring[]; /* then available_event */
};

struct virtqueue {
  struct virtio_device *device;
  u16 number;
  u16 size;
  u16 free_count;
  u16 last_used;
  u16 kicked; /* available index when it was last decided whether to notify */
  u16 free[VIRTQUEUE_SIZE];
  struct virtq_descriptor *descriptors;
  struct virtq_available *available;
  volatile struct virtq_used *used;
  volatile u16 *used_event;
  const volatile u16 *available_event;
};

/* Finds the first device of a type; prints the reason on the console if there is none. */
bool virtio_find(u32 device_id, struct virtio_device *device);
/* Initializes the device from reset to FEATURES_OK; VERSION_1 is always requested. */
bool virtio_negotiate(struct virtio_device *device, u64 wanted);
void virtio_driver_ok(struct virtio_device *device);
u32 virtio_config32(const struct virtio_device *device, u32 offset);
/* Acknowledges the device's interrupt and returns its cause (0: spurious); for interrupt handlers. */
u32 virtio_acknowledge(const struct virtio_device *device);

/* Sets a queue up with VIRTQUEUE_SIZE entries, or as many as the device allows. */
bool virtqueue_setup(struct virtqueue *queue, struct virtio_device *device, u16 number);
/* Makes a buffer available without notifying; false if the queue is full. */
bool virtqueue_add(struct virtqueue *queue, void *buffer, u32 length, bool device_writes);
/* Notifies the device of added buffers if it needs that. */
void virtqueue_kick(struct virtqueue *queue);
/* Takes the next used buffer; NULL if there is none. */
void *virtqueue_take(struct virtqueue *queue, u32 *length);
/* The number of buffers that the device holds. */
u16 virtqueue_outstanding(const struct virtqueue *queue);

void virtqueue_disable_interrupts(struct virtqueue *queue);
/* True if used buffers arrived meanwhile, for which no interrupt may follow. */
bool virtqueue_enable_interrupts(struct virtqueue *queue);

#endif
