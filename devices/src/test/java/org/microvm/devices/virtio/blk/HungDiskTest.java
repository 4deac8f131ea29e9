package org.microvm.devices.virtio.blk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;

import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.StateWriter;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.RecordingIrqTrigger;
import org.microvm.devices.testing.TaskQueue;
import org.microvm.devices.testing.TestDriver;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.UsedBuffer;
import org.microvm.devices.virtio.VirtioMmioTransport;

/** Storage that does not respond delays only its own requests. */
@Timeout(60)
class HungDiskTest {
  private static final int MIB = 1 << 20;
  private static final int PIECES = 6;

  private final TestRam ram = TestRam.of(4 << 20);
  private final TaskQueue eventLoop = new TaskQueue();
  private final HungDisk disk = new HungDisk();
  private BlkDevice device;
  private VirtioMmioTransport transport;
  private TestDriver driver;
  private int head;

  @BeforeEach
  void readFromADiskThatHangs() throws Exception {
    device = new BlkDevice(new BlkConfig("vda", "serial", false), disk, eventLoop);
    transport = new VirtioMmioTransport(device, ram.memory(), new RecordingIrqTrigger());
    driver = new TestDriver(transport, ram).start();
    head = read();
    disk.awaitRead();
  }

  @AfterEach
  void close() {
    disk.answer();
    device.close();
  }

  /** Reads 6 MiB into the same MiB of memory. */
  private int read() {
    Buffer[] pieces = new Buffer[PIECES + 2];
    pieces[0] = readable(ram.store(new byte[16]), 16);
    long data = ram.allocate(MIB, 1);
    for (int i = 1; i <= PIECES; i++) {
      pieces[i] = writable(data, MIB);
    }
    pieces[PIECES + 1] = writable(ram.allocate(1, 1), 1);
    return driver.send(0, pieces);
  }

  private CompletableFuture<Void> reset() {
    return CompletableFuture.runAsync(
        () -> driver.write(0x070, 0), task -> Thread.ofPlatform().start(task));
  }

  /** Waits until the reset has begun, which keeps the registers until it is complete. */
  private void awaitBegin(CompletableFuture<Void> reset) throws Exception {
    long before = transport.ignoredAccesses();
    while (transport.ignoredAccesses() == before) {
      assertFalse(reset.isDone(), "the reset did not wait for the disk");
      driver.write(0x030, 0); // ignored as soon as the reset has begun
      TimeUnit.MILLISECONDS.sleep(1);
    }
  }

  @Test
  void bigRead_isDoneInPiecesOfOneMib() {
    disk.answer();
    eventLoop.runNext();

    assertEquals(new UsedBuffer(head, (long) PIECES * MIB + 1), driver.queue(0).poll());
    assertEquals(MIB, disk.most());
    assertEquals(PIECES, disk.calls());
  }

  @Test
  void reset_leavesTheDeviceLockToTheEventLoop() throws Exception {
    CompletableFuture<Void> reset = reset();
    awaitBegin(reset);

    assertFalse(transport.queueNotified(0, 1), "the event loop is not blocked");
    assertNotEquals(0, driver.status(), "the reset is complete only when the disk is quiet");

    disk.answer();
    reset.join();
    assertEquals(0, driver.status());
    assertEquals(1, disk.calls(), "the rest of the read was not wanted any more");
  }

  @Test
  void reset_isAbandonedWhenTheMachineEnds() throws Exception {
    CompletableFuture<Void> reset = reset();
    awaitBegin(reset);

    transport.giveUp();

    reset.join();
    assertNotEquals(0, driver.status());
    assertFalse(transport.powerOnReset(), "guest memory may still be written");
  }

  @Test
  void powerOnReset_ofADiskThatAnswers_isComplete() {
    disk.answer();

    assertTrue(transport.powerOnReset());
    assertEquals(0, driver.status());
  }

  @Test
  void close_endsAReadBetweenTwoPieces() throws Exception {
    Thread closing = Thread.ofPlatform().start(device::close);
    while (closing.getState() != Thread.State.TIMED_WAITING) {
      TimeUnit.MILLISECONDS.sleep(1);
    }
    disk.answer();
    closing.join();

    assertFalse(device.isRunning());
    assertEquals(1, disk.calls());
  }

  @Test
  void close_ofADiskThatHangs_reportsThatItsThreadRuns() {
    device.close();

    assertTrue(device.isRunning());
  }

  @Test
  void saveAtOnce_leavesOutADiskThatWouldHoldTheLock() {
    StateWriter writer = new StateWriter();

    assertFalse(transport.saveAtOnce(writer, "virtio.0"));

    disk.answer();
    eventLoop.runNext();
    assertTrue(transport.saveAtOnce(writer, "virtio.0"));
  }

  @Test
  void save_isRefusedWhenTheMachineEnds() {
    device.giveUp();

    UncheckedIOException refused =
        assertThrows(UncheckedIOException.class, () -> device.save(new StateOutput()));

    assertTrue(refused.getMessage().contains("disk vda"), refused.getMessage());
  }
}
