package org.microvm.devices.virtio.blk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;

import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.devices.state.StateWriter;
import org.microvm.devices.testing.RecordingIrqTrigger;
import org.microvm.devices.testing.TaskQueue;
import org.microvm.devices.testing.TestDriver;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.UsedBuffer;
import org.microvm.devices.virtio.VirtioMmioTransport;
import org.microvm.linux.Errno;
import org.microvm.linux.IovecArray;

/** How a disk handles errors of the host, and bytes that the guest discards. */
@Timeout(60)
class BlkErrorTest {
  private static final int IN = 0;
  private static final int OUT = 1;
  private static final int FLUSH = 4;
  private static final int DISCARD = 11;
  private static final int WRITE_ZEROES = 13;
  private static final byte UNTOUCHED = (byte) 0xee;

  private final TestRam ram = TestRam.of(4 << 20);
  private final TaskQueue eventLoop = new TaskQueue();
  private final FullDisk disk = new FullDisk();
  private final BlockingQueue<BlkError> errors = new LinkedBlockingQueue<>();
  private final long status = ram.store(UNTOUCHED);
  private final long data = ram.allocate(8192, 512);
  private BlkDevice device;
  private VirtioMmioTransport transport;
  private TestDriver driver;

  /** A disk of 1 GiB whose calls fail as long as there is an error. */
  private static final class FullDisk implements BlkBackend {
    final List<String> calls = new ArrayList<>();
    volatile int errno;
    volatile boolean cannotZero;

    private synchronized long call(String what, long result) {
      calls.add(what);
      return errno == 0 ? result : -errno;
    }

    synchronized List<String> calls() {
      return List.copyOf(calls);
    }

    @Override
    public long size() {
      return 1 << 30;
    }

    @Override
    public long read(IovecArray target, long offset) {
      return call("read " + offset, target.bytes());
    }

    @Override
    public long write(IovecArray source, long offset) {
      return call("write " + offset + " " + source.bytes(), source.bytes());
    }

    @Override
    public long flush() {
      return call("flush", 0);
    }

    @Override
    public long discard(long offset, long length) {
      return call("discard " + offset + " " + length, 0);
    }

    @Override
    public long writeZeroes(long offset, long length, boolean unmap) {
      long result = call("zero " + offset + " " + length + (unmap ? " unmap" : ""), 0);
      return cannotZero ? -Errno.EOPNOTSUPP : result;
    }

    @Override
    public void close() {}
  }

  private void start(OnError read, OnError write, boolean discard) {
    BlkConfig settings =
        new BlkConfig("vda", "serial", false, new DiskPolicy(read, write, discard));
    device = new BlkDevice(settings, disk, eventLoop);
    device.onError(errors::add);
    transport = new VirtioMmioTransport(device, ram.memory(), new RecordingIrqTrigger());
    driver = new TestDriver(transport, ram).start();
  }

  private void start() {
    DiskPolicy defaults = DiskPolicy.defaults();
    start(defaults.read(), defaults.write(), defaults.discard());
  }

  @AfterEach
  void close() {
    device.close();
  }

