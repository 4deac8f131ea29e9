package org.microvm.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;
import static org.microvm.devices.virtio.QueueFixture.ANYWHERE;
import static org.microvm.devices.virtio.QueueFixture.EVENT_IDX;
import static org.microvm.devices.virtio.QueueFixture.INDIRECT;
import static org.microvm.devices.virtio.QueueFixture.PLAIN;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.UsedBuffer;
import org.microvm.devices.testing.VirtqueueDriver;

/**
 * Tests the requirements of section 2.7 of the specification for the device, statement by
 * statement.
 */
class SplitRingConformanceTest {

  @Nested
  @DisplayName("2.7 Split Virtqueues: sizes and alignment")
  class Layout {
    private final TestRam ram = TestRam.of(1 << 20);
    private final QueueConfig good = new VirtqueueDriver(ram, 0, 8, PLAIN).config();

    @Test
    void queue_size32768_isAccepted() throws Exception {
      TestRam large = TestRam.of(4 << 20);
      QueueConfig config = new VirtqueueDriver(large, 0, 32768, PLAIN).config();

      assertEquals(32768, new Virtqueue(large.memory(), config, PLAIN).size());
    }

    @Test
    void queue_sizeOne_isAccepted() throws Exception {
      QueueConfig config = new VirtqueueDriver(ram, 0, 1, PLAIN).config();

      assertEquals(1, new Virtqueue(ram.memory(), config, PLAIN).size());
    }

    @Test
    void queue_sizeZero_isRefused() {
      assertRefused(with(0, good.descriptorArea(), good.driverArea(), good.deviceArea()));
    }

    @Test
    void queue_sizeNoPowerOfTwo_isRefused() {
      assertRefused(with(6, good.descriptorArea(), good.driverArea(), good.deviceArea()));
    }

    @Test
    void queue_size65536_isRefused() {
      assertRefused(with(65536, good.descriptorArea(), good.driverArea(), good.deviceArea()));
    }

    @Test
    void queue_sizeNegative_isRefused() {
      assertRefused(
          with(Integer.MIN_VALUE, good.descriptorArea(), good.driverArea(), good.deviceArea()));
    }

    @Test
    void queue_descriptorTableOffBy8_isRefused() {
      assertRefused(with(8, good.descriptorArea() + 8, good.driverArea(), good.deviceArea()));
    }

    @Test
    void queue_availableRingOffByOne_isRefused() {
      assertRefused(with(8, good.descriptorArea(), good.driverArea() + 1, good.deviceArea()));
    }

    @Test
    void queue_usedRingOffByTwo_isRefused() {
      assertRefused(with(8, good.descriptorArea(), good.driverArea(), good.deviceArea() + 2));
    }

    @Test
    void queue_availableRingAlignedToTwoOnly_isAccepted() throws Exception {
      long address = ram.allocate(64, 16) + 2;
      QueueConfig config = with(8, good.descriptorArea(), address, good.deviceArea());

      assertTrue(new Virtqueue(ram.memory(), config, PLAIN).isEmpty());
    }

    @Test
    void queue_partBehindRam_isRefused() {
      assertRefused(with(8, 1 << 20, good.driverArea(), good.deviceArea()));
    }

    @Test
    void queue_partEndsBehindRam_isRefused() {
      // The used ring takes 6 + 8 * 8 = 70 bytes; 68 are left.
      assertRefused(with(8, good.descriptorArea(), good.driverArea(), (1 << 20) - 68));
    }

    @Test
    void queue_addressWrapsAround_isRefused() {
      assertRefused(with(8, -16L, good.driverArea(), good.deviceArea()));
    }

    private QueueConfig with(int size, long descriptors, long driver, long device) {
      return new QueueConfig(0, size, descriptors, driver, device);
    }

    private void assertRefused(QueueConfig config) {
      assertThrows(VirtqueueException.class, () -> new Virtqueue(ram.memory(), config, EVENT_IDX));
    }
  }

  @Nested
  @DisplayName("2.7.4.1 Device Requirements: Message Framing")
  class MessageFraming {
    private final QueueFixture it = new QueueFixture(INDIRECT);
    private final long message = it.ram.store(new byte[] {1, 2, 3, 4, 5, 6});

    @Test
    void device_messageInSingleBytes_isTheSameMessage() throws Exception {
      it.driver.add(
          readable(message, 1),
          readable(message + 1, 1),
          readable(message + 2, 1),
          readable(message + 3, 1),
          readable(message + 4, 2));

      assertArrayEquals(new byte[] {1, 2, 3, 4, 5, 6}, QueueFixture.readable(it.queue.pop()));
    }

