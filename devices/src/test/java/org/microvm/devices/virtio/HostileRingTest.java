package org.microvm.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;
import static org.microvm.devices.virtio.QueueFixture.ANYWHERE;
import static org.microvm.devices.virtio.QueueFixture.INDIRECT;
import static org.microvm.devices.virtio.QueueFixture.PLAIN;

import java.util.Arrays;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.VirtqueueDriver;

/** Invalid rings of a hostile driver: each stops the queue, and none affects anything else. */
@DisplayName("2.7.4.2, 2.7.5.2, 2.7.5.3.1, 2.7.6.1 Driver Requirements, broken by the driver")
class HostileRingTest {
  private static final long RAM = 1 << 20;

  private final QueueFixture it = new QueueFixture(INDIRECT);
  private final long data = it.ram.store(new byte[] {1, 2, 3, 4});

  @Test
  void chain_loopsToItself_isRefused() {
    it.driver.descriptor(0, data, 1, VirtqueueDriver.NEXT, 0);

    assertRefused("chain 0 leaves or loops");
  }

  @Test
  void chain_loopsThroughTheWholeTable_isRefused() {
    it.driver.descriptor(0, data, 1, VirtqueueDriver.NEXT, 1);
    it.driver.descriptor(1, data, 1, VirtqueueDriver.NEXT, 0);

    assertRefused("chain 0 leaves or loops");
  }

  @Test
  void chain_nextBehindTheTable_isRefused() {
    it.driver.descriptor(0, data, 1, VirtqueueDriver.NEXT, QueueFixture.SIZE);

    assertRefused("leaves or loops");
  }

  @Test
  void chain_next65535_isRefused() {
    it.driver.descriptor(0, data, 1, VirtqueueDriver.NEXT, 65535);

    assertRefused("leaves or loops");
  }

  @Test
  void head_behindTheTable_isRefused() {
    it.driver.offer(QueueFixture.SIZE);

    assertBroken("chain 8 leaves or loops");
  }

  @Test
  void head_65535_isRefused() {
    it.driver.offer(65535);

    assertBroken("chain 65535 leaves");
  }

  @Test
  void availableIndex_aheadByMoreThanTheSize_isRefused() {
    it.driver.availableIndex(QueueFixture.SIZE + 1);

    assertBroken("is 9 ahead");
  }

  @Test
  void availableIndex_goesBack_isRefused() throws Exception {
    it.advanceTo(3);
    it.driver.availableIndex(2);

    assertBroken("is 65535 ahead");
  }

  @Test
  void heads_offeredAgainWhileInFlight_areRefusedBeyondTheSize() throws Exception {
    QueueFixture two = new QueueFixture(PLAIN, TestRam.of(RAM), 2);
    two.driver.descriptor(0, ANYWHERE, 1, 0, 0);
    two.driver.offer(0);
    two.driver.offer(0);
    two.queue.pop();
    two.queue.pop();
    two.driver.offer(0);

    assertThrows(VirtqueueException.class, two.queue::pop);
  }

  @Test
  void heads_offeredAgainBeforeTheyArePublished_areRefusedBeyondTheSize() throws Exception {
    QueueFixture one = new QueueFixture(PLAIN, TestRam.of(RAM), 1);
    one.driver.descriptor(0, ANYWHERE, 1, 0, 0);
    one.driver.offer(0);
    one.queue.addUsed(one.queue.pop(), 0);
    one.driver.offer(0);

    assertThrows(VirtqueueException.class, one.queue::pop);
  }

  @Test
  void buffer_behindRam_isRefused() {
    it.driver.descriptor(0, RAM, 1, 0, 0);

    assertRefused("0x100000, length 1, is not in guest RAM");
  }

  @Test
  void buffer_endsBehindRam_isRefused() {
    it.driver.descriptor(0, RAM - 1, 2, 0, 0);

    assertRefused("is not in guest RAM");
  }

  @Test
  void buffer_addressWrapsAround_isRefused() {
    it.driver.descriptor(0, -1L, 2, 0, 0);

    assertRefused("is not in guest RAM");
  }

  @Test
  void buffer_largestLength_isRefused() {
    it.driver.descriptor(0, data, 0xffff_ffffL, VirtqueueDriver.WRITE, 0);

    assertRefused("is not in guest RAM");
  }

  @Test
  void buffer_acrossTheHole_isRefused() throws Exception {
    TestRam ram = TestRam.withRegions(1 << 16, 0, 1 << 20);
    QueueFixture holed = new QueueFixture(PLAIN, ram, 8);
    holed.driver.add(readable((1 << 16) - 1, 2));

    assertThrows(VirtqueueException.class, holed.queue::pop);
  }

  @Test
  void buffer_acrossAdjoiningRegions_isOneBuffer() throws Exception {
    TestRam ram = TestRam.withRegions(1 << 16, 0, 1 << 16);
    QueueFixture split = new QueueFixture(PLAIN, ram, 8);
    ram.put((1 << 16) - 1, (byte) 5);
    ram.put(1 << 16, (byte) 6);
    split.driver.add(readable((1 << 16) - 1, 2));

    assertArrayEquals(new byte[] {5, 6}, QueueFixture.readable(split.queue.pop()));
  }

  @Test
  void chain_longerThan4GiB_isRefused() {
    // Every descriptor is within RAM; only their sum is too long: 8192 * 1 MiB > 2^32.
    QueueFixture large = new QueueFixture(INDIRECT, TestRam.of(16 << 20), 8);
    Buffer[] pieces = new Buffer[Virtqueue.MAX_CHAIN_LENGTH];
    Arrays.fill(pieces, readable(0, 8 << 20));
    large.driver.addIndirect(pieces);

    var failure = assertThrows(VirtqueueException.class, large.queue::pop);

    assertEquals("chain 0 is longer than 2^32 bytes", failure.getMessage());
  }

