package org.microvm.devices.virtio;

import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.devices.Interrupt;
import org.microvm.devices.bus.BusDevice;
import org.microvm.devices.state.Need;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
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

  /** The suffixes of the names of the two sections in a saved state. */
  private static final String DEVICE_SECTION = ".device";

  private static final String REGISTER_SECTION = ".transport";

  /** The version of the register layout; 1 is the legacy layout. */
  private static final int LAYOUT_VERSION = 2;

  /** "JAVA"; drivers ignore it (section 4.2.2). */
  private static final int VENDOR = 0x4156414a;

  private final VirtioDevice device;
  private final GuestMemory memory;
  private final InterruptRegisters interrupts;

  /** Null if every access is an exit. */
  private final RegisterPage page;

  private final ReentrantLock lock = new ReentrantLock();
  private final VirtioInterrupt notifier = new Notifier();
  private final long offeredFeatures;
  private final QueueRegisters[] queues;

  private final int[] driverFeatures = new int[TransportState.FEATURE_WORDS];
  private int status;
  private int configGeneration;
  private int deviceFeaturesSel;
  private int driverFeaturesSel;
  private int queueSel;

  /** Whether the device has been activated: from DRIVER_OK to the reset. */
  private boolean active;

  /** Whether the configuration changed before the driver could be notified. */
  private boolean configChangePending;

  private final GuestFaults failures = new GuestFaults();
  private long ignored;
  private long notifications;
  private long wakeUps;
  private long spuriousWakeUps;

  /**
   * @param device the device behind the registers
   * @param memory guest memory, which holds the driver's rings and buffers
   * @param interrupt raised for each event
   */
  public VirtioMmioTransport(VirtioDevice device, GuestMemory memory, Interrupt interrupt) {
    this(device, memory, interrupt, null);
  }

  /**
   * @param page the page through which the guest reads the registers and acknowledges used buffers
   *     without an exit, or null
   */
  public VirtioMmioTransport(
      VirtioDevice device, GuestMemory memory, Interrupt interrupt, RegisterPage page) {
    this.device = device;
    this.memory = memory;
    this.page = page;
    interrupts = new InterruptRegisters(interrupt, page);
    offeredFeatures = device.features() | VirtioFeatures.TRANSPORT;
    queues = new QueueRegisters[device.queueCount()];
    for (int i = 0; i < queues.length; i++) {
      queues[i] = new QueueRegisters(i, device.queueSizeMax(i));
    }
    lock.lock();
    try {
      device.attach(notifier, lock);
      showAll();
    } finally {
      lock.unlock();
    }
  }

  /** The device lock. */
  public ReentrantLock lock() {
    return lock;
  }

  /** The number of queues; each has its own notification for an event loop to watch. */
  public int queueCount() {
    return queues.length;
  }

  /** The type of the device behind the registers. */
  public int deviceId() {
    return device.deviceId();
  }

  /** The number of accesses and notifications by the driver that were out of order and ignored. */
  public long ignoredAccesses() {
    lock.lock();
    try {
      return ignored;
    } finally {
      lock.unlock();
    }
  }

  /** The counts of notifications, interrupts and ignored accesses so far. */
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

  /** Handles a notification of a queue by a write of QueueNotify. */
  public void queueNotified(int index) {
    queueNotified(index, 1);
  }

  /**
   * Handles notifications of a queue that arrived through its ioeventfd.
   *
   * @param count the number of notifications
   * @return whether there was a buffer
   */
  public boolean queueNotified(int index, long count) {
    lock.lock();
    try {
      notifications += count;
      wakeUps++;
      if (!active || needsReset() || index < 0 || index >= queues.length) {
        ignored++;
        return false;
      }
      if (!queues[index].ready()) {
        ignored++;
        return false;
      }
      boolean useful = queues[index].queue().hasPending();
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
        return register(at) & 0xffff_ffffL;
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
        showConfig();
      } else if (offset < 0 || offset >= LENGTH || size != 4 || (offset & 3) != 0) {
        ignored++;
      } else {
        writeRegister((int) offset, (int) value);
        showRegisters();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns the value that a register reads as; the only place that defines it. Write-only and
   * unknown registers read as zero.
   */
  private int register(int offset) {
    return switch (offset) {
      case MmioRegister.MAGIC_VALUE -> MmioRegister.MAGIC;
      case MmioRegister.VERSION -> LAYOUT_VERSION;
      case MmioRegister.DEVICE_ID -> device.deviceId();
      case MmioRegister.VENDOR_ID -> VENDOR;
      case MmioRegister.DEVICE_FEATURES -> offeredFeatures(deviceFeaturesSel);
      case MmioRegister.QUEUE_SIZE_MAX -> selected() == null ? 0 : selected().sizeMax();
      case MmioRegister.QUEUE_READY -> selected() != null && selected().ready() ? 1 : 0;
      case MmioRegister.INTERRUPT_STATUS -> interrupts.status();
      case MmioRegister.STATUS -> status;
      case MmioRegister.CONFIG_GENERATION -> configGeneration;
      // There are no shared memory regions, so length and base of any region read as all ones.
      case MmioRegister.SHM_LEN_LOW,
          MmioRegister.SHM_LEN_HIGH,
          MmioRegister.SHM_BASE_LOW,
          MmioRegister.SHM_BASE_HIGH ->
          -1;
      default -> 0;
    };
  }

  /**
   * Reads with a width or offset that no driver should use; returns the bytes that memory would
   * give.
   */
  private long readOdd(int offset, int size) {
    ignored++;
    long value = 0;
    for (int i = 0; i < size; i++) {
      int at = offset + i;
      long octet =
          at >= MmioRegister.CONFIG
              ? device.readConfig(at - MmioRegister.CONFIG, 1)
              : register(at & ~3) >>> (8 * (at & 3));
      value |= (octet & 0xff) << (8 * i);
    }
    return value;
  }

  private void writeRegister(int offset, int value) {
    switch (offset) {
      case MmioRegister.DEVICE_FEATURES_SEL -> deviceFeaturesSel = value;
      case MmioRegister.DRIVER_FEATURES_SEL -> driverFeaturesSel = value;
      case MmioRegister.DRIVER_FEATURES -> writeDriverFeatures(value);
      case MmioRegister.QUEUE_SEL -> queueSel = value;
      case MmioRegister.QUEUE_READY -> writeQueueReady(value);
      case MmioRegister.QUEUE_NOTIFY -> queueNotified(value);
      case MmioRegister.INTERRUPT_ACK -> interrupts.acknowledge(value);
      case MmioRegister.STATUS -> writeStatus(value);
      case MmioRegister.SHM_SEL -> {} // there is no region to select
      default -> writeQueueRegister(offset, value);
    }
  }

  private void writeDriverFeatures(int value) {
    boolean known = driverFeaturesSel >= 0 && driverFeaturesSel < driverFeatures.length;
    if (!known || has(DeviceStatus.FEATURES_OK)) {
      ignored++;
      return;
    }
    driverFeatures[driverFeaturesSel] = value;
  }

  private void writeQueueRegister(int offset, int value) {
    QueueRegisters queue = selected();
    // Section 4.2.2.2: none of them may be written while QueueReady is not zero.
    if (queue == null || queue.ready() || active || !queue.write(offset, value)) {
      ignored++;
    }
  }

  private void writeQueueReady(int value) {
    QueueRegisters queue = selected();
    if (queue == null) {
      ignored++;
    } else if ((value & 1) == 0) {
      queue.stop();
      if (active && queue.ready()) {
        device.stopQueue(queueSel);
      }
      queue.disable();
    } else if (active || queue.ready() || !has(DeviceStatus.FEATURES_OK)) {
      ignored++;
    } else {
      try {
        queue.enable(memory, negotiated());
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
    int own = status & DeviceStatus.DEVICE_NEEDS_RESET;
    int wanted = value & DeviceStatus.OF_DRIVER;
    if ((status & ~own & ~wanted) != 0) {
      // Section 2.1.1: a driver MUST NOT clear a bit.
      ignored++;
      return;
    }
    if ((wanted & DeviceStatus.FEATURES_OK) != 0 && !featuresAcceptable()) {
      wanted &= ~DeviceStatus.FEATURES_OK;
    }
    if ((wanted & DeviceStatus.DRIVER_OK) != 0 && (wanted & DeviceStatus.FEATURES_OK) == 0) {
      wanted &= ~DeviceStatus.DRIVER_OK;
      ignored++;
    }
    status = wanted | own;
    if (has(DeviceStatus.DRIVER_OK) && !active && !needsReset()) {
      activate();
    }
  }

  private void activate() {
    active = true;
    if (configChangePending) {
      configChangePending = false;
      interrupts.raise(MmioRegister.INTERRUPT_CONFIG_CHANGED);
    }
    device.activate(virtioQueues());
  }

  private VirtioQueues virtioQueues() {
    Virtqueue[] ready = new Virtqueue[queues.length];
    for (int i = 0; i < ready.length; i++) {
      ready[i] = queues[i].queue();
    }
    return new VirtioQueues(negotiated(), ready, notifier, lock, this::failed);
  }

  /**
   * Saves registers, queues and device in two sections. No vCPU runs, and the event loop does
   * nothing else meanwhile.
   *
   * @param name the prefix of the sections' names
   */
  public void save(StateWriter writer, String name) {
    lock.lock();
    try {
      // The device first, because requests that it completes now change the registers.
      device.save(writer.section(name + DEVICE_SECTION, device.stateVersion(), Need.REQUIRED));
      interrupts.take();
      new TransportState(
              device.deviceId(),
              driverFeatures.clone(),
              status,
              interrupts.status(),
              configGeneration,
              deviceFeaturesSel,
              driverFeaturesSel,
              queueSel,
              active,
              configChangePending,
              Arrays.stream(queues).map(QueueRegisters::state).toList())
          .write(writer.section(name + REGISTER_SECTION, TransportState.VERSION, Need.REQUIRED));
    } finally {
      lock.unlock();
    }
  }

  /**
   * Restores the state that {@link #save} wrote, on a copy of the guest's memory; call {@link
   * #resume} once the event loop runs.
   *
   * @throws StateException if it is not the state of a device of this type
   */
  public void restore(StateReader reader, String name) throws StateException {
    StateInput input = reader.take(name + REGISTER_SECTION, TransportState.VERSION);
    TransportState state = TransportState.read(input);
    StateInput deviceInput = reader.take(name + DEVICE_SECTION, device.stateVersion());
    lock.lock();
    try {
      if (state.deviceId() != device.deviceId() || state.queues().size() != queues.length) {
        throw input.damaged(
            "it belongs to virtio device %d with %d queues, this is device %d with %d"
                .formatted(
                    state.deviceId(), state.queues().size(), device.deviceId(), queues.length));
      }
      restoreRegisters(state);
      boolean featuresFit = featuresAcceptable() || !has(DeviceStatus.FEATURES_OK);
      if (!featuresFit || (active && !has(DeviceStatus.DRIVER_OK))) {
        throw input.damaged("the guest uses features that this device does not offer");
      }
      restoreQueues(state, input);
      device.restore(deviceInput, active ? virtioQueues() : null);
      showAll();
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
      stopQueues();
      active = false;
    } finally {
      lock.unlock();
    }
  }

  private void restoreRegisters(TransportState state) {
    System.arraycopy(state.driverFeatures(), 0, driverFeatures, 0, driverFeatures.length);
    status = state.status();
    interrupts.restore(state.interruptStatus());
    configGeneration = state.configGeneration();
    deviceFeaturesSel = state.deviceFeaturesSel();
    driverFeaturesSel = state.driverFeaturesSel();
    queueSel = state.queueSel();
    active = state.active();
    configChangePending = state.configChangePending();
  }

  private void restoreQueues(TransportState state, StateInput input) throws StateException {
    try {
      for (int i = 0; i < queues.length; i++) {
        queues[i].restore(state.queues().get(i), memory, negotiated());
      }
    } catch (VirtqueueException e) {
      throw input.damaged(e.getMessage());
    }
    if (needsReset()) {
      stopQueues();
    }
  }

  /**
   * Processes every queue after a restore, as if the driver had notified each: a notification may
   * have been in flight when the state was saved.
   */
  public void resume() {
    lock.lock();
    try {
      for (int i = 0; i < queues.length; i++) {
        if (active && queues[i].ready()) {
          queueNotified(i, 0);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void reset() {
    // The rings are stopped before the device resets and the chains emptied after it, because a
    // thread of the device may use a chain until the device's reset has waited for it.
    stopQueues();
    if (active) {
      active = false;
      device.reset();
    }
    for (QueueRegisters queue : queues) {
      queue.reset();
    }
    Arrays.fill(driverFeatures, 0);
    status = 0;
    interrupts.reset();
    deviceFeaturesSel = 0;
    driverFeaturesSel = 0;
    queueSel = 0;
    configChangePending = false;
  }

  private void failed(VirtqueueException cause) {
    lock.lock();
    try {
      fail(cause);
    } finally {
      lock.unlock();
    }
  }

  private void fail(VirtqueueException cause) {
    if (!needsReset() && failures.add()) {
      LOG.warn(
          "virtio device {} needs a reset (occurrence {}): {}",
          device.deviceId(),
          failures.count(),
          cause.getMessage());
    }
    status |= DeviceStatus.DEVICE_NEEDS_RESET;
    stopQueues();
    showRegisters();
    if (has(DeviceStatus.DRIVER_OK)) {
      // Section 2.1.2: a configuration change notification MUST follow.
      interrupts.raise(MmioRegister.INTERRUPT_CONFIG_CHANGED);
    }
  }

  private void stopQueues() {
    for (QueueRegisters queue : queues) {
      queue.stop();
    }
  }

  private void showAll() {
    if (page == null) {
      return;
    }
    for (int offset = 0; offset < MmioRegister.CONFIG; offset += Integer.BYTES) {
      page.put(offset, register(offset));
    }
    showConfig();
  }

  /** Updates the registers in the page that may have changed. */
  private void showRegisters() {
    if (page == null) {
      return;
    }
    page.put(MmioRegister.DEVICE_FEATURES, register(MmioRegister.DEVICE_FEATURES));
    page.put(MmioRegister.QUEUE_SIZE_MAX, register(MmioRegister.QUEUE_SIZE_MAX));
    page.put(MmioRegister.QUEUE_READY, register(MmioRegister.QUEUE_READY));
    page.put(MmioRegister.STATUS, status);
  }

  private void showConfig() {
    if (page == null) {
      return;
    }
    for (int at = 0; at < RegisterPage.CONFIG_BYTES; at += Integer.BYTES) {
      page.put(MmioRegister.CONFIG + at, (int) device.readConfig(at, Integer.BYTES));
    }
    page.put(MmioRegister.CONFIG_GENERATION, configGeneration);
  }

  private boolean featuresAcceptable() {
    long chosen = negotiated();
    return (chosen & ~offeredFeatures) == 0
        && (chosen & VirtioFeatures.VERSION_1) != 0
        && driverFeatures[2] == 0
        && driverFeatures[3] == 0;
  }

  private long negotiated() {
    return (driverFeatures[0] & 0xffff_ffffL) | ((long) driverFeatures[1] << 32);
  }

  private int offeredFeatures(int word) {
    return switch (word) {
      case 0 -> (int) offeredFeatures;
      case 1 -> (int) (offeredFeatures >>> 32);
      default -> 0;
    };
  }

  private QueueRegisters selected() {
    return queueSel >= 0 && queueSel < queues.length ? queues[queueSel] : null;
  }

  private boolean has(int bit) {
    return (status & bit) != 0;
  }

  private boolean needsReset() {
    return has(DeviceStatus.DEVICE_NEEDS_RESET);
  }

  private final class Notifier implements VirtioInterrupt {
    @Override
    public void usedBuffers() {
      lock.lock();
      try {
        if (active) {
          interrupts.raise(MmioRegister.INTERRUPT_USED_BUFFERS);
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void configChanged() {
      lock.lock();
      try {
        configGeneration++;
        showConfig();
        if (active) {
          interrupts.raise(MmioRegister.INTERRUPT_CONFIG_CHANGED);
        } else {
          configChangePending = true;
        }
      } finally {
        lock.unlock();
      }
    }
  }
}
