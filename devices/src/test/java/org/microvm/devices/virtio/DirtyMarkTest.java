package org.microvm.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.microvm.devices.testing.Buffer.writable;

import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.microvm.devices.testing.Buffer;
import org.microvm.linux.IovecArray;

/** While a migration copies RAM, a queue marks the pages that the device has written. */
class DirtyMarkTest {
  private static final int PAGE = 4096;
  private static final int BYTES = 100 * PAGE;

  private final QueueFixture it = new QueueFixture(QueueFixture.PLAIN);
  private final long buffer = it.ram.allocate(BYTES, PAGE);

  @BeforeEach
  void watch() {
    it.ram.memory().dirtyPages().enable(true);
  }

  private DescriptorChain pop(Buffer... pieces) throws VirtqueueException {
    it.driver.add(pieces);
    return it.queue.pop();
  }

  /** The pages of the buffer that are marked, counted from its start. */
  private Set<Long> marked() {
    Set<Long> pages = new TreeSet<>();
    long first = buffer / PAGE;
    for (int word = 0; word < 4; word++) {
      long bits = it.ram.memory().dirtyPages().take(word);
      for (int bit = 0; bit < Long.SIZE; bit++) {
        long page = word * Long.SIZE + bit - first;
        if ((bits >>> bit & 1) != 0 && page >= 0 && page < BYTES / PAGE) {
          pages.add(page);
        }
      }
    }
    return pages;
  }

  @Test
  void copies_markOnlyWhatTheyWrite() throws Exception {
    DescriptorChain chain = pop(writable(buffer, BYTES));

    chain.copyWritable(0, new byte[20], 0, 20);
    chain.copyWritable(BYTES - 1, new byte[1], 0, 1);
    it.queue.addUsed(chain, 20);

    assertEquals(Set.of(0L, 99L), marked());
  }

  @Test
  void gatheredBytes_areMarkedUpToTheirEnd() throws Exception {
    DescriptorChain chain = pop(writable(buffer + PAGE, 2 * PAGE), writable(buffer, PAGE));

    chain.gatherWritable(new IovecArray(4), PAGE, PAGE + 1);
    it.queue.addUsed(chain, 0);

    assertEquals(Set.of(0L, 1L, 2L), marked());
  }

  @Test
  void untouchedBuffer_isNotMarked() throws Exception {
    it.queue.addUsed(pop(writable(buffer, BYTES)), 0);

    assertEquals(Set.of(), marked());
  }

  @Test
  void buffersOfAQueueThatIsReset_areMarked() throws Exception {
    DescriptorChain chain = pop(writable(buffer, BYTES));
    chain.gatherWritable(new IovecArray(4), 0, 2 * PAGE);

    it.queue.discard();

    assertEquals(Set.of(0L, 1L), marked());
  }

  @Test
  void chainLongerThanRam_marksAllOfRam() throws Exception {
    Buffer[] pieces = new Buffer[4];
    Arrays.fill(pieces, writable(buffer, BYTES));
    DescriptorChain chain = pop(pieces);

    chain.gatherWritable(new IovecArray(4), 0);
    it.queue.addUsed(chain, 0);

    assertEquals(BYTES / PAGE, marked().size());
  }
}