  @Test
  void chain_readableBehindWritable_isRefused() {
    it.driver.descriptor(0, data, 1, VirtqueueDriver.WRITE | VirtqueueDriver.NEXT, 1);
    it.driver.descriptor(1, data, 1, 0, 0);

    assertRefused("device-readable descriptor after a writable one");
  }

  @Test
  void chain_moreDescriptorsThanTheLimit_isRefused() {
    Buffer[] pieces = new Buffer[Virtqueue.MAX_CHAIN_LENGTH + 1];
    Arrays.fill(pieces, readable(data, 1));
    it.driver.addIndirect(pieces);

    assertBroken("longer than 1024");
  }

  @Test
  void indirect_notNegotiated_isRefused() throws Exception {
    QueueFixture plain = new QueueFixture(PLAIN);
    plain.driver.addIndirect(readable(ANYWHERE, 1));

    assertThrows(VirtqueueException.class, plain.queue::pop);
  }

  @Test
  void indirect_withinIndirect_isRefused() {
    long table = it.ram.allocate(16, 16);
    it.driver.tableEntry(table, 0, readable(table, 16), VirtqueueDriver.INDIRECT, 0);
    it.driver.descriptor(0, table, 16, VirtqueueDriver.INDIRECT, 0);

    assertRefused("indirect within an indirect table");
  }

  @Test
  void indirect_withNext_isRefused() {
    it.driver.descriptor(0, data, 16, VirtqueueDriver.INDIRECT | VirtqueueDriver.NEXT, 1);

    assertRefused("indirect and followed by another");
  }

  @Test
  void indirect_lengthZero_isRefused() {
    it.driver.descriptor(0, data, 0, VirtqueueDriver.INDIRECT, 0);

    assertRefused("indirect with a length of 0");
  }

  @Test
  void indirect_lengthNoMultipleOf16_isRefused() {
    it.driver.descriptor(0, data, 24, VirtqueueDriver.INDIRECT, 0);

    assertRefused("indirect with a length of 24");
  }

  @Test
  void indirect_tableOutsideRam_isRefused() {
    it.driver.descriptor(0, RAM - 16, 32, VirtqueueDriver.INDIRECT, 0);

    assertRefused("not in guest RAM");
  }

  @Test
  void indirect_largestTable_isRefused() {
    it.driver.descriptor(0, 0, 0xffff_fff0L, VirtqueueDriver.INDIRECT, 0);

    assertRefused("not in guest RAM");
  }

  @Test
  void indirect_nextBehindItsTable_isRefused() {
    long table = it.ram.allocate(16, 16);
    it.driver.tableEntry(table, 0, readable(data, 1), VirtqueueDriver.NEXT, 1);
    it.driver.descriptor(0, table, 16, VirtqueueDriver.INDIRECT, 0);

    assertRefused("leaves or loops in its table of 1 descriptors");
  }

  @Test
  void indirect_loops_isRefused() {
    long table = it.ram.allocate(32, 16);
    it.driver.tableEntry(table, 0, readable(data, 1), VirtqueueDriver.NEXT, 1);
    it.driver.tableEntry(table, 1, readable(data, 1), VirtqueueDriver.NEXT, 0);
    it.driver.descriptor(0, table, 32, VirtqueueDriver.INDIRECT, 0);

    assertRefused("leaves or loops in its table of 2 descriptors");
  }

  @Test
  void queue_brokenOnce_givesNothingMore() throws Exception {
    it.driver.offer(QueueFixture.SIZE);
    assertThrows(VirtqueueException.class, it.queue::pop);
    it.driver.add(readable(data, 1));

    assertNull(it.queue.pop());
    assertFalse(it.queue.enableNotifications());
  }

  @Test
  void queue_broken_dropsCompletionsOfEarlierChains() throws Exception {
    it.driver.add(writable(data, 4));
    final DescriptorChain chain = it.queue.pop();
    it.driver.offer(QueueFixture.SIZE);
    assertThrows(VirtqueueException.class, it.queue::pop);

    it.queue.addUsed(chain, 4);

    assertFalse(it.queue.publish());
    assertEquals(0, it.driver.usedIndex());
  }

  @Test
  void chain_ofADiscardedQueue_reachesNoGuestMemory() throws Exception {
    it.driver.add(writable(data, 4));
    DescriptorChain chain = it.queue.pop();
    it.queue.discard();

    assertEquals(0, chain.copyWritable(0, new byte[] {9, 9, 9, 9}, 0, 4));
    assertArrayEquals(new byte[] {1, 2, 3, 4}, it.ram.load(data, 4));
  }

  @Test
  void descriptors_changedAfterPop_changeNothing() throws Exception {
    int head = it.driver.add(readable(data, 4));
    DescriptorChain chain = it.queue.pop();

    it.driver.descriptor(head, -1, 0xffff_ffffL, VirtqueueDriver.NEXT, head);

    assertArrayEquals(new byte[] {1, 2, 3, 4}, QueueFixture.readable(chain));
  }

  private void assertRefused(String message) {
    it.driver.offer(0);
    assertBroken(message);
  }

  private void assertBroken(String message) {
    var failure = assertThrows(VirtqueueException.class, it.queue::pop);
    assertEquals(message, part(failure.getMessage(), message));
  }

  /**
   * Returns the part if the message contains it, otherwise the message, so that a failure shows
   * both.
   */
  private static String part(String whole, String part) {
    return whole.contains(part) ? part : whole;
  }
}