    @Test
    void device_roomInSingleBytes_isFilledAcrossThem() throws Exception {
      long room = it.ram.allocate(4, 1);
      it.driver.add(writable(room + 2, 1), writable(room, 1), writable(room + 3, 1));

      int copied = it.queue.pop().copyWritable(0, new byte[] {7, 8, 9}, 0, 3);

      assertEquals(3, copied);
      assertArrayEquals(new byte[] {8, 0, 7, 9}, it.ram.load(room, 4));
    }

    @Test
    void device_chainAsLongAsTheQueue_isTaken() throws Exception {
      Buffer[] pieces = new Buffer[QueueFixture.SIZE];
      java.util.Arrays.fill(pieces, readable(message, 6));
      it.driver.add(pieces);

      assertEquals(6 * QueueFixture.SIZE, it.queue.pop().readableBytes());
    }

    @Test
    void device_indirectChainLongerThanTheQueue_isTakenUpToTheLimit() throws Exception {
      Buffer[] pieces = new Buffer[Virtqueue.MAX_CHAIN_LENGTH];
      java.util.Arrays.fill(pieces, readable(message, 1));
      it.driver.addIndirect(pieces);

      assertEquals(Virtqueue.MAX_CHAIN_LENGTH, it.queue.pop().readableBytes());
    }

    @Test
    void device_zeroLengthPieces_addNothing() throws Exception {
      it.driver.add(readable(message, 2), readable(-1, 0), writable(-1, 0), writable(message, 1));

      DescriptorChain chain = it.queue.pop();

      assertEquals(2, chain.readableBytes());
      assertEquals(1, chain.writableBytes());
    }
  }

  @Nested
  @DisplayName("2.7.5.1 Device Requirements: The Virtqueue Descriptor Table")
  class DescriptorTable {
    private final QueueFixture it = new QueueFixture(PLAIN);
    private final long in = it.ram.store(new byte[] {1, 2});
    private final long out = it.ram.store(new byte[] {3, 4});

    @Test
    void device_writesIntoChain_leavesReadableBuffersAlone() throws Exception {
      it.driver.add(readable(in, 2), writable(out, 2));

      int copied = it.queue.pop().copyWritable(0, new byte[] {9, 9, 9, 9}, 0, 4);

      assertEquals(2, copied);
      assertArrayEquals(new byte[] {1, 2}, it.ram.load(in, 2));
    }

    @Test
    void device_readsFromChain_stopsBeforeWritableBuffers() throws Exception {
      it.driver.add(readable(in, 2), writable(out, 2));
      byte[] target = new byte[4];

      int copied = it.queue.pop().copyReadable(0, target, 0, 4);

      assertEquals(2, copied);
      assertArrayEquals(new byte[] {1, 2, 0, 0}, target);
    }

    @Test
    void device_usesChain_leavesTheDescriptorTableAlone() throws Exception {
      it.driver.add(readable(in, 2), writable(out, 2));
      byte[] before = it.driver.descriptorTable();

      it.useOne(2);

      assertArrayEquals(before, it.driver.descriptorTable());
    }
  }

  @Nested
  @DisplayName("2.7.5.3.2 Device Requirements: Indirect Descriptors")
  class IndirectDescriptors {
    private final QueueFixture it = new QueueFixture(INDIRECT);
    private final long in = it.ram.store(new byte[] {1, 2, 3});
    private final long out = it.ram.allocate(2, 1);

    @Test
    void device_writeFlagOnTheTable_isIgnored() throws Exception {
      long table = it.ram.allocate(16, 16);
      it.driver.tableEntry(table, 0, readable(in, 3), 0, 0);
      it.driver.descriptor(0, table, 16, VirtqueueDriver.INDIRECT | VirtqueueDriver.WRITE, 0);
      it.driver.offer(0);

      assertArrayEquals(new byte[] {1, 2, 3}, QueueFixture.readable(it.queue.pop()));
    }

    @Test
    void device_directThenIndirect_isOneChain() throws Exception {
      it.driver.addMixed(
          new Buffer[] {readable(in, 1), readable(in + 1, 1)},
          new Buffer[] {readable(in + 2, 1), writable(out, 2)});

      DescriptorChain chain = it.queue.pop();

      assertArrayEquals(new byte[] {1, 2, 3}, QueueFixture.readable(chain));
      assertEquals(2, chain.writableBytes());
    }

