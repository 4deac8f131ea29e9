/*
 * A virtio-serial peer, at CPL3. Opens every port it is offered and serves port 1:
 *
 * mode=echo    (default) sends every byte back in the buffer in which it arrived
 * mode=sink    discards bytes; after bytes that end in "end\n", and when the host disconnects, sends
 *              "sink N bytes adler32 X" to the console and, while it is connected, to the host
 *              (N and X include the end mark) and restarts the count; check=none leaves X at 1
 * mode=source  for each line with a number sends that many bytes: 0, 1, ... 255, 0, ...
 *
 * wait=spin    (default) polls the rings, with interrupts off
 * wait=halt    halts when there is nothing to do
 * buf=N        bytes in a buffer (default 4096; in steps of 256)
 * event_idx=on uses EVENT_IDX if it is offered
 * ports=all    echo: serves every port but 0
 * onclose=exit ends with 0 when the host has disconnected from port 1
 */
#include "virtio_console.h"

#define PORT 1
#define BUFFERS VIRTQUEUE_SIZE
#define ADLER_MODULUS 65521
#define ADLER_BLOCK 5552 /* most bytes whose sums fit in 32 bits */
#define END_MARK 0x656e640a /* "end\n" */

static struct console console;
static struct console_port *port = &console.ports[PORT];

/* ports=all */
static bool serves_all;

/* mode=sink */
static u64 sunk;
static u32 adler_a = 1, adler_b;
static u32 last_bytes;
static bool checks;

/* mode=source */
static u64 to_send;
static u64 requested;
static u64 line_value;
static u8 *pattern_buffers[BUFFERS];
static unsigned idle_buffers;
static u8 position; /* in the pattern, of the next byte */

static char *append_number(char *to, u64 value, unsigned base) {
  char digits[20];
  size_t count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  while (count > 0) {
    *to++ = digits[--count];
  }
  return to;
}

static char *append(char *to, const char *text) {
  while (*text) {
    *to++ = *text++;
  }
  return to;
}

/* Notifies only queues that have changed, and disables interrupts that polling makes unnecessary. */
static void after_turn(bool receive_changed, bool transmit_changed) {
  if (receive_changed) {
    virtqueue_kick(&port->receive);
    virtqueue_disable_interrupts(&port->receive);
  }
  if (transmit_changed) {
    virtqueue_kick(&port->transmit);
    virtqueue_disable_interrupts(&port->transmit);
  }
}

static bool echo(void) {
  u32 length;
  void *buffer;
  bool returned = false, sent = false;
  while ((buffer = virtqueue_take(&port->receive, &length)) != NULL) {
    if (length == 0) {
      console_recycle(port, buffer);
      returned = true;
    } else {
      virtqueue_add(&port->transmit, buffer, length, false);
      sent = true;
    }
  }
  if (sent) {
    virtqueue_kick(&port->transmit); /* before the housekeeping: the host may wait for the echo */
    virtqueue_disable_interrupts(&port->transmit);
  }
  while ((buffer = virtqueue_take(&port->transmit, &length)) != NULL) {
    console_recycle(port, buffer);
    returned = true;
  }
  after_turn(returned || sent, false);
  return returned || sent;
}

/* Echoes on all ports but 0, which is a console. */
static bool echo_all(void) {
  bool any = false;
  for (u32 id = 1; id < console.port_count; id++) {
    if (console.ports[id].present) {
      port = &console.ports[id];
      any |= echo();
    }
  }
  port = &console.ports[PORT];
  return any;
}

static void checksum(const u8 *bytes, u32 length) {
  while (length > 0) {
    u32 block = length < ADLER_BLOCK ? length : ADLER_BLOCK;
    length -= block;
    for (; block > 0; block--) {
      adler_a += *bytes++;
      adler_b += adler_a;
    }
    adler_a %= ADLER_MODULUS;
    adler_b %= ADLER_MODULUS;
  }
}

static void report_sink(void) {
  char line[96];
  char *at = append(line, "sink ");
  at = append_number(at, sunk, 10);
  at = append(at, " bytes adler32 ");
  at = append_number(at, adler_b << 16 | adler_a, 16);
  at = append(at, "\n");
  *at = 0;
  print(line);
  if (port->host_connected) {
    console_say(port, line);
  }
  sunk = 0;
  adler_a = 1;
  adler_b = 0;
  last_bytes = 0;
}

