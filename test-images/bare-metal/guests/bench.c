/*
 * The guest of the benchmarks. It runs at CPL3, so that the speed of an emulated guest is not what is
 * measured. The same binary runs under QEMU's microvm. It prints "bench ready" on the console when its
 * ports are open.
 *
 * mode=source  each port: for each request of 8 bytes, a little-endian number N, sends N bytes
 * mode=sink    each port: for each request, discards N more bytes and answers with 8 bytes
 * mode=echo    each port: sends received bytes back in the buffer in which they arrived
 * mode=hvc     as source, but as Linux's hvc writes to a console: 16 bytes at a time, and waits each
 *              time until the device has taken them
 * mode=uart    writes bytes=N bytes to COM1, checking before each whether there is room, and ends
 *
 * ports=N      ports 1 to N (default 1)
 * buf=N        bytes in a buffer (default 4096)
 * wait=spin    (default) polls the rings, with interrupts off
 * wait=halt    halts when there is nothing to do
 * event_idx=off does not use EVENT_IDX, which Linux uses if it is offered
 */
#include "virtio_console.h"

#define REQUEST_BYTES 8
#define HVC_BYTES 16
#define COM1 0x3f8
#define COM1_LSR 0x3fd
#define LSR_THRE 0x20

struct peer {
  struct console_port *port;
  u64 left;          /* bytes to send or to discard before the next answer */
  u64 request;       /* the next request, as far as received */
  u32 request_bytes; /* how many of its bytes */
  void *idle[VIRTQUEUE_SIZE];
  unsigned idle_count;
};

static struct console console;
static struct peer peers[CONSOLE_PORTS];
static u32 buffer_size;

/* Consumes bytes of requests; returns how many, and adds the request's number once it is complete. */
static u32 take_request(struct peer *peer, const u8 *bytes, u32 length) {
  u32 taken = 0;
  while (taken < length && peer->request_bytes < REQUEST_BYTES) {
    peer->request |= (u64)bytes[taken++] << (8 * peer->request_bytes++);
  }
  if (peer->request_bytes == REQUEST_BYTES) {
    peer->left += peer->request;
    peer->request = 0;
    peer->request_bytes = 0;
  }
  return taken;
}

static void finish_receiving(struct peer *peer) {
  virtqueue_kick(&peer->port->receive);
  virtqueue_disable_interrupts(&peer->port->receive);
}

static void finish_sending(struct peer *peer) {
  virtqueue_kick(&peer->port->transmit);
  virtqueue_disable_interrupts(&peer->port->transmit);
}

static bool take_requests(struct peer *peer) {
  u8 *buffer;
  u32 length;
  bool any = false;
  while ((buffer = virtqueue_take(&peer->port->receive, &length)) != NULL) {
    for (u32 at = 0; at < length;) {
      at += take_request(peer, buffer + at, length - at);
    }
    console_recycle(peer->port, buffer);
    any = true;
  }
  if (any) {
    finish_receiving(peer);
  }
  return any;
}

static bool source(struct peer *peer) {
  u32 length;
  void *buffer;
  bool sent = false;
  bool any = take_requests(peer);
  while ((buffer = virtqueue_take(&peer->port->transmit, &length)) != NULL) {
    peer->idle[peer->idle_count++] = buffer;
  }
  while (peer->left > 0 && peer->idle_count > 0) {
    u32 count = peer->left < buffer_size ? (u32)peer->left : buffer_size;
    virtqueue_add(&peer->port->transmit, peer->idle[--peer->idle_count], count, false);
    peer->left -= count;
    sent = true;
  }
  if (sent) {
    finish_sending(peer);
  }
  return any | sent;
}

static bool hvc(struct peer *peer) {
  u32 length;
  bool any = take_requests(peer);
  while (peer->left > 0) {
    u32 count = peer->left < HVC_BYTES ? (u32)peer->left : HVC_BYTES;
    virtqueue_add(&peer->port->transmit, peer->idle[0], count, false);
    virtqueue_kick(&peer->port->transmit);
    while (!virtqueue_take(&peer->port->transmit, &length)) {
    }
    peer->left -= count;
  }
  return any;
}

