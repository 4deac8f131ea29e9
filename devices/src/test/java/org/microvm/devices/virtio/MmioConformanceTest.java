package org.microvm.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.devices.testing.Buffer.readable;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.microvm.devices.testing.RecordingIrqTrigger;
import org.microvm.devices.testing.TestDriver;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.UsedBuffer;
import org.microvm.devices.testing.VirtqueueDriver;

/**
 * Tests the requirements of sections 2.1 to 2.5, 3.1 and 4.2 of the specification for a device on
 * MMIO.
 */
class MmioConformanceTest {
  private static final long V1 = VirtioFeatures.VERSION_1;
  private static final int FULL =
      DeviceStatus.ACKNOWLEDGE
          | DeviceStatus.DRIVER
          | DeviceStatus.FEATURES_OK
          | DeviceStatus.DRIVER_OK;

  private final FakeDevice device = new FakeDevice();
  private final RecordingIrqTrigger interrupt = new RecordingIrqTrigger();
  private final TestRam ram = TestRam.of(1 << 20);
  private final MappedAccess mapped = isMapped() ? new MappedAccess() : null;
  private final VirtioMmioTransport transport =
      new VirtioMmioTransport(
          device, ram.memory(), interrupt, isMapped() ? mapped.registerPage() : null);
  private final TestDriver driver =
      new TestDriver(isMapped() ? mapped.of(transport) : transport, ram);

  /** Whether the driver reads registers from memory. */
  boolean isMapped() {
    return false;
  }

  /** Sets FEATURES_OK and configures queue 0 as given by {@code config}. */
  private void configureOnly(QueueConfig config) {
    driver.negotiate(V1);
    driver.configure(config);
  }

  @Nested
  @DisplayName("4.2.2 MMIO Device Register Layout")
  class Registers {
    @Test
    void magicValue_isVirt() {
      assertEquals(0x74726976, driver.read(0x000));
    }

    @Test
    void version_isTwo() {
      assertEquals(2, driver.read(0x004));
    }

    @Test
    void deviceId_isTheDevices() {
      assertEquals(FakeDevice.ID, driver.read(0x008));
    }

    @Test
    void vendorId_isTheSameAtEachRead() {
      assertEquals(driver.read(0x00c), driver.read(0x00c));
      assertTrue(driver.read(0x00c) != 0);
    }

    @Test
    void deviceFeatures_selZero_areBits0To31() {
      driver.write(0x014, 0);

      assertEquals(FakeDevice.FEATURE | 1 << 28 | 1 << 29, driver.read(0x010));
    }

    @Test
    void deviceFeatures_selOne_areBits32To63() {
      driver.write(0x014, 1);

      assertEquals(1, driver.read(0x010));
    }

    @Test
    void deviceFeatures_selTwo_areZero() {
      driver.write(0x014, 2);

      assertEquals(0, driver.read(0x010));
    }

    @Test
    void deviceFeatures_selAllOnes_areZero() {
      driver.write(0x014, -1);

      assertEquals(0, driver.read(0x010));
    }

    @Test
    void deviceFeatures_doNotOfferWhatIsNotThere() {
      // NOTIFICATION_DATA, RING_RESET, IN_ORDER, RING_PACKED, ADMIN_VQ, SUSPEND, SR_IOV.
      long absent = 1L << 38 | 1L << 40 | 1L << 35 | 1L << 34 | 1L << 41 | 1L << 43 | 1L << 37;

      assertEquals(0, driver.offeredFeatures() & absent);
    }

    @Test
    void queueSizeMax_existingQueue_isTheDevices() {
      assertEquals(FakeDevice.QUEUE_SIZE, driver.queueSizeMax(1));
    }

    @Test
    void queueSizeMax_absentQueue_isZero() {
      assertEquals(0, driver.queueSizeMax(2));
      assertEquals(0, driver.queueSizeMax(-1));
    }

