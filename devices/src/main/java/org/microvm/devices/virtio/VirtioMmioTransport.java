package org.microvm.devices.virtio;

import java.util.concurrent.locks.ReentrantLock;
import org.microvm.devices.IrqTrigger;
import org.microvm.devices.bus.BusDevice;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.memory.GuestMemory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The registers of a virtio-mmio device, version 2 (section 4.2), through which the driver reaches
 * a {@link VirtioDevice}.
 *
 * <p>Any thread may call: vCPUs for register accesses, the event loop for {@link #queueNotified}.
 * The transport owns the device lock and holds it throughout each call.
 *
 * <p>Accesses out of order (set-up of a queue that is ready, a notification before DRIVER_OK, a
 * write of a read-only register, an odd width) are ignored and counted. A broken ring sets
 * DEVICE_NEEDS_RESET and stops all queues of this device; the more often it happens, the more
 * rarely it is logged.
 *
 * <p>With a {@link RegisterPage} the driver reads registers without reaching {@link #read}, and
 * acknowledges used buffers without reaching {@link #write}.
 */
public final class VirtioMmioTransport implements BusDevice {
  /** Size in bytes of a device's range of addresses. */
  public static final int LENGTH = 0x1000;

  private static final Logger LOG = LoggerFactory.getLogger(VirtioMmioTransport.class);

  private final VirtioDevice device;
  private final GuestMemory memory;
  private final InterruptRegisters interrupts;

  private final TransportRegisters registers;
  private final QueueBank queues;
  private final RegisterPageView page;
  private final TransportPersistence persistence;
  private final ReentrantLock lock = new ReentrantLock();
  private final DriverNotifier notifier;
  private final GuestFaults failures = new GuestFaults();

  /**
   * The wait of a reset, or of a queue that is disabled; the registers keep their values meanwhile.
   */
  private final QuiesceWait quiesce;

  private long ignored;
  private long notifications;
  private long wakeUps;
  private long spuriousWakeUps;

  /**
   * Creates a transport whose register reads all reach {@link #read}, and attaches the device to
   * it.
   *
   * @param device the device behind the registers
   * @param memory guest memory, which holds the driver's rings and buffers
   * @param interrupt raised for each event
   */
  public VirtioMmioTransport(VirtioDevice device, GuestMemory memory, IrqTrigger interrupt) {
    this(device, memory, interrupt, null);
  }

  /**
   * Creates a transport, with or without a register page, and attaches the device to it.
   *
   * @param device the device behind the registers
   * @param memory guest memory, which holds the driver's rings and buffers
   * @param interrupt raised for each event
   * @param page the page through which the guest reads the registers and acknowledges used buffers
   *     without an exit, or null
   */
  public VirtioMmioTransport(
      VirtioDevice device, GuestMemory memory, IrqTrigger interrupt, RegisterPage page) {
    this.device = device;
    this.memory = memory;
    quiesce = new QuiesceWait(device, lock);
    interrupts = new InterruptRegisters(interrupt, page);
    registers = new TransportRegisters(device, interrupts);
    queues = registers.queues();
    this.page = RegisterPageView.of(page, registers, device);
    persistence = new TransportPersistence(device, memory, registers, interrupts);
    notifier = new TransportNotifier(lock, registers, interrupts, this.page);
    lock.lock();
    try {
      device.attach(notifier, lock);
      this.page.showAll();
    } finally {
      lock.unlock();
    }
  }

  /** {@return the device lock} */
  public ReentrantLock lock() {
    return lock;
  }

  /** {@return the number of queues; each has its own notification for an event loop to watch} */
  public int queueCount() {
    return queues.count();
  }

  /** {@return the type of the device behind the registers, a number of section 5} */
  public int deviceId() {
    return device.deviceId();
  }

  /**
   * {@return the number of accesses and notifications by the driver that were out of order and
   * ignored}
   */
  public long ignoredAccesses() {
    lock.lock();
    try {
      return ignored;
    } finally {
      lock.unlock();
    }
  }

  /** {@return the counts of notifications, interrupts and ignored accesses so far} */
  public TransportStatistics statistics() {
    lock.lock();
    try {
      interrupts.take();
      return new TransportStatistics(
          notifications,
          wakeUps,
          spuriousWakeUps,
          interrupts.raised(),
          interrupts.repeated(),
          interrupts.acknowledgements(),
          ignored);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Handles a notification of a queue by a write of QueueNotify.
   *
   * @param index of the queue, as the driver wrote it; any value
   */
  public void queueNotified(int index) {
    queueNotified(index, 1);
  }

  /**
   * Handles notifications of a queue that arrived through its ioeventfd.
   *
   * @param index of the queue; any value
   * @param count the number of notifications
   * @return whether there was a buffer; false if the queue is not in use
   */
  public boolean queueNotified(int index, long count) {
    lock.lock();
    try {
      notifications += count;
      wakeUps++;
      if (!registers.isLive() || !queues.isReady(index)) {
        ignored++;
        return false;
      }
      boolean useful = queues.get(index).queue().hasPending();
      spuriousWakeUps += useful ? 0 : 1;
      device.notifyQueue(index);
      return useful;
    } catch (VirtqueueException e) {
      fail(e);
      return false;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Handles notifications of any queues that arrived through one ioeventfd for all of them: every
   * queue with a buffer is processed.
   *
   * @param count the number of notifications
   * @return whether there was a buffer; false if the device is not in use
   */
  public boolean queuesNotified(long count) {
    lock.lock();
    try {
      notifications += count;
      wakeUps++;
      if (!registers.isLive()) {
        ignored++;
        return false;
      }
      boolean useful = false;
      for (int i = 0; i < queues.count(); i++) {
        if (queues.isReady(i) && queues.get(i).queue().hasPending()) {
          useful = true;
          device.notifyQueue(i);
        }
      }
      spuriousWakeUps += useful ? 0 : 1;
      return useful;
    } catch (VirtqueueException e) {
      fail(e);
      return false;
    } finally {
      lock.unlock();
    }
  }

  /** Handles acknowledgements of used buffers that arrived through the register page's eventfd. */
  public void acknowledged() {
    lock.lock();
    try {
      interrupts.acknowledged();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public long read(long offset, int size) {
    lock.lock();
    try {
      interrupts.take();
      if (offset < 0 || offset >= LENGTH) {
        ignored++;
        return 0;
      }
      int at = (int) offset;
      if (at >= MmioRegister.CONFIG) {
        return device.readConfig(at - MmioRegister.CONFIG, size);
      }
      if (size == 4 && (at & 3) == 0) {
        return registers.read(at) & 0xffff_ffffL;
      }
      return readOdd(at, size);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void write(long offset, int size, long value) {
    lock.lock();
    try {
      if (offset >= MmioRegister.CONFIG && offset < LENGTH) {
        device.writeConfig((int) offset - MmioRegister.CONFIG, size, value);
        page.showConfig();
      } else if (offset < 0 || offset >= LENGTH || size != 4 || (offset & 3) != 0) {
        ignored++;
      } else {
        writeRegister((int) offset, (int) value);
        page.showRegisters();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Reads bytes as from memory, for a width or offset that no driver should use. */
  private long readOdd(int offset, int size) {
    ignored++;
    long value = 0;
    for (int i = 0; i < size; i++) {
      int at = offset + i;
      long octet =
          at >= MmioRegister.CONFIG
              ? device.readConfig(at - MmioRegister.CONFIG, 1)
              : registers.read(at & ~3) >>> (8 * (at & 3));
      value |= (octet & 0xff) << (8 * i);
    }
    return value;
  }

  private void writeRegister(int offset, int value) {
    if (quiesce.isWaiting()
        && offset != MmioRegister.QUEUE_NOTIFY
        && offset != MmioRegister.INTERRUPT_ACK) {
      ignored++;
      return;
    }
    switch (offset) {
      case MmioRegister.DEVICE_FEATURES_SEL -> registers.features().selectOffered(value);
      case MmioRegister.DRIVER_FEATURES_SEL -> registers.features().selectChosen(value);
      case MmioRegister.DRIVER_FEATURES -> writeDriverFeatures(value);
      case MmioRegister.QUEUE_SEL -> queues.select(value);
      case MmioRegister.QUEUE_READY -> writeQueueReady(value);
      case MmioRegister.QUEUE_NOTIFY -> queueNotified(value);
      case MmioRegister.INTERRUPT_ACK -> interrupts.acknowledge(value);
      case MmioRegister.STATUS -> writeStatus(value);
      case MmioRegister.SHM_SEL -> {} // there is no region to select
      default -> writeQueueRegister(offset, value);
    }
  }

  private void writeDriverFeatures(int value) {
    if (registers.has(DeviceStatus.FEATURES_OK) || !registers.features().choose(value)) {
      ignored++;
    }
  }

  private void writeQueueRegister(int offset, int value) {
    QueueRegisters queue = queues.selected();
    // Section 4.2.2.2: none of them may be written while QueueReady is not zero.
    if (queue == null || queue.ready() || registers.isActive() || !queue.write(offset, value)) {
      ignored++;
    }
  }

  private void writeQueueReady(int value) {
    QueueRegisters queue = queues.selected();
    if (queue == null) {
      ignored++;
    } else if ((value & 1) == 0) {
      queue.stop();
      if (registers.isActive() && queue.ready()) {
        device.stopQueue(queues.selector());
      }
      if (quiesce.await()) {
        queue.disable();
      }
    } else if (queue.ready() || !registers.canEnableQueues()) {
      ignored++;
    } else {
      try {
        queue.enable(memory, registers.features().negotiated());
      } catch (VirtqueueException e) {
        fail(e);
      }
    }
  }

  private void writeStatus(int value) {
    if (value == 0) {
      reset();
      return;
    }
    if (!registers.writeStatus(value)) {
      ignored++;
    } else if (registers.canActivate()) {
      activate();
    }
  }

  private void activate() {
    registers.setActive(true);
    if (registers.takePendingConfigChange()) {
      interrupts.raise(MmioRegister.INTERRUPT_CONFIG_CHANGED);
    }
    device.activate(virtioQueues());
  }

  private VirtioQueues virtioQueues() {
    return new VirtioQueues(
        registers.features().negotiated(), queues.ready(), notifier, lock, this::fail);
  }

  /**
   * Saves registers, queues and device in two sections. No vCPU runs, and the event loop does
   * nothing else meanwhile.
   *
   * @param writer takes the sections
   * @param name the prefix of the sections' names
   */
  public void save(StateWriter writer, String name) {
    lock.lock();
    try {
      persistence.save(writer, name);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Saves as {@link #save} does, but while the guest runs, and only if the device need not wait for
   * requests: the device lock is held, and a slow disk would keep the event loop and the vCPUs from
   * it.
   *
   * @param writer takes the sections
   * @param name the prefix of the sections' names
   * @return whether the device was saved
   */
  public boolean saveAtOnce(StateWriter writer, String name) {
    lock.lock();
    try {
      boolean possible = device.savesAtOnce();
      if (possible) {
        persistence.save(writer, name);
      }
      return possible;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Restores the state that {@link #save} wrote, on a copy of the guest's memory; call {@link
   * #resume} once the event loop runs.
   *
   * @param reader has the sections; they are taken
   * @param name the prefix of the sections' names
   * @throws StateException if it is not the state of a device of this type
   */
  public void restore(StateReader reader, String name) throws StateException {
    TransportPersistence.Saved saved = persistence.read(reader, name);
    lock.lock();
    try {
      persistence.restore(saved);
      device.restore(saved.device(), registers.isActive() ? virtioQueues() : null);
      page.showAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Stops all queues without notifying the driver, because another device takes them over. No vCPU
   * runs, and the event loop does nothing else meanwhile.
   */
  public void release() {
    lock.lock();
    try {
      queues.stop();
      registers.setActive(false);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Processes every queue after a restore, as if the driver had notified each: a notification may
   * have been in flight when the state was saved.
   */
  public void resume() {
    lock.lock();
    try {
      for (int i = 0; i < queues.count(); i++) {
        if (registers.isActive() && queues.isReady(i)) {
          queueNotified(i, 0);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Resets the device as at power-on: as a driver does that writes zero to Status, and the
   * registers that a driver's reset keeps.
   *
   * @return false if {@link #giveUp} was called before the device's own threads had ended their
   *     work, which may still write to guest memory
   */
  public boolean powerOnReset() {
    lock.lock();
    try {
      write(MmioRegister.STATUS, Integer.BYTES, 0);
      registers.powerOn();
      page.showAll();
      return !quiesce.isWaiting();
    } finally {
      lock.unlock();
    }
  }

  /** Ends every wait for the device's own threads, now and later, because the machine ends. */
  public void giveUp() {
    device.giveUp();
  }

  private void reset() {
    // The rings are stopped before the device resets and the chains emptied after it, because a
    // thread of the device may use a chain until the device's reset has waited for it.
    queues.stop();
    if (registers.isActive()) {
      registers.setActive(false);
      device.reset();
    }
    if (quiesce.await()) {
      registers.reset();
    }
  }

  /** Sets DEVICE_NEEDS_RESET; also called by a device that detects a broken ring. */
  private void fail(VirtqueueException cause) {
    lock.lock();
    try {
      if (!registers.needsReset() && failures.add()) {
        LOG.warn(
            "virtio device {} needs a reset (occurrence {}): {}",
            device.deviceId(),
            failures.count(),
            cause.getMessage());
      }
      registers.setNeedsReset();
      queues.stop();
      page.showRegisters();
      if (registers.has(DeviceStatus.DRIVER_OK)) {
        // Section 2.1.2: a configuration change notification MUST follow.
        interrupts.raise(MmioRegister.INTERRUPT_CONFIG_CHANGED);
      }
    } finally {
      lock.unlock();
    }
  }
}
