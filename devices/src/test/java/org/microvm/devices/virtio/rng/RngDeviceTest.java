package org.microvm.devices.virtio.rng;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import org.junit.jupiter.api.Test;
import org.microvm.devices.testing.RecordingIrqTrigger;
import org.microvm.devices.testing.TestDriver;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.UsedBuffer;
import org.microvm.devices.testing.VirtqueueDriver;
import org.microvm.devices.virtio.DeviceStatus;
import org.microvm.devices.virtio.VirtioMmioTransport;
import org.microvm.linux.Errno;
import org.microvm.linux.IovecArray;

class RngDeviceTest {
  private final TestRam ram = TestRam.of(1 << 20);
  private final RecordingIrqTrigger interrupt = new RecordingIrqTrigger();
  private final ScriptedSource source = new ScriptedSource();
  private final TestDriver driver = driver(source);

  @Test
  void device_announcesItself() {
    assertEquals(4, driver.read(0x008));
    assertEquals(8, driver.queueSizeMax(0));
    assertEquals(0, driver.queueSizeMax(1));
    assertEquals(0, driver.config(0, 4));
  }

  @Test
  void notify_hostSource_fillsTheWholeBuffer() throws Exception {
    try (EntropySource host = EntropySource.ofHost()) {
      TestDriver real = driver(host).start();
      long first = ram.allocate(64, 1);
      long second = ram.allocate(64, 1);
      real.send(0, writable(first, 64));
      real.send(0, writable(second, 60), writable(second + 60, 4));

      assertEquals(64, real.queue(0).poll().length());
      assertEquals(64, real.queue(0).poll().length());
      assertFalse(Arrays.equals(ram.load(first, 64), ram.load(second, 64)));
      assertFalse(Arrays.equals(new byte[4], ram.load(second + 60, 4)));
    }
  }

  @Test
  void notify_severalBuffers_interruptsOnce() {
    driver.start();
    driver.queue(0).add(writable(4096, 16));
    driver.queue(0).add(writable(4096, 16));

    driver.notifyQueue(0);

    assertEquals(2, driver.queue(0).collect().size());
    assertEquals(1, interrupt.count());
    assertEquals(1, driver.acknowledge());
  }

  @Test
  void notify_largeBuffer_getsTheLimit() {
    driver.start();
    int head = driver.send(0, writable(ram.allocate(100_000, 1), 100_000));

    assertEquals(new UsedBuffer(head, 65536), driver.queue(0).poll());
  }

  @Test
  void notify_sourceGivesLess_lengthIsLess() {
    source.answers.add(3L);
    driver.start();

    int head = driver.send(0, writable(4096, 16));

    assertEquals(new UsedBuffer(head, 3), driver.queue(0).poll());
  }

  @Test
  void notify_sourceInterrupted_triesAgain() {
    source.answers.addAll(List.of((long) -Errno.EINTR, 5L));
    driver.start();

    int head = driver.send(0, writable(4096, 16));

    assertEquals(new UsedBuffer(head, 5), driver.queue(0).poll());
  }

  @Test
  void notify_sourceFails_bufferWaitsForTheNextNotification() {
    source.answers.add((long) -Errno.EIO);
    driver.start();
    int head = driver.send(0, writable(4096, 16));
    UsedBuffer afterFailure = driver.queue(0).poll();

    driver.notifyQueue(0);

    assertNull(afterFailure);
    assertEquals(new UsedBuffer(head, 16), driver.queue(0).poll());
  }

  @Test
  void notify_sourceEmpty_doesNotCompleteWithLengthZero() {
    source.answers.add(0L);
    driver.start();

    driver.send(0, writable(4096, 16));

    assertNull(driver.queue(0).poll());
  }

  @Test
  void notify_bufferWithoutRoom_isGivenBackEmpty() {
    driver.start();

    int head = driver.send(0, readable(4096, 16));

    assertEquals(new UsedBuffer(head, 0), driver.queue(0).poll());
    assertEquals(0, source.calls);
  }

  @Test
  void notify_readableInFront_isNotChanged() {
    long data = ram.store((byte) 1, (byte) 2);
    driver.start();

    int head = driver.send(0, readable(data, 2), writable(4096, 16));

    assertEquals(new UsedBuffer(head, 16), driver.queue(0).poll());
    assertArrayEquals(new byte[] {1, 2}, ram.load(data, 2));
  }

  @Test
  void notify_driverOffersAHeadAgainAtOnce_endsAllTheSame() {
    driver.start();
    // Without reading the used ring: correct drivers cannot be faster than the device publishes.
    source.onFill = () -> driver.queue(0).offer(7);
    driver.queue(0).descriptor(7, 4096, 8, VirtqueueDriver.WRITE, 0);
    driver.queue(0).offer(7);

    driver.notifyQueue(0);

    assertEquals(8, source.calls);
    assertTrue((driver.status() & DeviceStatus.DEVICE_NEEDS_RESET) != 0);
  }

  @Test
  void reset_whileABufferWaits_forgetsIt() {
    source.answers.add(0L);
    driver.start();
    driver.send(0, writable(4096, 16));

    driver.start();
    driver.notifyQueue(0);

    assertNull(driver.queue(0).poll());
    assertEquals(1, source.calls);
  }

  @Test
  void notify_brokenRing_needsReset() {
    driver.start();
    driver.queue(0).offer(100);

    driver.notifyQueue(0);

    assertTrue((driver.status() & DeviceStatus.DEVICE_NEEDS_RESET) != 0);
  }

  private TestDriver driver(EntropySource source) {
    RngDevice device = new RngDevice(source);
    return new TestDriver(new VirtioMmioTransport(device, ram.memory(), interrupt), ram);
  }

  /** Returns scripted results, then behaves as if it had filled everything. */
  private static final class ScriptedSource implements EntropySource {
    final Queue<Long> answers = new ArrayDeque<>();
    Runnable onFill = () -> {};
    int calls;

    @Override
    public long fill(IovecArray target) {
      calls++;
      onFill.run();
      Long answer = answers.poll();
      return answer == null ? target.bytes() : answer;
    }

    @Override
    public void close() {}
  }
}