    @Test
    void queueReady_readsBackWhatWasWritten() {
      configureOnly(new VirtqueueDriver(ram, 0, 8, V1).config());
      int after = driver.queueReady(0);
      driver.write(MmioRegister.QUEUE_READY, 0);

      assertEquals(1, after);
      assertEquals(0, driver.queueReady(0));
    }

    @Test
    void queueReady_isOfTheSelectedQueue() {
      configureOnly(new VirtqueueDriver(ram, 1, 8, V1).config());

      assertEquals(0, driver.queueReady(0));
      assertEquals(1, driver.queueReady(1));
    }

    @Test
    void queueAddresses_areTakenFromBothHalves() {
      TestRam high = TestRam.withRegions(1 << 16, 4L << 30);
      var transport = new VirtioMmioTransport(device, high.memory(), interrupt);

      new TestDriver(transport, high).start();

      assertTrue(device.queues.queue(0).isLive());
    }

    @Test
    void sharedMemory_absentRegion_isAllOnes() {
      driver.write(MmioRegister.SHM_SEL, 0);

      assertEquals(-1, driver.read(MmioRegister.SHM_LEN_LOW));
      assertEquals(-1, driver.read(MmioRegister.SHM_LEN_HIGH));
      assertEquals(-1, driver.read(MmioRegister.SHM_BASE_LOW));
      assertEquals(-1, driver.read(MmioRegister.SHM_BASE_HIGH));
    }

    @Test
    void queueReset_notOffered_readsZeroAndDoesNothing() {
      driver.start();
      driver.write(MmioRegister.QUEUE_SEL, 0);
      driver.write(MmioRegister.QUEUE_RESET, 1);

      assertEquals(0, driver.read(MmioRegister.QUEUE_RESET));
      assertEquals(1, driver.queueReady(0));
    }
  }

  @Nested
  @DisplayName(
      "4.2.2.1 Device Requirements: InterruptStatus, 4.2.3.4 Notifications From The Device")
  class Interrupts {
    @Test
    void interruptStatus_nothingHappened_isZero() {
      driver.start();

      assertEquals(0, driver.read(MmioRegister.INTERRUPT_STATUS));
    }

    @Test
    void usedBuffers_setBitZeroAndRaise() {
      driver.start();

      device.queues.notifier().usedBuffers();

      assertEquals(1, driver.read(MmioRegister.INTERRUPT_STATUS));
      assertEquals(1, interrupt.count());
    }

    @Test
    void configChanged_setsBitOneAndRaises() {
      driver.start();

      device.queues.notifier().configChanged();

      assertEquals(2, driver.read(MmioRegister.INTERRUPT_STATUS));
      assertEquals(1, interrupt.count());
    }

    @Test
    void interruptStatus_read_keepsTheBits() {
      driver.start();
      device.queues.notifier().usedBuffers();
      driver.read(MmioRegister.INTERRUPT_STATUS);

      assertEquals(1, driver.read(MmioRegister.INTERRUPT_STATUS));
    }

    @Test
    void interruptAck_clearsExactlyTheBitsWritten() {
      driver.start();
      device.queues.notifier().usedBuffers();
      device.queues.notifier().configChanged();

      driver.write(MmioRegister.INTERRUPT_ACK, 1);

      assertEquals(2, driver.read(MmioRegister.INTERRUPT_STATUS));
    }

    @Test
    void interruptAck_bitsLeft_raisesAgain() {
      driver.start();
      device.queues.notifier().usedBuffers();
      device.queues.notifier().configChanged();

      driver.write(MmioRegister.INTERRUPT_ACK, 1);

      assertEquals(3, interrupt.count());
    }

    @Test
    void interruptAck_all_raisesNoMore() {
      driver.start();
      device.queues.notifier().usedBuffers();

      driver.write(MmioRegister.INTERRUPT_ACK, -1);

      assertEquals(0, driver.read(MmioRegister.INTERRUPT_STATUS));
      assertEquals(1, interrupt.count());
    }

