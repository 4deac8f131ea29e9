package org.microvm.machine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.microvm.devices.bus.BusDevice;
import org.microvm.devices.virtio.DeviceStatus;
import org.microvm.devices.virtio.MmioRegister;
import org.microvm.devices.virtio.VirtioFeatures;
import org.microvm.linux.EventFd;
import org.microvm.machine.board.VirtioSlot;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.GuestMemoryException;
import org.microvm.virtioserial.SerialDevice;

/**
 * Simulates a guest's driver for a serial device with one channel (virtio 1.3, sections 3.1.1 and
 * 5.3.5): afterwards port 1 is open, and both of its queues have buffers.
 *
 * <p>It does not notify the device. Used by one thread.
 */
final class WarmupDriver {
  private static final int CONTROL_RECEIVE = 2;
  private static final int CONTROL_TRANSMIT = 3;
  private static final int RECEIVE = 4;
  private static final int TRANSMIT = 5;

  /**
   * A control message (section 5.3.6.2).
   *
   * @param id the port's number
   */
  private record Message(int id, int event, int value) {}

  private static final int PORT = 1;

  /** The id of a message about the device. */
  private static final int NO_PORT = -1;

  private static final int DEVICE_READY = 0;
  private static final int PORT_READY = 3;
  private static final int PORT_OPEN = 6;

  /** The messages that the driver sends until its port is open. */
  private static final List<Message> INTRODUCTION =
      List.of(
          new Message(NO_PORT, DEVICE_READY, 1),
          new Message(PORT, PORT_READY, 1),
          new Message(PORT, PORT_OPEN, 1));

  /** Size in bytes of a message: le32 id, le16 event, le16 value. */
  private static final int MESSAGE_BYTES = 8;

  /** Entries of each queue. */
  private static final int SIZE = WarmupRing.SIZE;

  private static final int BUFFER_BYTES = 256;

  /** VIRTQ_DESC_F_WRITE: the device writes the buffer (section 2.7.5). */
  private static final int DEVICE_WRITES = 2;

  /** Size in bytes of a descriptor: le64 address, le32 length, le16 flags, le16 next. */
  private static final int DESCRIPTOR_BYTES = 16;

  /** Bytes of a queue: a page for its rings and one for its buffers. */
  private static final long QUEUE_BYTES = 0x2000;

  private static final long BUFFERS = 0x1000;
  private static final long AVAILABLE = 0x400;
  private static final long USED = 0x800;

  private final VirtioSlot slot;
  private final BusDevice registers;
  private final GuestMemory memory;
  private int sent;

  /**
   * @param slot the device
   * @param memory the guest's memory; the first 64 KiB are overwritten
   */
  WarmupDriver(VirtioSlot slot, GuestMemory memory) {
    this.slot = slot;
    this.memory = memory;
    registers = slot.transport();
  }

  /** Initializes the device and opens its port. */
  void start() throws GuestMemoryException {
    int status = DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER;
    write(MmioRegister.STATUS, status);
    long features =
        VirtioFeatures.VERSION_1 | VirtioFeatures.RING_EVENT_IDX | SerialDevice.F_MULTIPORT;
    write(MmioRegister.DRIVER_FEATURES_SEL, 0);
    write(MmioRegister.DRIVER_FEATURES, features);
    write(MmioRegister.DRIVER_FEATURES_SEL, 1);
    write(MmioRegister.DRIVER_FEATURES, features >>> Integer.SIZE);
    status |= DeviceStatus.FEATURES_OK;
    write(MmioRegister.STATUS, status);
    for (int queue = CONTROL_RECEIVE; queue <= TRANSMIT; queue++) {
      setUp(queue);
    }
    write(MmioRegister.STATUS, status | DeviceStatus.DRIVER_OK);
    fill(CONTROL_RECEIVE, SIZE, DEVICE_WRITES);
    fill(RECEIVE, SIZE, DEVICE_WRITES);
    introduce();
    fill(CONTROL_TRANSMIT, INTRODUCTION.size(), 0);
    fill(TRANSMIT, 1, 0);
  }

  private void write(int register, long value) {
    registers.write(register, Integer.BYTES, value & 0xffff_ffffL);
  }

  private void setUp(int queue) {
    write(MmioRegister.QUEUE_SEL, queue);
    write(MmioRegister.QUEUE_SIZE, SIZE);
    write(MmioRegister.QUEUE_DESC_LOW, queue * QUEUE_BYTES);
    write(MmioRegister.QUEUE_DRIVER_LOW, queue * QUEUE_BYTES + AVAILABLE);
    write(MmioRegister.QUEUE_DEVICE_LOW, queue * QUEUE_BYTES + USED);
    write(MmioRegister.QUEUE_READY, 1);
  }

  private static long buffer(int queue, int index) {
    return queue * QUEUE_BYTES + BUFFERS + (long) index * BUFFER_BYTES;
  }

  private void introduce() throws GuestMemoryException {
    for (int i = 0; i < INTRODUCTION.size(); i++) {
      ByteBuffer message = ByteBuffer.allocate(MESSAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
      message.putInt(INTRODUCTION.get(i).id());
      message.putShort((short) INTRODUCTION.get(i).event());
      message.putShort((short) INTRODUCTION.get(i).value());
      memory.write(buffer(CONTROL_TRANSMIT, i), message.array());
    }
  }

  /** Makes buffers available in an empty queue. */
  private void fill(int queue, int count, int flags) throws GuestMemoryException {
    long base = queue * QUEUE_BYTES;
    int length = flags == DEVICE_WRITES ? BUFFER_BYTES : MESSAGE_BYTES;
    for (int i = 0; i < count; i++) {
      describe(queue, i, length, flags);
      memory.putShort(base + AVAILABLE + 4 + 2L * i, i);
    }
    memory.putShort(base + AVAILABLE + 2, count);
  }

  /** Writes a buffer's descriptor (section 2.7.5). */
  private void describe(int queue, int index, int length, int flags) throws GuestMemoryException {
    long descriptor = queue * QUEUE_BYTES + (long) DESCRIPTOR_BYTES * index;
    memory.putLong(descriptor, buffer(queue, index));
    memory.putInt(descriptor + 8, length);
    memory.putShort(descriptor + 12, flags);
  }

  /** The queue from which the port's program receives, all of whose buffers are available. */
  WarmupRing receiveRing() {
    return ring(RECEIVE, SIZE);
  }

  /** The queue with which the port's program sends, after {@link #start} has used one buffer. */
  WarmupRing transmitRing() {
    return ring(TRANSMIT, 1);
  }

  private WarmupRing ring(int queue, int filled) {
    long base = queue * QUEUE_BYTES;
    EventFd event = slot.notifyFds().get(slot.hasEventPerQueue() ? queue : 0);
    return new WarmupRing(memory, base + AVAILABLE, base + USED, filled, event::signal);
  }

  /** Makes one of the port's buffers available that has been used, or a new one. */
  void send(WarmupRing ring, int bytes) throws GuestMemoryException {
    int buffer = sent++ % SIZE;
    describe(TRANSMIT, buffer, bytes, 0);
    ring.add(buffer);
  }

  /** Acknowledges an interrupt, as a guest's handler does (section 4.2.2). */
  void acknowledge() {
    if (slot.fastPath().isPresent()) {
      // KVM signals this when the driver writes to the register.
      slot.fastPath().get().acknowledgements().signal();
    } else {
      write(MmioRegister.INTERRUPT_ACK, MmioRegister.INTERRUPT_USED_BUFFERS);
    }
  }
}
