#include "virtio_console.h"

#define DEVICE_ID_CONSOLE 3
#define F_MULTIPORT (1ull << 1)
#define CONFIG_MAX_PORTS 4
#define CONTROL_BUFFER 128
#define SMALL_BUFFERS 4
#define SMALL_BUFFER 256
#define NO_PORT 0xffffffff

enum control_event {
  DEVICE_READY = 0,
  PORT_ADD = 1,
  PORT_REMOVE = 2,
  PORT_READY = 3,
  CONSOLE_PORT = 4,
  RESIZE = 5,
  PORT_OPEN = 6,
  PORT_NAME = 7,
};

struct control_message {
  u32 id;
  u16 event;
  u16 value;
};

/* The console, for the interrupt handler. */
static struct virtio_device *interrupting_device;
static u32 main_buffer_size;
static u32 main_port_number;

static bool on_interrupt(void) {
  return virtio_acknowledge(interrupting_device) != 0;
}

/* Waits until the device has taken the message, as Linux does. */
static void control(struct console *console, u32 id, enum control_event event, u16 value) {
  static struct control_message message;
  u32 length;
  message.id = id;
  message.event = event;
  message.value = value;
  virtqueue_add(&console->control_transmit, &message, sizeof message, false);
  virtqueue_kick(&console->control_transmit);
  while (!virtqueue_take(&console->control_transmit, &length)) {
  }
}

static void fill(struct virtqueue *queue, u16 count, u32 size) {
  u8 *buffers = allocate((u64)count * size, 4096);
  for (u16 i = 0; i < count; i++) {
    virtqueue_add(queue, buffers + (u64)i * size, size, true);
  }
  virtqueue_kick(queue);
}

static void port_added(struct console *console, u32 id) {
  struct console_port *port = &console->ports[id];
  port->present = true;
  if (!port->filled) {
    bool main = id == main_port_number || (main_port_number == CONSOLE_ALL_PORTS && id > 0);
    port->filled = true;
    port->buffer_size = main ? main_buffer_size : SMALL_BUFFER;
    u16 count = main || port->receive.size < SMALL_BUFFERS ? port->receive.size : SMALL_BUFFERS;
    fill(&port->receive, count, port->buffer_size);
  }
  control(console, id, PORT_READY, 1);
  control(console, id, PORT_OPEN, 1);
}

static void port_named(struct console_port *port, const char *name, u32 length) {
  u32 count = length < CONSOLE_NAME_LENGTH - 1 ? length : CONSOLE_NAME_LENGTH - 1;
  memcpy(port->name, name, count);
  port->name[count] = 0;
}

static void handle(struct console *console, const struct control_message *message, u32 length) {
  if (length < sizeof *message) {
    print("control message too short\n");
    exit_guest(6);
  }
  u32 id = message->id;
  if (id >= console->port_count) {
    if (message->event == PORT_ADD) {
      control(console, id, PORT_READY, 0); /* more ports than this driver has */
    }
    return;
  }
  struct console_port *port = &console->ports[id];
  switch (message->event) {
  case PORT_ADD:
    port_added(console, id);
    break;
  case PORT_REMOVE:
    port->present = false;
    port->host_connected = false;
    break;
  case CONSOLE_PORT:
    port->is_console = true;
    break;
  case PORT_OPEN:
    port->closes += port->host_connected && !message->value;
    port->host_connected = message->value != 0;
    break;
  case PORT_NAME:
    port_named(port, (const char *)(message + 1), length - sizeof *message);
    break;
  default:
    break; /* RESIZE: ignored, there is no terminal here */
  }
}

bool console_start(struct console *console, u32 main_port, u32 buffer_size, u64 features) {
  struct virtio_device *device = &console->device;
  main_port_number = main_port;
  main_buffer_size = buffer_size;
  if (!virtio_find(DEVICE_ID_CONSOLE, device)
      || !virtio_negotiate(device, F_MULTIPORT | features)) {
    return false;
  }
  if (!(device->features & F_MULTIPORT)) {
    print("virtio-console without MULTIPORT\n");
    return false;
  }
  interrupting_device = device;
  on_irq(device->irq, on_interrupt);
  u32 most = virtio_config32(device, CONFIG_MAX_PORTS);
  console->port_count = most < CONSOLE_PORTS ? most : CONSOLE_PORTS;
  for (u32 id = 0; id < console->port_count; id++) {
    u16 first = (u16)(id == 0 ? 0 : 2 * id + 2);
    if (!virtqueue_setup(&console->ports[id].receive, device, first)
        || !virtqueue_setup(&console->ports[id].transmit, device, first + 1)) {
      print("virtio-console lacks queues\n");
      return false;
    }
    virtqueue_disable_interrupts(&console->ports[id].receive);
    virtqueue_disable_interrupts(&console->ports[id].transmit);
  }
  if (!virtqueue_setup(&console->control_receive, device, 2)
      || !virtqueue_setup(&console->control_transmit, device, 3)) {
    print("virtio-console lacks control queues\n");
    return false;
  }
  virtqueue_disable_interrupts(&console->control_receive);
  virtqueue_disable_interrupts(&console->control_transmit);
  virtio_driver_ok(device);
  fill(&console->control_receive, console->control_receive.size, CONTROL_BUFFER);
  control(console, NO_PORT, DEVICE_READY, 1);
  return true;
}

bool console_poll(struct console *console) {
  struct virtqueue *queue = &console->control_receive;
  struct control_message *message;
  u32 length;
  bool any = false;
  while ((message = virtqueue_take(queue, &length)) != NULL) {
    handle(console, message, length);
    virtqueue_add(queue, message, CONTROL_BUFFER, true);
    any = true;
  }
  if (any) {
    virtqueue_kick(queue);
    virtqueue_disable_interrupts(queue);
  }
  return any;
}

void console_recycle(struct console_port *port, void *buffer) {
  virtqueue_add(&port->receive, buffer, port->buffer_size, true);
}

void console_say(struct console_port *port, const char *text) {
  static char message[128];
  u32 length = 0;
  u32 ignored;
  while (text[length] && length < sizeof message) {
    message[length] = text[length];
    length++;
  }
  virtqueue_add(&port->transmit, message, length, false);
  virtqueue_kick(&port->transmit);
  while (!virtqueue_take(&port->transmit, &ignored)) {
  }
}