    @Test
    void interruptAck_undefinedBits_areIgnored() {
      driver.start();
      device.queues.notifier().usedBuffers();

      driver.write(MmioRegister.INTERRUPT_ACK, ~3);

      assertEquals(1, driver.read(MmioRegister.INTERRUPT_STATUS));
    }

    @Test
    void interruptAck_ofWhatDidNotHappen_isIgnored() {
      driver.start();

      driver.write(MmioRegister.INTERRUPT_ACK, 3);

      assertEquals(0, driver.read(MmioRegister.INTERRUPT_STATUS));
      assertEquals(0, interrupt.count());
    }

    @Test
    void usedBuffers_bitAlreadySet_raisesAllTheSame() {
      driver.start();
      device.queues.notifier().usedBuffers();

      device.queues.notifier().usedBuffers();

      assertEquals(2, interrupt.count());
    }
  }

  @Nested
  @DisplayName("2.1.2 Device Requirements: Device Status Field")
  class Status {
    @Test
    void queues_notifiedBeforeDriverOk_areNotTouched() {
      driver.negotiate(V1);

      driver.notifyQueue(0);

      assertEquals(List.of(), device.events);
    }

    @Test
    void driverOk_activatesOnce() {
      driver.start();
      driver.addStatus(DeviceStatus.DRIVER_OK);

      assertEquals(List.of("activate"), device.events);
      assertEquals(FULL, driver.status());
    }

    @Test
    void driverOk_withoutFeaturesOk_isNotTaken() {
      driver.reset();

      driver.write(
          MmioRegister.STATUS,
          DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER | DeviceStatus.DRIVER_OK);

      assertEquals(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER, driver.status());
      assertEquals(List.of(), device.events);
    }

    @Test
    void status_driverClearsABit_isIgnored() {
      driver.start();

      driver.write(MmioRegister.STATUS, DeviceStatus.ACKNOWLEDGE);

      assertEquals(FULL, driver.status());
    }

    @Test
    void status_driverSetsNeedsResetOrUnknownBits_areNotTaken() {
      driver.start();

      driver.write(MmioRegister.STATUS, FULL | DeviceStatus.DEVICE_NEEDS_RESET | 0xff00 | 16);

      assertEquals(FULL, driver.status());
    }

    @Test
    void brokenQueue_setsNeedsResetAndSendsAConfigNotification() {
      device.consuming = true;
      driver.start();
      driver.queue(0).offer(999);

      driver.notifyQueue(0);

      assertEquals(FULL | DeviceStatus.DEVICE_NEEDS_RESET, driver.status());
      assertEquals(2, driver.acknowledge());
      assertEquals(1, interrupt.count());
    }

    @Test
    void brokenQueue_foundOutsideANotification_isReported() {
      driver.start();

      device.queues.fail(new VirtqueueException("test"));

      assertEquals(FULL | DeviceStatus.DEVICE_NEEDS_RESET, driver.status());
      assertEquals(2, driver.acknowledge());
    }

    @Test
    void brokenQueue_stopsTheOtherQueuesOfTheDevice() {
      driver.start();

      device.queues.fail(new VirtqueueException("test"));
      driver.send(1, readable(4096, 1));

      assertFalse(device.queues.queue(1).isLive());
      assertEquals(List.of("activate"), device.events);
    }

    @Test
    void brokenQueue_driverWritesStatus_keepsNeedsReset() {
      driver.start();
      device.queues.fail(new VirtqueueException("test"));

      driver.write(MmioRegister.STATUS, FULL | DeviceStatus.FAILED);

      assertEquals(FULL | DeviceStatus.FAILED | DeviceStatus.DEVICE_NEEDS_RESET, driver.status());
    }

    @Test
    void brokenQueue_afterReset_worksAgain() {
      device.consuming = true;
      driver.start();
      driver.queue(0).offer(999);
      driver.notifyQueue(0);

      driver.start();
      int head = driver.send(0, readable(4096, 1));

      assertEquals(new UsedBuffer(head, 0), driver.queue(0).poll());
      assertEquals(FULL, driver.status());
    }
  }