    @Test
    void device_tableAlone_isUsedByItsHead() throws Exception {
      int head = it.driver.addIndirect(readable(in, 3), writable(out, 2));

      it.useOne(2);

      assertEquals(new UsedBuffer(head, 2), it.driver.poll());
    }

    @Test
    void device_tableOutOfOrder_followsNext() throws Exception {
      long table = it.ram.allocate(48, 16);
      it.driver.tableEntry(table, 0, readable(in, 1), VirtqueueDriver.NEXT, 2);
      it.driver.tableEntry(table, 1, readable(in + 2, 1), 0, 0);
      it.driver.tableEntry(table, 2, readable(in + 1, 1), VirtqueueDriver.NEXT, 1);
      it.driver.descriptor(0, table, 48, VirtqueueDriver.INDIRECT, 0);
      it.driver.offer(0);

      assertArrayEquals(new byte[] {1, 2, 3}, QueueFixture.readable(it.queue.pop()));
    }

    @Test
    void device_tableAtAnOddAddress_isRead() throws Exception {
      long table = it.ram.allocate(32, 16) + 1;
      it.driver.tableEntry(table, 0, readable(in, 3), 0, 0);
      it.driver.descriptor(0, table, 16, VirtqueueDriver.INDIRECT, 0);
      it.driver.offer(0);

      assertEquals(3, it.queue.pop().readableBytes());
    }
  }

  @Nested
  @DisplayName("2.7.6 The Virtqueue Available Ring")
  class AvailableRing {
    private final QueueFixture it = new QueueFixture(PLAIN);

    @Test
    void device_nothingOffered_popsNothing() throws Exception {
      assertNull(it.queue.pop());
      assertTrue(it.queue.isEmpty());
    }

    @Test
    void device_entryWithoutIndex_isNotSeen() throws Exception {
      it.driver.stage(readable(ANYWHERE, 1));

      assertNull(it.queue.pop());
    }

    @Test
    void device_severalBehindOneIndex_areSeenInOrder() throws Exception {
      int first = it.driver.stage(readable(ANYWHERE, 1));
      int second = it.driver.stage(readable(ANYWHERE, 2));
      it.driver.publish();

      assertEquals(first, it.queue.pop().head());
      assertEquals(second, it.queue.pop().head());
      assertNull(it.queue.pop());
    }

    @Test
    void device_indexWrapsAt65536_continues() throws Exception {
      it.advanceTo(65535);
      int last = it.driver.add(readable(ANYWHERE, 1));
      int first = it.driver.add(readable(ANYWHERE, 1));

      it.useOne(0);
      it.useOne(0);

      assertEquals(1, it.driver.usedIndex());
      assertEquals(new UsedBuffer(last, 0), it.driver.poll());
      assertEquals(new UsedBuffer(first, 0), it.driver.poll());
    }
  }

  @Nested
  @DisplayName("2.7.7.2 Device Requirements: Used Buffer Notification Suppression, no EVENT_IDX")
  class UsedNotificationByFlag {
    private final QueueFixture it = new QueueFixture(PLAIN);

    @Test
    void device_flagsZero_notifies() throws Exception {
      it.driver.add(readable(ANYWHERE, 1));

      assertTrue(it.useOne(0));
    }

    @Test
    void device_flagsOne_doesNotNotify() throws Exception {
      it.driver.availableFlags(1);
      it.driver.add(readable(ANYWHERE, 1));

      assertFalse(it.useOne(0));
    }

    @Test
    void device_usedEventSet_isIgnored() throws Exception {
      it.driver.usedEvent(100);
      it.driver.add(readable(ANYWHERE, 1));

      assertTrue(it.useOne(0));
    }

    @Test
    void device_otherFlagsSet_areIgnored() throws Exception {
      it.driver.availableFlags(0xfffe); // the driver MUST set 0 or 1
      it.driver.add(readable(ANYWHERE, 1));

      assertTrue(it.useOne(0));
    }

    @Test
    void device_nothingUsed_doesNotNotify() {
      assertFalse(it.queue.publish());
    }
  }

  @Nested
  @DisplayName("2.7.7.2 Device Requirements: Used Buffer Notification Suppression, EVENT_IDX")
  class UsedNotificationByEvent {
    private final QueueFixture it = new QueueFixture(EVENT_IDX);

    @Test
    void device_flagsOne_isIgnored() throws Exception {
      it.driver.availableFlags(1);
      it.driver.add(readable(ANYWHERE, 1));

      assertTrue(it.useOne(0));
    }

    @Test
    void device_indexEqualsUsedEvent_notifies() throws Exception {
      it.advanceTo(5);
      it.driver.usedEvent(5);
      it.driver.add(readable(ANYWHERE, 1));

      assertTrue(it.useOne(0));
    }

