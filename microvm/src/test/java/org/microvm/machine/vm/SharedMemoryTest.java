package org.microvm.machine.vm;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.virtio.blk.BlkConfig;
import org.microvm.devices.virtio.blk.BlkDevice;
import org.microvm.devices.virtio.blk.DiskFile;
import org.microvm.linux.EventLoop;
import org.microvm.linux.GuestRam;

/** Guest memory stays mapped while a thread may access it. */
@Timeout(60)
class SharedMemoryTest {
  @TempDir private Path directory;

  private static boolean isMapped(long address) throws Exception {
    String start = "%x-".formatted(address);
    return Files.readAllLines(Path.of("/proc/self/maps")).stream()
        .anyMatch(line -> line.startsWith(start));
  }

  @Test
  void memory_isUnmappedOnceTheLoopHasEnded() throws Exception {
    EventLoop loop = EventLoop.open("loop");
    GuestRam ram = GuestRam.allocate(1 << 20);
    SharedMemory memory = new SharedMemory(ram, loop);
    long pages = memory.registers(4096).segment().address();
    long address = ram.memory().hostAddress(0, 1);
    loop.start();
    loop.close();
    assertTrue(isMapped(address));

    memory.close();

    assertFalse(isMapped(address));
    assertFalse(isMapped(pages));
  }

  @Test
  void memory_staysMappedWhileADisksThreadRuns() throws Exception {
    EventLoop loop = EventLoop.open("loop");
    loop.close();
    GuestRam ram = GuestRam.allocate(1 << 20);
    SharedMemory memory = new SharedMemory(ram, loop);
    long address = ram.memory().hostAddress(0, 1);
    Path image = Files.write(directory.resolve("disk.img"), new byte[512]);
    BlkDevice disk =
        new BlkDevice(new BlkConfig("vda", "vda", true), DiskFile.open(image, true), loop::execute);
    memory.usedBy(disk);

    memory.close();

    assertTrue(isMapped(address));
    disk.close();
    memory.close();
    assertFalse(isMapped(address));
  }

  @Test
  void memory_staysMappedWhileTheLoopRuns() throws Exception {
    EventLoop loop = EventLoop.open("loop");
    GuestRam ram = GuestRam.allocate(1 << 20);
    SharedMemory memory = new SharedMemory(ram, loop);
    long address = ram.memory().hostAddress(0, 1);
    loop.start();

    memory.close();

    assertTrue(isMapped(address));
    loop.close();
    memory.close();
    assertFalse(isMapped(address));
  }
}