  @Nested
  @DisplayName("2.2.1 Device Requirements: Feature Bits")
  class Features {
    @Test
    void featuresOk_validSubset_isAccepted() {
      assertTrue(driver.negotiate(V1));
      assertTrue(driver.negotiate(V1 | FakeDevice.FEATURE));
    }

    @Test
    void featuresOk_withoutVersion1_isRefused() {
      assertFalse(driver.negotiate(FakeDevice.FEATURE));
    }

    @Test
    void featuresOk_bitNotOffered_isRefused() {
      assertFalse(driver.negotiate(V1 | 1L << 5));
    }

    @Test
    void featuresOk_bitAbove63_isRefused() {
      driver.negotiate(V1);
      driver.reset();
      driver.driverFeatures(V1);
      driver.write(MmioRegister.DRIVER_FEATURES_SEL, 2);
      driver.write(MmioRegister.DRIVER_FEATURES, 1);

      driver.write(MmioRegister.STATUS, FULL & ~DeviceStatus.DRIVER_OK);

      assertEquals(0, driver.status() & DeviceStatus.FEATURES_OK);
    }

    @Test
    void featuresOk_refused_canBeTriedAgain() {
      driver.negotiate(V1 | 1L << 5);
      driver.driverFeatures(V1);
      driver.addStatus(DeviceStatus.FEATURES_OK);

      assertEquals(DeviceStatus.FEATURES_OK, driver.status() & DeviceStatus.FEATURES_OK);
    }

    @Test
    void featuresOk_sameSetAfterReset_isAcceptedAgain() {
      driver.start(V1);

      assertTrue(driver.negotiate(V1));
    }

    @Test
    void driverFeatures_writtenAfterFeaturesOk_areIgnored() {
      driver.negotiate(V1);
      driver.driverFeatures(V1 | FakeDevice.FEATURE);
      driver.addStatus(DeviceStatus.DRIVER_OK);

      assertEquals(V1, device.queues.features());
      assertFalse(device.queues.has(FakeDevice.FEATURE));
    }

    @Test
    void driverFeatures_ofEarlierThanTheReset_areForgotten() {
      driver.start(V1 | FakeDevice.FEATURE);
      driver.reset();
      driver.addStatus(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER | DeviceStatus.FEATURES_OK);

      assertEquals(0, driver.status() & DeviceStatus.FEATURES_OK);
    }
  }

  @Nested
  @DisplayName("2.4.1 Device Requirements: Device Reset, 4.2.2.1")
  class Reset {
    @Test
    void reset_statusReadsZeroAndDeviceIsNotified() {
      driver.start();

      driver.write(MmioRegister.STATUS, 0);

      assertEquals(0, driver.status());
      assertEquals(List.of("activate", "reset"), device.events);
      assertFalse(device.liveAtTheEnd);
    }

    @Test
    void reset_ofAnInactiveDevice_doesNotNotifyIt() {
      driver.negotiate(V1);
      driver.reset();

      assertEquals(List.of(), device.events);
    }

    @Test
    void reset_clearsInterruptStatus() {
      driver.start();
      device.queues.notifier().usedBuffers();
      device.queues.notifier().configChanged();

      driver.reset();

      assertEquals(0, driver.read(MmioRegister.INTERRUPT_STATUS));
    }

    @Test
    void reset_clearsQueueReadyOfAllQueues() {
      driver.start();

      driver.reset();

      assertEquals(0, driver.queueReady(0));
      assertEquals(0, driver.queueReady(1));
    }

    @Test
    void reset_forgetsQueueAddresses() {
      driver.start();
      driver.negotiate(V1);
      driver.write(MmioRegister.QUEUE_SEL, 0);
      driver.write(MmioRegister.QUEUE_READY, 1);

      assertEquals(0, driver.queueReady(0));
    }

    @Test
    void reset_deviceKeepsAQueue_itIsDead() throws Exception {
      driver.start();
      VirtqueueDriver ring = driver.queue(0);
      ring.add(readable(4096, 1));

      driver.reset();

      assertNull(device.formerQueues.queue(0).pop());
      assertTrue(device.formerQueues.queue(0).isEmpty());
    }

