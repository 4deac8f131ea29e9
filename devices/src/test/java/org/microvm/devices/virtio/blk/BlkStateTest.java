package org.microvm.devices.virtio.blk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.devices.testing.RecordingIrqTrigger;
import org.microvm.devices.testing.TaskQueue;
import org.microvm.devices.testing.TestDriver;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.UsedBuffer;
import org.microvm.devices.virtio.VirtioMmioTransport;

/** Saves and restores a disk while requests are in flight. */
@Timeout(60)
class BlkStateTest {
  private static final String NAME = "virtio.0";

  @TempDir Path directory;
  private final TestRam ram = TestRam.of(4 << 20);
  private final TaskQueue loop = new TaskQueue();
  private final RecordingIrqTrigger interrupt = new RecordingIrqTrigger();

  private BlkDevice device(int bytes) throws Exception {
    Path image = Files.createTempFile(directory, "disk", ".img");
    byte[] content = new byte[bytes];
    Arrays.fill(content, (byte) 7);
    Files.write(image, content);
    return new BlkDevice(new BlkConfig("vda", "serial", false), DiskFile.open(image, false), loop);
  }

  private int read(TestDriver driver, long sector, long data, long status) {
    byte[] header =
        ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN).putLong(8, sector).array();
    return driver.send(
        0, readable(ram.store(header), 16), writable(data, 512), writable(status, 1));
  }

  @Test
  void requestsInFlight_areAnsweredBeforeTheSaveIsDone() throws Exception {
    try (BlkDevice before = device(64 << 10);
        BlkDevice after = device(64 << 10)) {
      VirtioMmioTransport old = new VirtioMmioTransport(before, ram.memory(), interrupt);
      TestDriver driver = new TestDriver(old, ram).start();
      long data = ram.allocate(512 * 100, 1);
      Set<Integer> heads = new HashSet<>();
      for (int i = 0; i < 20; i++) {
        heads.add(read(driver, i, data + 512 * i, data + 512 * 99));
      }

      StateWriter writer = new StateWriter();
      old.save(writer, NAME);

      for (UsedBuffer used : driver.queue(0).collect()) {
        assertTrue(heads.remove(used.head()));
      }
      assertEquals(Set.of(), heads);
      assertEquals(7, ram.load(data + 512 * 19, 1)[0]);

      // The driver continues with the new device: same memory, same ring.
      VirtioMmioTransport current = new VirtioMmioTransport(after, ram.memory(), interrupt);
      int interrupts = interrupt.count();
      StateReader reader = StateReader.of(writer.toByteArray());
      current.restore(reader, NAME);
      reader.end();
      assertEquals(
          interrupts + 1,
          interrupt.count(),
          "an interrupt that was not acknowledged is raised again");
      old.write(0x070, 4, 0); // reset, so that the old device no longer uses the ring
      int head = read(driver, 5, data, data + 512 * 99);
      current.resume();
      while (driver.queue(0).usedIndex() != 21) {
        loop.runNext();
      }
      assertEquals(new UsedBuffer(head, 513), driver.queue(0).poll());
      assertNull(driver.queue(0).poll());
    }
  }

  @Test
  void anotherDisk_isRefused() throws Exception {
    try (BlkDevice before = device(64 << 10);
        BlkDevice after = device(32 << 10)) {
      StateWriter writer = new StateWriter();
      new VirtioMmioTransport(before, ram.memory(), interrupt).save(writer, NAME);
      StateReader reader = StateReader.of(writer.toByteArray());

      StateException refused =
          assertThrows(
              StateException.class,
              () -> new VirtioMmioTransport(after, ram.memory(), interrupt).restore(reader, NAME));

      assertTrue(refused.getMessage().contains("128 sectors"), refused.getMessage());
    }
  }
}
