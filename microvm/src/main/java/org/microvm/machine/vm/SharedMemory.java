package org.microvm.machine.vm;

import java.util.ArrayList;
import java.util.List;
import org.microvm.devices.virtio.blk.BlkDevice;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.GuestRam;
import org.microvm.linux.Mapping;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Guest RAM and the register pages, which the event loop and the threads of the disks access. The
 * memory is unmapped after all of them have ended. If one has not ended, the memory stays mapped
 * until the process ends: a read from storage that does not answer may still write into it, and
 * something else could be mapped at its address by then.
 */
final class SharedMemory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SharedMemory.class);

  private final GuestRam ram;
  private final EventLoop loop;
  private final List<BlkDevice> disks = new ArrayList<>();
  private Mapping registers;

  /** Takes over RAM; the loop is closed before this. */
  SharedMemory(GuestRam ram, EventLoop loop) {
    this.ram = ram;
    this.loop = loop;
  }

  /** Maps the register pages. */
  Mapping registers(long bytes) throws ErrnoException {
    registers = Mapping.anonymous(bytes);
    return registers;
  }

  /** Adds a disk, which is closed before this. */
  void usedBy(BlkDevice disk) {
    disks.add(disk);
  }

  @Override
  public void close() {
    if (loop.isRunning() || disks.stream().anyMatch(BlkDevice::isRunning)) {
      LOG.error(
          "{} bytes of guest memory stay mapped, because a thread that uses them has not ended",
          ram.memory().size());
      return;
    }
    if (registers != null) {
      registers.close();
    }
    ram.close();
  }
}