    @Test
    void reset_deviceUsesAChainLate_ringStaysAsItIs() throws Exception {
      driver.start();
      VirtqueueDriver ring = driver.queue(0);
      ring.add(readable(4096, 1));
      DescriptorChain chain = device.queues.queue(0).pop();

      driver.reset();
      device.formerQueues.queue(0).addUsed(chain, 0);

      assertFalse(device.formerQueues.queue(0).publish());
      assertEquals(0, ring.usedIndex());
    }

    @Test
    void reset_deviceNotifiesLate_nothingIsSent() {
      driver.start();
      driver.reset();

      device.formerQueues.notifier().usedBuffers();
      device.formerQueues.notifier().configChanged();

      assertEquals(0, interrupt.count());
      assertEquals(0, driver.read(MmioRegister.INTERRUPT_STATUS));
    }

    @Test
    void reset_deviceKeepsAChain_itIsEmpty() throws Exception {
      driver.start();
      driver.queue(0).add(readable(4096, 1));
      DescriptorChain chain = device.queues.queue(0).pop();

      driver.reset();

      assertEquals(0, chain.readableBytes());
    }

    @Test
    void reset_forgetsSelections() {
      driver.start();
      driver.write(MmioRegister.QUEUE_SEL, 7);
      driver.write(MmioRegister.DEVICE_FEATURES_SEL, 1);

      driver.reset();

      assertEquals(FakeDevice.QUEUE_SIZE, driver.read(MmioRegister.QUEUE_SIZE_MAX));
      assertEquals(FakeDevice.FEATURE | 1 << 28 | 1 << 29, driver.read(0x010));
    }

    @Test
    void reset_thenStart_queuesAreNew() {
      device.consuming = true;
      driver.start();
      driver.send(0, readable(4096, 1));

      driver.start();
      int head = driver.send(0, readable(4096, 1));

      assertEquals(new UsedBuffer(head, 0), driver.queue(0).poll());
    }
  }

  @Nested
  @DisplayName("2.5.3 Device Requirements: Device Configuration Space, 4.2.2")
  class Configuration {
    @Test
    void config_beforeFeaturesOk_isReadable() {
      device.putConfig(0, 4, 0x04030201);

      assertEquals(0x04030201, driver.config(0, 4));
    }

    @Test
    void config_anyWidth_isLittleEndian() {
      device.putConfig(0, 8, 0x0807060504030201L);

      assertEquals(0x02, driver.config(1, 1));
      assertEquals(0x0403, driver.config(2, 2));
      assertEquals(0x08070605, driver.config(4, 4));
      assertEquals(0x0807060504030201L, driver.config(0, 8));
    }

    @Test
    void config_pastTheEnd_readsZero() {
      device.putConfig(8, 4, -1);

      assertEquals(0xffff, driver.config(10, 4));
      assertEquals(0, driver.config(12, 4));
      assertEquals(0, driver.config(0xeff, 1));
      assertEquals(0, driver.config(0xefd, 8));
    }

    @Test
    void config_write_reachesTheDevice() {
      driver.writeConfig(2, 1, 7);

      assertEquals(List.of("config 2:1=7"), device.events);
    }

    @Test
    void configGeneration_nothingChanged_isTheSame() {
      driver.start();
      int before = driver.read(MmioRegister.CONFIG_GENERATION);
      driver.config(0, 4);

      assertEquals(before, driver.read(MmioRegister.CONFIG_GENERATION));
    }

    @Test
    void configGeneration_configChanged_differs() {
      driver.start();
      int before = driver.read(MmioRegister.CONFIG_GENERATION);

      device.queues.notifier().configChanged();

      assertNotEquals(before, driver.read(MmioRegister.CONFIG_GENERATION));
    }

    @Test
    void configChanged_beforeReset_isForgotten() {
      driver.start();
      DriverNotifier kept = device.queues.notifier();
      driver.negotiate(V1);
      kept.configChanged();

      driver.start();

      assertEquals(0, driver.read(MmioRegister.INTERRUPT_STATUS));
    }