  private int request(int type, long sector) {
    byte[] header = new byte[16];
    ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).putInt(0, type).putLong(8, sector);
    long at = ram.store(header);
    return switch (type) {
      case IN -> driver.send(0, readable(at, 16), writable(data, 512), writable(status, 1));
      case OUT -> driver.send(0, readable(at, 16), readable(data, 512), writable(status, 1));
      default -> driver.send(0, readable(at, 16), writable(status, 1));
    };
  }

  private int ranges(int type, long sector, int count, int flags) {
    byte[] all = new byte[32];
    ByteBuffer.wrap(all)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(0, type)
        .putLong(16, sector)
        .putInt(24, count)
        .putInt(28, flags);
    return driver.send(0, readable(ram.store(all), 32), writable(status, 1));
  }

  private int status() {
    return ram.load(status, 1)[0];
  }

  private BlkError awaitError() throws InterruptedException {
    BlkError error = errors.poll(10, TimeUnit.SECONDS);
    assertTrue(error != null, "no error was reported");
    return error;
  }

  @ParameterizedTest
  @CsvSource({
    "1, ENOSPC, 28",
    "1, ENOSPC, 122",
    "1, ENOSPC, 27",
    "4, ENOSPC, 28",
    "1, STOP, 5",
    "1, STOP, 28",
    "4, STOP, 5"
  })
  void writeThatFails_waitsAndIsRepeated(int type, OnError policy, int errno) throws Exception {
    start(OnError.REPORT, policy, true);
    disk.errno = errno;

    int head = request(type, 8);

    assertEquals(new BlkError("vda", true, errno, OnError.STOP), awaitError());
    assertTrue(device.isStopped());
    assertEquals(UNTOUCHED, (byte) status());
    assertNull(driver.queue(0).poll());
    disk.errno = 0;
    device.retry();
    eventLoop.runNext();
    assertEquals(new UsedBuffer(head, 1), driver.queue(0).poll());
    assertEquals(0, status());
    assertFalse(device.isStopped());
    assertEquals(2, disk.calls().size());
    assertEquals(disk.calls().get(0), disk.calls().get(1));
  }

  @Test
  void writeThatFailsAgain_waitsAgain() throws Exception {
    start();
    disk.errno = Errno.ENOSPC;
    request(OUT, 8);
    awaitError();

    device.retry();

    assertEquals(OnError.STOP, awaitError().action());
    assertTrue(device.isStopped());
    assertNull(driver.queue(0).poll());
  }

  @Test
  void requestsAfterTheOneThatFailed_keepTheirOrder() throws Exception {
    start();
    disk.errno = Errno.ENOSPC;
    request(OUT, 1);
    awaitError();
    request(OUT, 2);
    request(IN, 3);
    disk.errno = 0;

    device.retry();

    eventLoop.awaitTask();
    while (driver.queue(0).usedIndex() != 3) {
      eventLoop.runNext();
    }
    assertEquals(
        List.of("write 512 512", "write 512 512", "write 1024 512", "read 1536"), disk.calls());
    assertTrue(errors.isEmpty());
  }

  @ParameterizedTest
  @CsvSource({"1, REPORT, 28", "1, ENOSPC, 5", "4, ENOSPC, 5"})
  void writeThatFails_isReportedToTheGuest(int type, OnError policy, int errno) throws Exception {
    start(OnError.REPORT, policy, true);
    disk.errno = errno;

    request(type, 8);
    eventLoop.runNext();

    assertEquals(1, status());
    assertEquals(new BlkError("vda", true, errno, OnError.REPORT), awaitError());
    assertFalse(device.isStopped());
  }

  @Test
  void readThatFails_isReportedByDefault() throws Exception {
    start();
    disk.errno = Errno.EIO;

    request(IN, 8);
    eventLoop.runNext();

    assertEquals(1, status());
    assertEquals(new BlkError("vda", false, Errno.EIO, OnError.REPORT), awaitError());
  }

  @Test
  void readThatFails_waitsIfConfigured() throws Exception {
    start(OnError.STOP, OnError.REPORT, true);
    disk.errno = Errno.EIO;

    int head = request(IN, 8);

    assertEquals(new BlkError("vda", false, Errno.EIO, OnError.STOP), awaitError());
    disk.errno = 0;
    device.retry();
    eventLoop.runNext();
    assertEquals(new UsedBuffer(head, 513), driver.queue(0).poll());
  }

  @ParameterizedTest
  @CsvSource({"0, 513", "1, 1", "4, 1"})
  void requestThatFails_isReportedAsSuccessIfErrorsAreIgnored(int type, int length)
      throws Exception {
    start(OnError.IGNORE, OnError.IGNORE, true);
    disk.errno = Errno.EIO;

    int head = request(type, 8);
    eventLoop.runNext();

    assertEquals(0, status());
    assertEquals(new UsedBuffer(head, length), driver.queue(0).poll());
    assertEquals(OnError.IGNORE, awaitError().action());
  }

  @Test
  void saveWhileARequestWaits_isRefusedAtOnce() throws Exception {
    start();
    disk.errno = Errno.ENOSPC;
    request(OUT, 8);
    awaitError();

    UncheckedIOException refused =
        assertThrows(
            UncheckedIOException.class, () -> transport.save(new StateWriter(), "virtio.0"));

    assertTrue(refused.getMessage().contains("until the guest is resumed"), refused.getMessage());
  }

  @Test
  void resetWhileARequestWaits_forgetsIt() throws Exception {
    start();
    disk.errno = Errno.ENOSPC;
    request(OUT, 8);
    awaitError();

    driver.start();

    assertFalse(device.isStopped());
    disk.errno = 0;
    int head = request(FLUSH, 0);
    eventLoop.runNext();
    assertEquals(new UsedBuffer(head, 1), driver.queue(0).poll());
    assertEquals(List.of("write 4096 512", "flush"), disk.calls());
  }

  @Test
  void discard_givesTheRangeBack() {
    start();

    int head = ranges(DISCARD, 2, 4, 0);
    eventLoop.runNext();

    assertEquals(new UsedBuffer(head, 1), driver.queue(0).poll());
    assertEquals(0, status());
    assertEquals(List.of("discard 1024 2048"), disk.calls());
  }

  @Test
  void discard_ignored_keepsTheRange() {
    start(OnError.REPORT, OnError.ENOSPC, false);

    ranges(DISCARD, 2, 4, 0);
    eventLoop.runNext();

    assertEquals(0, status());
    assertEquals(List.of(), disk.calls());
    assertEquals(0, driver.config(56, 1));
  }

  @Test
  void discard_thatTheStorageCannotDo_succeeds() {
    start();
    disk.errno = Errno.EOPNOTSUPP;

    ranges(DISCARD, 2, 4, 0);
    eventLoop.runNext();

    assertEquals(0, status());
    assertTrue(errors.isEmpty());
  }

  @ParameterizedTest
  @CsvSource({"0, true, ''", "1, true, ' unmap'", "1, false, ''"})
  void writeZeroes_unmapsIfBothSidesAllowIt(int flags, boolean discard, String unmap) {
    start(OnError.REPORT, OnError.ENOSPC, discard);

    ranges(WRITE_ZEROES, 2, 4, flags);
    eventLoop.runNext();

    assertEquals(0, status());
    assertEquals(List.of("zero 1024 2048" + unmap), disk.calls());
  }

  @Test
  void writeZeroes_thatTheStorageCannotDo_writesZeros() {
    start();
    disk.cannotZero = true;

    ranges(WRITE_ZEROES, 0, 200, 0);
    eventLoop.runNext();

    assertEquals(0, status());
    assertEquals(List.of("zero 0 102400", "write 0 65536", "write 65536 36864"), disk.calls());
  }

  @Test
  void longRange_isDoneInPieces() {
    start();

    ranges(DISCARD, 0, 1 << 20, 0);
    eventLoop.runNext();

    assertEquals(List.of("discard 0 268435456", "discard 268435456 268435456"), disk.calls());
  }

  @Test
  void writeZeroes_onAFullHost_waits() throws Exception {
    start();
    disk.errno = Errno.EDQUOT;

    ranges(WRITE_ZEROES, 2, 4, 0);

    assertEquals(new BlkError("vda", true, Errno.EDQUOT, OnError.STOP), awaitError());
  }
}
