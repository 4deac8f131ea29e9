package org.microvm.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.microvm.linux.IovecArray;

class DescriptorChainTest {
  private final QueueFixture it = new QueueFixture(QueueFixture.PLAIN);
  private final long in = it.ram.store(new byte[] {1, 2, 3, 4, 5});
  private final long out = it.ram.allocate(6, 1);
  private final IovecArray vector = new IovecArray(4);
  private DescriptorChain chain;

  @BeforeEach
  void popOne() throws Exception {
    // Readable 2 + 3 bytes, writable 4 + 2.
    it.driver.add(readable(in, 2), readable(in + 2, 3), writable(out, 4), writable(out + 4, 2));
    chain = it.queue.pop();
  }

  @Test
  void gatherReadable_all_takesEachPiece() {
    assertTrue(chain.gatherReadable(vector, 0));

    assertEquals(2, vector.count());
    assertEquals(5, vector.bytes());
  }

  @Test
  void gatherReadable_skipWithinTheSecondPiece_takesItsRest() {
    assertTrue(chain.gatherReadable(vector, 3));

    assertEquals(1, vector.count());
    assertEquals(2, vector.bytes());
  }

  @Test
  void gatherReadable_skipAll_takesNothing() {
    assertTrue(chain.gatherReadable(vector, 5));

    assertEquals(0, vector.count());
  }

  @Test
  void gatherReadable_limitWithinTheSecondPiece_stopsThere() {
    assertTrue(chain.gatherReadable(vector, 1, 2));

    assertEquals(2, vector.count());
    assertEquals(2, vector.bytes());
  }

  @Test
  void gatherReadable_limitAtAPieceBoundary_addsNoEmptyPiece() {
    assertTrue(chain.gatherReadable(vector, 0, 2));

    assertEquals(1, vector.count());
  }

  @Test
  void gatherReadable_vectorTooSmall_returnsFalse() {
    IovecArray small = new IovecArray(1);

    assertFalse(chain.gatherReadable(small, 0));
    assertEquals(2, small.bytes());
  }

  @Test
  void gatherWritable_all_takesOnlyWritablePieces() {
    assertTrue(chain.gatherWritable(vector, 0));

    assertEquals(6, vector.bytes());
  }

  @Test
  void gatherWritable_limit_leavesTheStatusByte() {
    assertTrue(chain.gatherWritable(vector, 0, 5));

    assertEquals(5, vector.bytes());
  }

  @Test
  void gatherWritable_afterGatherReadable_appends() {
    assertTrue(chain.gatherReadable(vector, 0));
    assertTrue(chain.gatherWritable(vector, 0));

    assertEquals(4, vector.count());
    assertEquals(11, vector.bytes());
  }

  @Test
  void copyReadable_skipAndOffset_fillsTheMiddle() {
    byte[] target = new byte[5];

    int copied = chain.copyReadable(1, target, 1, 3);

    assertEquals(3, copied);
    assertArrayEquals(new byte[] {0, 2, 3, 4, 0}, target);
  }

  @Test
  void copyReadable_segment_acrossPieces() {
    MemorySegment target = Arena.ofAuto().allocate(8);

    assertEquals(4, chain.copyReadable(1, target));
    assertArrayEquals(new byte[] {2, 3, 4, 5, 0, 0, 0, 0}, target.toArray(ValueLayout.JAVA_BYTE));
  }

  @Test
  void copyReadable_skipPastTheEnd_copiesNothing() {
    assertEquals(0, chain.copyReadable(6, new byte[1], 0, 1));
  }

  @Test
  void manyPieces_areForgottenAfterUse() throws Exception {
    chain.empty();
    for (int i = 0; i < Virtqueue.MAX_CHAIN_LENGTH; i++) {
      chain.append(in, 1, false);
    }
    assertEquals(Virtqueue.MAX_CHAIN_LENGTH, chain.pieces());

    chain.empty();

    assertEquals(0, chain.pieces());
    assertTrue(chain.capacity() <= 32, "memory for %d pieces".formatted(chain.capacity()));
  }

  @Test
  void negativeSkip_neverReachesMemoryInFrontOfThePiece() {
    byte[] bytes = new byte[1];
    MemorySegment segment = MemorySegment.ofArray(bytes);

    assertAll(
        () -> assertRefused(() -> chain.gatherReadable(vector, -1)),
        () -> assertRefused(() -> chain.gatherWritable(vector, -1)),
        () -> assertRefused(() -> chain.gatherReadable(vector, Long.MIN_VALUE, 1)),
        () -> assertRefused(() -> chain.copyReadable(-1, bytes, 0, 1)),
        () -> assertRefused(() -> chain.copyReadable(-1, segment)),
        () -> assertRefused(() -> chain.copyWritable(-1, bytes, 0, 1)),
        () -> assertRefused(() -> chain.copyWritable(-1, segment)),
        () -> assertEquals(0, vector.count()));
  }

  private static void assertRefused(Executable call) {
    assertThrows(IllegalArgumentException.class, call);
  }

  @Test
  void copyWritable_skipAndOffset_fillsTheMiddle() {
    int copied = chain.copyWritable(3, new byte[] {7, 8, 9, 10}, 1, 2);

    assertEquals(2, copied);
    assertArrayEquals(new byte[] {0, 0, 0, 8, 9, 0}, it.ram.load(out, 6));
  }

  @Test
  void copyWritable_segmentLongerThanTheRoom_isCut() {
    MemorySegment source = MemorySegment.ofArray(new byte[] {1, 1, 1, 1, 1, 1, 1});

    assertEquals(5, chain.copyWritable(1, source));
    assertArrayEquals(new byte[] {0, 1, 1, 1, 1, 1}, it.ram.load(out, 6));
  }
}