    @Test
    void configChanged_beforeDriverOk_isReportedAtDriverOk() {
      driver.start();
      DriverNotifier kept = device.queues.notifier();
      driver.negotiate(V1);

      kept.configChanged();
      int before = interrupt.count();
      driver.addStatus(DeviceStatus.DRIVER_OK);

      assertEquals(0, before);
      assertEquals(2, driver.acknowledge());
      assertEquals(1, interrupt.count());
    }
  }

  @Nested
  @DisplayName("4.2.3.2 Virtqueue Configuration, 4.2.2.1: queues while QueueReady is zero")
  class QueueConfiguration {
    private final VirtqueueDriver ring = new VirtqueueDriver(ram, 0, 8, V1);

    @Test
    void queue_notReadyAtDriverOk_isNullForTheDevice() {
      configureOnly(ring.config());
      driver.addStatus(DeviceStatus.DRIVER_OK);

      assertEquals(2, device.queues.count());
      assertEquals(8, device.queues.queue(0).size());
      assertNull(device.queues.queue(1));
    }

    @Test
    void queue_notReady_isNotNotified() {
      configureOnly(ring.config());
      driver.addStatus(DeviceStatus.DRIVER_OK);

      driver.notifyQueue(1);

      assertEquals(List.of("activate"), device.events);
    }

    @Test
    void queue_disabledWhileLive_isStoppedAndDeviceIsNotified() throws Exception {
      driver.start();
      driver.queue(1).add(readable(4096, 1));
      driver.write(MmioRegister.QUEUE_SEL, 1);

      DescriptorChain chain = device.queues.queue(1).pop();
      driver.write(MmioRegister.QUEUE_READY, 0);
      driver.notifyQueue(1);

      assertEquals(0, chain.readableBytes());
      assertNull(device.queues.queue(1).pop());
      assertEquals(List.of("activate", "stop 1"), device.events);
      assertFalse(device.liveAtTheEnd);
    }

    @Test
    void queue_sizeAboveTheMaximum_isRefused() {
      configureOnly(new VirtqueueDriver(ram, 0, 32, V1).config());

      assertEquals(0, driver.queueReady(0));
      assertTrue((driver.status() & DeviceStatus.DEVICE_NEEDS_RESET) != 0);
    }

    @Test
    void queue_sizeWithTheTopBit_isRefused() {
      configureOnly(withSize(ring.config(), 0x8000_0000));

      assertEquals(0, driver.queueReady(0));
    }

    @Test
    void queue_sizeZero_isRefused() {
      configureOnly(withSize(ring.config(), 0));

      assertEquals(0, driver.queueReady(0));
    }

    @Test
    void queue_outsideRam_isRefusedAndDeviceStaysInactive() {
      configureOnly(new QueueConfig(0, 8, 1L << 40, 1L << 41, 1L << 42));
      driver.addStatus(DeviceStatus.DRIVER_OK);

      assertEquals(0, driver.queueReady(0));
      assertEquals(List.of(), device.events);
      assertEquals(0, interrupt.count());
    }

    @Test
    void queueRegisters_whileReady_areIgnored() {
      configureOnly(ring.config());
      driver.write(MmioRegister.QUEUE_DESC_LOW, 0x7777);
      driver.write(MmioRegister.QUEUE_SIZE, 4);
      driver.addStatus(DeviceStatus.DRIVER_OK);

      assertEquals(8, device.queues.queue(0).size());
      assertEquals(2, transport.ignoredAccesses());
    }

    @Test
    void queueReady_afterDriverOk_isIgnored() {
      driver.negotiate(V1);
      driver.addStatus(DeviceStatus.DRIVER_OK);
      driver.configure(ring.config());

      assertEquals(0, driver.queueReady(0));
    }

    @Test
    void queueReady_beforeFeaturesOk_isIgnored() {
      driver.reset();
      driver.configure(ring.config());

      assertEquals(0, driver.queueReady(0));
    }

