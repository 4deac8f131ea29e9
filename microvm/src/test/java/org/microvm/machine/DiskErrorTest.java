package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.virtio.MmioRegister;
import org.microvm.devices.virtio.blk.BlkError;
import org.microvm.devices.virtio.blk.DiskPolicy;
import org.microvm.devices.virtio.blk.OnError;
import org.microvm.linux.Errno;
import org.microvm.linux.GuestRam;
import org.microvm.machine.board.Board;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.vm.MachineParts;
import org.microvm.machine.vm.VmInstance;
import org.microvm.memory.GuestMemory;
import org.microvm.syscall.FaultInjection;
import org.microvm.testing.NoThreads;
import org.microvm.testing.RequiresKvm;

/**
 * A disk that fails pauses the guest, which continues where it stopped when it is resumed. The
 * image is truncated here, and the test acts as the driver.
 */
@RequiresKvm
@Timeout(60)
class DiskErrorTest {
  private static final int IMAGE_BYTES = 64 << 10;
  private static final long QUEUE = 8 << 20;
  private static final long AVAILABLE = QUEUE + 0x1000;
  private static final long USED = QUEUE + 0x2000;
  private static final long HEADER = QUEUE + 0x3000;
  private static final long STATUS = QUEUE + 0x3100;
  private static final long DATA = QUEUE + 0x4000;
  private static final int NEXT = 1;
  private static final int WRITE = 2;

  @TempDir private Path directory;

  private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
  private Path image;
  private MachineParts parts;
  private Machine machine;

  @BeforeEach
  void start() throws Exception {
    image = Files.write(directory.resolve("disk.img"), new byte[IMAGE_BYTES]);
    DiskPolicy policy = new DiskPolicy(OnError.STOP, OnError.STOP, true);
    MachineConfig config =
        MachineConfig.builder(TestImages.bareMetal("spin"))
            .memory(16 << 20)
            .disk(new DiskConfig(image, false).withPolicy(policy))
            .build();
    parts = MachineParts.assemble(config, () -> GuestRam.allocate(config.memoryBytes()));
    parts.startLoop();
    machine = new Machine(config, parts, VmInstance.powerOn(config, parts));
    machine.addListener(
        new MachineListener() {
          @Override
          public void diskFailed(BlkError error) {
            events.add(error.disk() + " " + error.action());
          }

          @Override
          public void paused() {
            events.add("paused");
          }

          @Override
          public void resumed() {
            events.add("resumed");
          }
        });
    machine.start();
    setUpQueue();
  }

  @AfterEach
  void close() {
    machine.close();
  }

  private void write(int register, long value) {
    parts.board().mmio().write(0xd000_0000L + register, Integer.BYTES, value & 0xffff_ffffL);
  }

  private void setUpQueue() {
    write(MmioRegister.STATUS, 3);
    write(MmioRegister.DRIVER_FEATURES_SEL, 1);
    write(MmioRegister.DRIVER_FEATURES, 1); // VIRTIO_F_VERSION_1
    write(MmioRegister.STATUS, 0xb);
    write(MmioRegister.QUEUE_SIZE, 4);
    write(MmioRegister.QUEUE_DESC_LOW, QUEUE);
    write(MmioRegister.QUEUE_DRIVER_LOW, AVAILABLE);
    write(MmioRegister.QUEUE_DEVICE_LOW, USED);
    write(MmioRegister.QUEUE_READY, 1);
    write(MmioRegister.STATUS, 0xf);
  }

  /** Reads the last sector of the disk. */
  private void readLastSector() throws Exception {
    GuestMemory memory = parts.board().ram().memory();
    memory.putLong(HEADER + 8, IMAGE_BYTES / 512 - 1);
    descriptor(memory, 0, HEADER, 16, NEXT);
    descriptor(memory, 1, DATA, 512, NEXT | WRITE);
    descriptor(memory, 2, STATUS, 1, WRITE);
    memory.putByte(STATUS, 0xee);
    memory.putShort(AVAILABLE + 2, 1);
    write(MmioRegister.QUEUE_NOTIFY, 0);
  }

  private static void descriptor(GuestMemory memory, int index, long at, int length, int flags)
      throws Exception {
    memory.putLong(QUEUE + 16L * index, at);
    memory.putInt(QUEUE + 16L * index + 8, length);
    memory.putShort(QUEUE + 16L * index + 12, flags);
    memory.putShort(QUEUE + 16L * index + 14, index + 1);
  }

  private void resize(int bytes) throws Exception {
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(bytes);
    }
  }

  private String nextEvent() throws InterruptedException {
    return events.poll(20, TimeUnit.SECONDS);
  }

  private int status() throws Exception {
    return parts.board().ram().memory().getByte(STATUS);
  }

  @Test
  void failedDisk_pausesTheGuestUntilItIsResumed() throws Exception {
    resize(512);

    readLastSector();

    assertEquals("vda STOP", nextEvent());
    assertEquals("paused", nextEvent());
    assertTrue(machine.isPaused());
    assertTrue(machine.isDiskFailed());
    assertEquals(0xee, status());
    MachineException refused =
        assertThrows(MachineException.class, () -> machine.snapshot(directory.resolve("snapshot")));
    assertTrue(refused.getMessage().contains("until the guest is resumed"), refused.getMessage());
    assertTrue(machine.isDiskFailed());

    machine.resume();

    assertEquals("resumed", nextEvent());
    assertEquals("vda STOP", nextEvent());
    assertEquals("paused", nextEvent());
    resize(IMAGE_BYTES);
    machine.resume();
    assertEquals("resumed", nextEvent());
    awaitUsed();
    assertEquals(0, status());
    assertFalse(machine.isPaused());
    assertFalse(machine.isDiskFailed());
  }

  private void awaitUsed() throws Exception {
    while (parts.board().ram().memory().getShort(USED + 2) == 0) {
      Thread.onSpinWait();
    }
  }

  @Test
  void failedDiskWithoutAThread_pausesTheGuestAllTheSame() throws Exception {
    FaultInjection.Rule fault =
        (kind, fd) -> {
          if (!kind.equals("preadv")) {
            return 0;
          }
          NoThreads.here();
          return -Errno.EIO;
        };
    try (FaultInjection _ = FaultInjection.by(fault)) {
      readLastSector();

      assertEquals("vda STOP", nextEvent());
      assertEquals("paused", nextEvent());
    }
    machine.resume();

    assertEquals("resumed", nextEvent());
    awaitUsed();
    assertEquals(0, status());
  }

  @Test
  void resetOfAGuestWhoseDiskHasFailed_forgetsTheRequest() throws Exception {
    resize(512);
    readLastSector();
    assertEquals("vda STOP", nextEvent());
    assertEquals("paused", nextEvent());

    machine.reset();

    while (machine.isDiskFailed()) {
      Thread.onSpinWait();
    }
    assertTrue(machine.isPaused());
    Board board = parts.board();
    assertEquals(1, board.slots().stream().filter(slot -> slot.address() == 0xd000_0000L).count());
  }
}
