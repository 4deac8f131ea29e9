package org.microvm.devices.testing;

import org.microvm.devices.bus.BusDevice;
import org.microvm.devices.virtio.DeviceStatus;
import org.microvm.devices.virtio.MmioRegister;
import org.microvm.devices.virtio.QueueConfig;
import org.microvm.devices.virtio.VirtioFeatures;

/** A driver of a virtio-mmio device that uses only register accesses. For one thread. */
public final class TestDriver {
  /** All features of transport and rings. */
  public static final long RING_FEATURES =
      VirtioFeatures.VERSION_1 | VirtioFeatures.RING_INDIRECT_DESC | VirtioFeatures.RING_EVENT_IDX;

  private final BusDevice registers;
  private final TestRam ram;
  private VirtqueueDriver[] queues = {};
  private long features;

  /**
   * @param registers the device's register range
   */
  public TestDriver(BusDevice registers, TestRam ram) {
    this.registers = registers;
    this.ram = ram;
  }

  /** Reads a 32-bit register. */
  public int read(int register) {
    return (int) registers.read(register, 4);
  }

  /** Writes a 32-bit register. */
  public void write(int register, int value) {
    registers.write(register, 4, value & 0xffff_ffffL);
  }

  /** Sets the device up with all offered features and queues of the largest size. */
  public TestDriver start() {
    return start(offeredFeatures());
  }

  /** Sets the device up (section 3.1.1) with queues of the largest size. */
  public TestDriver start(long wanted) {
    check(negotiate(wanted), "FEATURES_OK was refused");
    int count = 0;
    while (queueSizeMax(count) != 0) {
      count++;
    }
    queues = new VirtqueueDriver[count];
    for (int i = 0; i < count; i++) {
      setUp(i, queueSizeMax(i));
    }
    addStatus(DeviceStatus.DRIVER_OK);
    return this;
  }

  /**
   * Resets the device and continues up to FEATURES_OK; returns whether the device accepted the
   * features.
   */
  public boolean negotiate(long wanted) {
    check(read(MmioRegister.MAGIC_VALUE) == MmioRegister.MAGIC, "the magic value is wrong");
    check(read(MmioRegister.VERSION) == 2, "the version is not 2");
    reset();
    addStatus(DeviceStatus.ACKNOWLEDGE);
    addStatus(DeviceStatus.DRIVER);
    driverFeatures(wanted);
    features = wanted;
    addStatus(DeviceStatus.FEATURES_OK);
    return (status() & DeviceStatus.FEATURES_OK) != 0;
  }

  /** Resets the device and discards the queues. */
  public void reset() {
    write(MmioRegister.STATUS, 0);
    check(status() == 0, "status is not 0 after a reset");
    queues = new VirtqueueDriver[0];
  }

  /** The feature bits that the device offers. */
  public long offeredFeatures() {
    write(MmioRegister.DEVICE_FEATURES_SEL, 0);
    long low = read(MmioRegister.DEVICE_FEATURES) & 0xffff_ffffL;
    write(MmioRegister.DEVICE_FEATURES_SEL, 1);
    return low | (long) read(MmioRegister.DEVICE_FEATURES) << 32;
  }

  /** Writes the driver's feature bits. */
  public void driverFeatures(long wanted) {
    write(MmioRegister.DRIVER_FEATURES_SEL, 0);
    write(MmioRegister.DRIVER_FEATURES, (int) wanted);
    write(MmioRegister.DRIVER_FEATURES_SEL, 1);
    write(MmioRegister.DRIVER_FEATURES, (int) (wanted >>> 32));
  }

  /** The status register. */
  public int status() {
    return read(MmioRegister.STATUS);
  }

  /** Adds bits to the status register. */
  public void addStatus(int bits) {
    write(MmioRegister.STATUS, status() | bits);
  }

  /** QueueSizeMax of a queue. */
  public int queueSizeMax(int index) {
    write(MmioRegister.QUEUE_SEL, index);
    return read(MmioRegister.QUEUE_SIZE_MAX);
  }

  /** QueueReady of a queue. */
  public int queueReady(int index) {
    write(MmioRegister.QUEUE_SEL, index);
    return read(MmioRegister.QUEUE_READY);
  }

  /** Writes all registers of a queue, then 1 to QueueReady. */
  public void configure(QueueConfig config) {
    write(MmioRegister.QUEUE_SEL, config.index());
    write(MmioRegister.QUEUE_SIZE, config.size());
    write(MmioRegister.QUEUE_DESC_LOW, (int) config.descriptorArea());
    write(MmioRegister.QUEUE_DESC_HIGH, (int) (config.descriptorArea() >>> 32));
    write(MmioRegister.QUEUE_DRIVER_LOW, (int) config.driverArea());
    write(MmioRegister.QUEUE_DRIVER_HIGH, (int) (config.driverArea() >>> 32));
    write(MmioRegister.QUEUE_DEVICE_LOW, (int) config.deviceArea());
    write(MmioRegister.QUEUE_DEVICE_HIGH, (int) (config.deviceArea() >>> 32));
    write(MmioRegister.QUEUE_READY, 1);
  }

  /** The driver's side of a queue. */
  public VirtqueueDriver queue(int index) {
    return queues[index];
  }

  /** Adds a buffer and notifies the device if it needs that; returns the head. */
  public int send(int queue, Buffer... pieces) {
    int head = queues[queue].add(pieces);
    if (queues[queue].wantsNotification()) {
      notifyQueue(queue);
    }
    return head;
  }

  /** Notifies the device. */
  public void notifyQueue(int queue) {
    write(MmioRegister.QUEUE_NOTIFY, queue);
  }

  /** Reads InterruptStatus and acknowledges what is set; returns it. */
  public int acknowledge() {
    int status = read(MmioRegister.INTERRUPT_STATUS);
    write(MmioRegister.INTERRUPT_ACK, status);
    return status;
  }

  /** Reads a field of the configuration space. */
  public long config(int offset, int size) {
    return registers.read(MmioRegister.CONFIG + offset, size);
  }

  /** Writes a field of the configuration space. */
  public void writeConfig(int offset, int size, long value) {
    registers.write(MmioRegister.CONFIG + offset, size, value);
  }

  /** The memory for buffers. */
  public TestRam ram() {
    return ram;
  }

  private void setUp(int index, int size) {
    queues[index] = new VirtqueueDriver(ram, index, size, features);
    configure(queues[index].config());
    check(queueReady(index) == 1, "queue did not become ready");
  }

  private static void check(boolean holds, String message) {
    if (!holds) {
      throw new AssertionError(message);
    }
  }
}