    @Test
    void device_indexBeforeUsedEvent_doesNotNotify() throws Exception {
      it.advanceTo(5);
      it.driver.usedEvent(6);
      it.driver.add(readable(ANYWHERE, 1));

      assertFalse(it.useOne(0));
    }

    @Test
    void device_indexPastUsedEvent_doesNotNotify() throws Exception {
      it.advanceTo(5);
      it.driver.usedEvent(4);
      it.driver.add(readable(ANYWHERE, 1));

      assertFalse(it.useOne(0));
    }

    @Test
    void device_batchContainsUsedEvent_notifies() throws Exception {
      it.driver.usedEvent(1);
      it.driver.add(readable(ANYWHERE, 1));
      it.driver.add(readable(ANYWHERE, 1));
      it.driver.add(readable(ANYWHERE, 1));
      it.queue.addUsed(it.queue.pop(), 0);
      it.queue.addUsed(it.queue.pop(), 0);
      it.queue.addUsed(it.queue.pop(), 0);

      assertTrue(it.queue.publish());
    }

    @Test
    void device_usedEvent65535_notifiesAtTheWrap() throws Exception {
      it.advanceTo(65535);
      it.driver.usedEvent(65535);
      it.driver.add(readable(ANYWHERE, 1));

      assertTrue(it.useOne(0));
      assertEquals(0, it.driver.usedIndex());
    }

    @Test
    void device_usedEventZeroBehindTheWrap_waitsForIndexZero() throws Exception {
      it.advanceTo(65535);
      it.driver.usedEvent(0);
      it.driver.add(readable(ANYWHERE, 1));
      boolean atLast = it.useOne(0);
      it.driver.add(readable(ANYWHERE, 1));

      assertFalse(atLast);
      assertTrue(it.useOne(0));
    }

    @Test
    void device_batchAcrossTheWrap_notifies() throws Exception {
      it.advanceTo(65535);
      it.driver.usedEvent(0);
      it.driver.add(readable(ANYWHERE, 1));
      it.driver.add(readable(ANYWHERE, 1));
      it.queue.addUsed(it.queue.pop(), 0);
      it.queue.addUsed(it.queue.pop(), 0);

      assertTrue(it.queue.publish());
    }
  }

  @Nested
  @DisplayName("2.7.8.2 Device Requirements: The Virtqueue Used Ring")
  class UsedRing {
    private final QueueFixture it = new QueueFixture(PLAIN);
    private final long room = it.ram.allocate(16, 1);

    @Test
    void device_addsUsed_showsItOnlyByTheIndex() throws Exception {
      it.driver.add(writable(room, 16));

      it.queue.addUsed(it.queue.pop(), 16);

      assertNull(it.driver.poll());
    }

    @Test
    void device_publishes_showsHeadAndLength() throws Exception {
      int head = it.driver.add(writable(room, 16));

      it.useOne(5);

      assertEquals(new UsedBuffer(head, 5), it.driver.poll());
    }

    @Test
    void device_completesInAnyOrder_eachByItsHead() throws Exception {
      final int first = it.driver.add(writable(room, 8));
      final int second = it.driver.add(writable(room + 8, 8));
      DescriptorChain one = it.queue.pop();
      DescriptorChain two = it.queue.pop();

      it.queue.addUsed(two, 2);
      it.queue.addUsed(one, 1);
      it.queue.publish();

      assertEquals(new UsedBuffer(second, 2), it.driver.poll());
      assertEquals(new UsedBuffer(first, 1), it.driver.poll());
    }

    @Test
    void device_claimsMoreThanTheRoom_isOurOwnBug() throws Exception {
      it.driver.add(writable(room, 16));
      DescriptorChain chain = it.queue.pop();

      assertThrows(IllegalArgumentException.class, () -> it.queue.addUsed(chain, 17));
    }

    @Test
    void device_usesAChainTwice_isOurOwnBug() throws Exception {
      it.driver.add(writable(room, 16));
      DescriptorChain chain = it.queue.pop();
      it.queue.addUsed(chain, 0);

      assertThrows(IllegalStateException.class, () -> it.queue.addUsed(chain, 0));
    }

    @Test
    void device_holdsAWholeQueueInFlight_keepsThemApart() throws Exception {
      QueueFixture two = new QueueFixture(PLAIN, it.ram, 2);
      two.driver.add(readable(it.ram.store((byte) 1), 1));
      two.driver.add(readable(it.ram.store((byte) 2), 1));

      DescriptorChain first = two.queue.pop();
      DescriptorChain second = two.queue.pop();

      assertEquals(2, two.queue.inFlight());
      assertArrayEquals(new byte[] {1}, QueueFixture.readable(first));
      assertArrayEquals(new byte[] {2}, QueueFixture.readable(second));
    }
  }

