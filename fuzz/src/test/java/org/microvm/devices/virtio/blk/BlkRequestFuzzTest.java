package org.microvm.devices.virtio.blk;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.VirtqueueDriver;
import org.microvm.devices.virtio.VirtioFeatures;
import org.microvm.devices.virtio.Virtqueue;

/** Any request of a disk, in chains of any shape. */
class BlkRequestFuzzTest {
  private static final long SECTORS = 1000;
  private static final long DATA = 0x8000;
  private static final int SHAPE = 6;
  private static final int RAM = 4 << 20;

  private final byte[] scratch = new byte[BlkRequest.HEADER];
  private final TestRam ram = TestRam.of(RAM);
  private final long mark = ram.mark();

  /**
   * The first bytes are the number of bytes that the driver writes in front of the data, of data
   * and of room for the answer; the others are the header.
   */
  @FuzzTest
  void request_anyHeader_staysOnTheDisk(byte[] input) throws Exception {
    if (input.length < SHAPE) {
      return;
    }
    ram.rewind(mark);
    VirtqueueDriver driver = new VirtqueueDriver(ram, 0, 8, VirtioFeatures.VERSION_1);
    byte[] header = new byte[Math.min(input.length - SHAPE, 64)];
    System.arraycopy(input, SHAPE, header, 0, header.length);
    ram.put(DATA, header);
    int data = (input[0] & 0xff) * BlkRequest.SECTOR + (input[1] & 3);
    int room = (input[2] & 0xff) * BlkRequest.SECTOR + (input[3] & 3);
    boolean readOnly = (input[4] & 1) != 0;
    driver.add(
        Buffer.readable(DATA, header.length),
        Buffer.readable(DATA, data),
        Buffer.writable(DATA, room));
    Virtqueue queue = new Virtqueue(ram.memory(), driver.config(), VirtioFeatures.VERSION_1);

    BlkRequest request = BlkRequest.parse(queue.pop(), scratch, SECTORS, readOnly);

    long end = request.offset() + request.length();
    switch (request.kind()) {
      case READ, WRITE -> check(request.offset() >= 0 && end <= SECTORS * BlkRequest.SECTOR);
      default -> check(request.length() <= BlkRequest.ID_LENGTH);
    }
    check(!readOnly || request.kind() != BlkRequest.Kind.WRITE);
  }

  private static void check(boolean holds) {
    if (!holds) {
      throw new AssertionError("the request leaves the disk");
    }
  }
}