    private QueueConfig withSize(QueueConfig config, int size) {
      return new QueueConfig(
          0, size, config.descriptorArea(), config.driverArea(), config.deviceArea());
    }
  }

  @Nested
  @DisplayName("4.2.3.3 Available Buffer Notifications")
  class Notifications {
    @Test
    void queueNotify_register_reachesTheDevice() {
      driver.start();

      driver.notifyQueue(1);

      assertEquals(List.of("activate", "notify 1"), device.events);
    }

    @Test
    void queueNotify_ioeventfd_reachesTheDevice() {
      driver.start();

      transport.queueNotified(0);

      assertEquals(List.of("activate", "notify 0"), device.events);
    }

    @Test
    void queueNotify_indexOutOfRange_isIgnoredAndCounted() {
      driver.start();

      driver.notifyQueue(2);
      driver.notifyQueue(-1);
      driver.notifyQueue(0x1_0001);

      assertEquals(List.of("activate"), device.events);
      assertEquals(3, transport.ignoredAccesses());
    }

    @Test
    void queueNotify_afterReset_isIgnored() {
      driver.start();
      driver.reset();

      transport.queueNotified(0);

      assertEquals(List.of("activate", "reset"), device.events);
    }
  }

  @Nested
  @DisplayName("4.2.2.2 Driver Requirements, broken by the driver")
  class OddAccesses {
    @Test
    void read_narrow_givesTheBytesOfTheRegister() {
      assertEquals(0x74, transport.read(3, 1));
      assertEquals(0x7472, transport.read(2, 2));
    }

    @Test
    void read_wide_givesBothRegisters() {
      assertEquals(2L << 32 | 0x74726976, transport.read(0, 8));
    }

    @Test
    void read_acrossIntoConfig_givesBoth() {
      device.putConfig(0, 2, 0x2211);

      assertEquals(0x22110000L, transport.read(0xfe, 4));
    }

    @Test
    void read_writeOnlyRegister_isZero() {
      driver.write(MmioRegister.QUEUE_SEL, 1);

      assertEquals(0, driver.read(MmioRegister.QUEUE_SEL));
      assertEquals(0, driver.read(MmioRegister.QUEUE_NOTIFY));
    }

    @Test
    void read_unknownRegister_isZero() {
      assertEquals(0, driver.read(0x0f0));
    }

    @Test
    void read_outsideTheRange_isZero() {
      assertEquals(0, transport.read(0x1000, 4));
      assertEquals(0, transport.read(-4, 4));
      assertEquals(0, transport.read(1L << 32, 4));
    }

    @Test
    void write_readOnlyRegister_isIgnoredAndCounted() {
      driver.write(MmioRegister.MAGIC_VALUE, 0);
      driver.write(MmioRegister.INTERRUPT_STATUS, 3);
      driver.write(MmioRegister.CONFIG_GENERATION, 9);

      assertEquals(MmioRegister.MAGIC, driver.read(MmioRegister.MAGIC_VALUE));
      assertEquals(0, driver.read(MmioRegister.INTERRUPT_STATUS));
      assertEquals(3, transport.ignoredAccesses());
    }

    @Test
    void write_oddWidthOrOffset_isIgnoredAndCounted() {
      driver.start();

      transport.write(MmioRegister.STATUS, 1, 0);
      transport.write(MmioRegister.STATUS + 1, 4, 0);
      transport.write(MmioRegister.STATUS, 8, 0);
      transport.write(0x1000, 4, 0);
      transport.write(-4, 4, 0);

      assertEquals(FULL, driver.status());
      assertEquals(5, transport.ignoredAccesses());
    }

    @Test
    void write_queueRegistersOfAnAbsentQueue_areIgnored() {
      driver.negotiate(V1);

      assertDoesNotThrow(() -> driver.configure(new QueueConfig(7, 8, 0, 0, 0)));
      assertEquals(0, driver.queueReady(7));
    }
  }
}