  @Nested
  @DisplayName(
      "2.7.10.2 Device Requirements: Available Buffer Notification Suppression, no EVENT_IDX")
  class AvailableNotificationByFlag {
    private final QueueFixture it = new QueueFixture(PLAIN);

    @Test
    void device_suppresses_setsFlagsToOne() {
      it.queue.suppressNotifications();

      assertEquals(1, it.driver.usedFlags());
    }

    @Test
    void device_enables_setsFlagsToZero() {
      it.queue.suppressNotifications();

      assertFalse(it.queue.enableNotifications());
      assertEquals(0, it.driver.usedFlags());
    }

    @Test
    void device_enablesWithABufferThere_continues() {
      it.queue.suppressNotifications();
      it.driver.add(readable(ANYWHERE, 1));

      assertTrue(it.queue.enableNotifications());
    }

    @Test
    void device_empty_leavesAvailEventAlone() throws Exception {
      it.advanceTo(3);

      assertTrue(it.queue.isEmpty());
      assertEquals(0, it.driver.availEvent());
    }
  }

  @Nested
  @DisplayName("2.7.10.2 Device Requirements: Available Buffer Notification Suppression, EVENT_IDX")
  class AvailableNotificationByEvent {
    private final QueueFixture it = new QueueFixture(EVENT_IDX);

    @Test
    void device_suppresses_leavesFlagsZero() throws Exception {
      it.queue.suppressNotifications();
      it.driver.add(readable(ANYWHERE, 1));
      it.useOne(0);

      assertEquals(0, it.driver.usedFlags());
    }

    @Test
    void device_suppressedAndBehind_isNotNotified() throws Exception {
      it.driver.add(readable(ANYWHERE, 1));
      it.queue.suppressNotifications();
      it.useOne(0);
      it.queue.pop();

      it.driver.add(readable(ANYWHERE, 1));

      assertFalse(it.driver.wantsNotification());
    }

    @Test
    void device_suppressed_isNotNotifiedWhenIndicesWrap() throws Exception {
      it.queue.suppressNotifications();
      it.advanceTo(1);
      for (int i = 0; i < 0x20000; i++) {
        it.driver.add(readable(ANYWHERE, 1));
        assertFalse(it.driver.wantsNotification(), "index %d".formatted(i & 0xffff));
        it.useOne(0);
        it.driver.next();
      }
    }

    @Test
    void device_popsNull_isNotifiedOfTheNext() throws Exception {
      it.advanceTo(3);
      assertNull(it.queue.pop());

      it.driver.add(readable(ANYWHERE, 1));

      assertTrue(it.driver.wantsNotification());
      assertEquals(3, it.driver.availEvent());
    }

    @Test
    void device_foundEmpty_isNotifiedOfTheNext() throws Exception {
      it.advanceTo(3);
      assertTrue(it.queue.isEmpty());

      it.driver.add(readable(ANYWHERE, 1));

      assertTrue(it.driver.wantsNotification());
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 0xc000})
    void device_enables_isNotifiedOfTheNext(int index) throws Exception {
      it.queue.suppressNotifications();
      it.advanceTo(index);
      assertFalse(it.queue.enableNotifications());

      it.driver.add(readable(ANYWHERE, 1));

      assertTrue(it.driver.wantsNotification());
    }

    @Test
    void device_enablesWithABufferThere_continues() {
      it.queue.suppressNotifications();
      it.driver.add(readable(ANYWHERE, 1));

      assertTrue(it.queue.enableNotifications());
    }

    @Test
    void device_popsNullAtTheWrap_isNotifiedOfIndexZero() throws Exception {
      it.advanceTo(65535);
      it.driver.add(readable(ANYWHERE, 1));
      it.useOne(0);
      assertNull(it.queue.pop());

      it.driver.add(readable(ANYWHERE, 1));

      assertTrue(it.driver.wantsNotification());
      assertEquals(0, it.driver.availEvent());
    }

    @Test
    void device_spuriousNotification_findsNothing() throws Exception {
      assertFalse(it.queue.enableNotifications());
      assertFalse(it.queue.enableNotifications());
      assertNull(it.queue.pop());
      it.driver.add(readable(ANYWHERE, 1));

      assertNotNull(it.queue.pop());
    }
  }
}