static bool sink(struct peer *peer) {
  static u8 answer[REQUEST_BYTES];
  u32 length;
  u8 *buffer;
  bool any = false;
  while ((buffer = virtqueue_take(&peer->port->receive, &length)) != NULL) {
    for (u32 at = 0; at < length;) {
      if (peer->left == 0) {
        at += take_request(peer, buffer + at, length - at);
        continue;
      }
      u32 part = length - at < peer->left ? length - at : (u32)peer->left;
      at += part;
      peer->left -= part;
      if (peer->left == 0) {
        virtqueue_add(&peer->port->transmit, answer, sizeof answer, false);
        virtqueue_kick(&peer->port->transmit);
      }
    }
    console_recycle(peer->port, buffer);
    any = true;
  }
  while (virtqueue_take(&peer->port->transmit, &length) != NULL) {
  }
  if (any) {
    finish_receiving(peer);
  }
  return any;
}

static bool echo(struct peer *peer) {
  u32 length;
  void *buffer;
  bool any = false;
  while ((buffer = virtqueue_take(&peer->port->receive, &length)) != NULL) {
    virtqueue_add(&peer->port->transmit, buffer, length, false);
    any = true;
  }
  if (any) {
    finish_sending(peer); /* before the housekeeping, because the host waits for the echo */
  }
  while ((buffer = virtqueue_take(&peer->port->transmit, &length)) != NULL) {
    console_recycle(peer->port, buffer);
    any = true;
  }
  if (any) {
    finish_receiving(peer);
  }
  return any;
}

static void uart(u64 bytes) {
  for (u64 i = 0; i < bytes; i++) {
    while (!(inb(COM1_LSR) & LSR_THRE)) {
    }
    outb(COM1, (u8)(i % 64 == 63 ? '\n' : 'a' + i % 26));
  }
}

static bool all_filled(u32 count) {
  for (u32 i = 1; i <= count; i++) {
    if (!console.ports[i].filled) {
      return false;
    }
  }
  return true;
}

static void prepare(u32 count) {
  for (u32 i = 1; i <= count; i++) {
    struct peer *peer = &peers[i];
    peer->port = &console.ports[i];
    for (u16 buffer = 0; buffer < peer->port->transmit.size; buffer++) {
      peer->idle[peer->idle_count++] = allocate(buffer_size, buffer_size < 4096 ? 64 : 4096);
    }
  }
}

/* Asks for the interrupts that can bring work. */
static bool work_came_before_sleep(u32 count) {
  bool any = virtqueue_enable_interrupts(&console.control_receive);
  for (u32 i = 1; i <= count; i++) {
    struct virtqueue *transmit = &console.ports[i].transmit;
    any |= virtqueue_enable_interrupts(&console.ports[i].receive);
    /* In echo mode, sent buffers can wait for the next received one, unless there are many. */
    if (peers[i].left > 0 || virtqueue_outstanding(transmit) > transmit->size / 2) {
      any |= virtqueue_enable_interrupts(transmit);
    }
  }
  return any;
}

static void serve(void) {
  u32 count = (u32)option_number("ports", 1);
  bool halts = option_is("wait", "halt");
  bool (*work)(struct peer *) = option_is("mode", "sink")     ? sink
                                : option_is("mode", "echo")   ? echo
                                : option_is("mode", "hvc")    ? hvc
                                                              : source;
  buffer_size = (u32)option_number("buf", 4096);
  if (count < 1 || count >= CONSOLE_PORTS) {
    print("ports: 1 to 31\n");
    exit_guest(1);
  }
  if (!console_start(&console, CONSOLE_ALL_PORTS, buffer_size,
                     option_is("event_idx", "off") ? 0 : VIRTIO_F_EVENT_IDX)) {
    exit_guest(1);
  }
  shorten_interrupts(console.device.irq, console.device.base);
  while (!all_filled(count)) {
    console_poll(&console);
  }
  prepare(count);
  print("bench ready\n");
  for (;;) {
    irq_seen = 0;
    bool busy = console_poll(&console);
    for (u32 i = 1; i <= count; i++) {
      busy |= work(&peers[i]);
    }
    if (!busy && halts && !work_came_before_sleep(count)) {
      wait_for_interrupt();
    }
  }
}

static void write_to_uart(void) {
  print("bench ready\n");
  uart(option_number("bytes", 4096));
  exit_guest(0);
}

int guest_main(void) {
  enter_user(option_is("mode", "uart") ? write_to_uart : serve);
}
