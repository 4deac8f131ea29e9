package org.microvm.devices.virtio.blk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;

import java.nio.file.Files;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.microvm.devices.testing.UsedBuffer;
import org.microvm.linux.Errno;

/** The disk thread: long and failing transfers, slow disks, resets. */
class BlkWorkerTest extends BlkDeviceFixture {
  @Test
  void shortTransfer_isContinued() {
    backend.mostPerCall = 100;

    request(IN, 1, writable(data, 512));
    eventLoop.runNext();

    assertEquals(0, status());
    assertEquals(6, backend.calls);
    assertEquals(1, ram.load(data + 511, 1)[0]);
  }

  @Test
  void shortWrite_isContinued() throws Exception {
    backend.mostPerCall = 100;
    ram.put(data, pattern(512));

    request(OUT, 2, readable(data, 512));
    eventLoop.runNext();

    assertEquals(0, status());
    assertArrayEquals(pattern(512), Arrays.copyOfRange(Files.readAllBytes(image), 1024, 1536));
  }

  @Test
  void interruptedTransfer_isRepeated() {
    backend.firstResult = -Errno.EINTR;

    request(IN, 1, writable(data, 512));
    eventLoop.runNext();

    assertEquals(0, status());
    assertEquals(2, backend.calls);
  }

  @Test
  void failedTransfer_isAnErrorForThisRequestOnly() {
    backend.firstResult = -Errno.EIO;
    int failing = request(IN, 1, writable(data, 512));
    eventLoop.runNext();
    int failed = status();
    int next = request(IN, 1, writable(data, 512));
    eventLoop.runNext();

    assertEquals(1, failed);
    assertEquals(0, status());
    assertEquals(new UsedBuffer(failing, 0), driver.queue(0).poll());
    assertEquals(new UsedBuffer(next, 513), driver.queue(0).poll());
  }

  @Test
  void imageCutShort_isAnError() throws Exception {
    Files.write(image, new byte[1024]);

    request(IN, 1, writable(data, 1024));
    eventLoop.runNext();

    assertEquals(1, status());
  }

  @Test
  void backendThrows_isAnErrorAndTheWorkerContinues() {
    backend.throwOnce = true;
    request(IN, 1, writable(data, 512));
    eventLoop.runNext();
    int failed = status();
    request(IN, 1, writable(data, 512));
    eventLoop.runNext();

    assertEquals(1, failed);
    assertEquals(0, status());
  }

  @Test
  void slowDisk_doesNotDelayOthers() throws Exception {
    backend.block();
    request(IN, 0, writable(data, 512));
    backend.awaitBlocked();

    int head = request(GET_ID, 0, writable(data, 20));

    assertEquals(new UsedBuffer(head, 21), driver.queue(0).poll());
    assertNull(driver.queue(0).poll());
  }

  @Test
  void reset_waitsForTheRequestTheDiskIsBusyWith() throws Exception {
    backend.block();
    request(IN, 1, writable(data, 512));
    backend.awaitBlocked();
    Thread reset = startAndAwaitWaiting(driver::reset);

    backend.release.countDown();
    reset.join();

    assertEquals(UNTOUCHED, status());
    assertEquals(0, driver.status());
  }

  @Test
  void reset_requestsThatWait_areForgotten() throws Exception {
    backend.block();
    request(IN, 1, writable(data, 512));
    request(IN, 1, writable(data, 512));
    backend.awaitBlocked();
    Thread reset = startAndAwaitWaiting(driver::reset);
    backend.release.countDown();
    reset.join();
    driver.start();

    int head = request(IN, 1, writable(data, 512));

    // The worker keeps the order, so a request left in its queue would have been done before this
    // one.
    assertEquals(new UsedBuffer(head, 513), awaitUsed());
    assertEquals(2, backend.calls);
  }

  @Test
  void reset_requestThatIsDone_isNotCompletedAfterwards() {
    request(FLUSH, 0);
    eventLoop.awaitTask();
    driver.start();

    int head = request(IN, 1, writable(data, 512));

    assertEquals(new UsedBuffer(head, 513), awaitUsed());
    assertNull(driver.queue(0).poll());
  }

  @Test
  void queueDisabled_waitsForTheDisk() throws Exception {
    backend.block();
    request(IN, 1, writable(data, 512));
    backend.awaitBlocked();
    Thread stop = startAndAwaitWaiting(this::takeQueueAway);

    backend.release.countDown();
    stop.join();

    assertEquals(UNTOUCHED, status());
  }
}
