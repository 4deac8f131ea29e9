/*
 * A virtio-console driver with MULTIPORT: does the control handshake and opens every port it is
 * offered; the guest moves the bytes. Works at CPL0 and at CPL3.
 */
#ifndef VIRTIO_CONSOLE_H
#define VIRTIO_CONSOLE_H

#include "virtio.h"

#define CONSOLE_PORTS 32
#define CONSOLE_NAME_LENGTH 48
#define CONSOLE_ALL_PORTS 0xffffffff

struct console_port {
  bool present;        /* offered, and not removed */
  bool filled;         /* has its receive buffers */
  bool is_console;     /* the device has marked it as a terminal */
  bool host_connected; /* the host has a connection */
  u64 closes;          /* how often the host has disconnected */
  char name[CONSOLE_NAME_LENGTH];
  u32 buffer_size;
  struct virtqueue receive;
  struct virtqueue transmit;
};

struct console {
  struct virtio_device device;
  u32 port_count; /* queues are set up for the ports below this number */
  struct virtqueue control_receive;
  struct virtqueue control_transmit;
  struct console_port ports[CONSOLE_PORTS];
};

/*
 * Starts the device; there can be only one. Port `main_port` gets a full queue of receive buffers of
 * `buffer_size` bytes, the others a few small ones; with CONSOLE_ALL_PORTS all ports get full ones.
 * `features` may add VIRTIO_F_EVENT_IDX.
 */
bool console_start(struct console *console, u32 main_port, u32 buffer_size, u64 features);
/* Processes control messages; true if there was one. */
bool console_poll(struct console *console);
/* Returns a receive buffer to the device without notifying it. */
void console_recycle(struct console_port *port, void *buffer);
/* Sends a short text; waits until the device has taken the previous one. */
void console_say(struct console_port *port, const char *text);

#endif