static bool sink(void) {
  u32 length;
  u8 *buffer;
  bool any = false;
  while ((buffer = virtqueue_take(&port->receive, &length)) != NULL) {
    for (u32 i = length < 4 ? 0 : length - 4; i < length; i++) {
      last_bytes = last_bytes << 8 | buffer[i];
    }
    if (checks) {
      checksum(buffer, length);
    }
    sunk += length;
    console_recycle(port, buffer);
    any = true;
    if (last_bytes == END_MARK) {
      report_sink();
    }
  }
  after_turn(any, false);
  return any;
}

static void take_requests(const char *text, u32 length) {
  for (u32 i = 0; i < length; i++) {
    if (text[i] == '\n') {
      to_send += line_value;
      requested += line_value;
      line_value = 0;
    } else {
      line_value = line_value * 10 + (u64)(text[i] - '0');
    }
  }
}

/* A buffer holds one pattern more than its size, so that any position can be sent from it. */
static bool source(void) {
  u32 length;
  u8 *buffer;
  bool received = false, sent = false;
  while ((buffer = virtqueue_take(&port->receive, &length)) != NULL) {
    take_requests((char *)buffer, length);
    console_recycle(port, buffer);
    received = true;
  }
  while ((buffer = virtqueue_take(&port->transmit, &length)) != NULL) {
    pattern_buffers[idle_buffers++] = (u8 *)((u64)buffer & ~0xffull);
  }
  while (to_send > 0 && idle_buffers > 0) {
    u32 count = to_send < port->buffer_size ? (u32)to_send : port->buffer_size;
    virtqueue_add(&port->transmit, pattern_buffers[--idle_buffers] + position, count, false);
    position += (u8)count;
    to_send -= count;
    sent = true;
  }
  after_turn(received, sent);
  return received || sent;
}

static void prepare_source(void) {
  u64 size = port->buffer_size + 256;
  for (unsigned i = 0; i < port->transmit.size; i++) {
    u8 *buffer = allocate(size, 4096);
    for (u64 at = 0; at < size; at++) {
      buffer[at] = (u8)at;
    }
    pattern_buffers[idle_buffers++] = buffer;
  }
}

/*
 * Enables the interrupts that can bring work. In echo mode sent buffers can wait for the next
 * received one, unless so many are in flight that none could be received.
 */
static bool work_came_before_sleep(void) {
  bool transmit = to_send > 0 || virtqueue_outstanding(&port->transmit) > port->transmit.size / 2;
  bool any = virtqueue_enable_interrupts(&console.control_receive);
  any |= port->filled && virtqueue_enable_interrupts(&port->receive);
  any |= port->filled && transmit && virtqueue_enable_interrupts(&port->transmit);
  for (u32 id = 1; serves_all && id < console.port_count; id++) {
    struct console_port *other = &console.ports[id];
    any |= other->filled && virtqueue_enable_interrupts(&other->receive);
    any |= other->filled && virtqueue_enable_interrupts(&other->transmit);
  }
  return any;
}

static void announce(const char *mode) {
  print("port 1 \"");
  print(port->name);
  print("\" open, mode=");
  print(mode);
  print("\n");
}

static void serve(void) {
  bool halts = option_is("wait", "halt");
  bool exits = option_is("onclose", "exit");
  const char *mode = option_is("mode", "sink") ? "sink" : option_is("mode", "source") ? "source" : "echo";
  serves_all = option_is("ports", "all");
  bool (*work)(void) = mode[1] == 'i' ? sink : mode[1] == 'o' ? source : serves_all ? echo_all : echo;
  u64 size = (option_number("buf", 4096) + 255) & ~255ull;
  u64 closes = 0;
  bool announced = false;
  checks = !option_is("check", "none");

  if (!console_start(&console, serves_all ? CONSOLE_ALL_PORTS : PORT, (u32)size,
                     option_is("event_idx", "on") ? VIRTIO_F_EVENT_IDX : 0)) {
    exit_guest(1);
  }
  for (;;) {
    irq_seen = 0;
    bool busy = console_poll(&console);
    if (!announced && port->filled && !busy) {
      announced = true;
      if (work == source) {
        prepare_source();
      }
      announce(mode);
    }
    busy |= announced && work();
    if (busy) {
      continue;
    }
    if (port->closes != closes) {
      closes = port->closes;
      if (work == sink) {
        report_sink();
      }
      if (exits) {
        exit_guest(0);
      }
    }
    if (halts && !work_came_before_sleep()) {
      wait_for_interrupt();
    }
  }
}

int guest_main(void) {
  enter_user(serve);
}
