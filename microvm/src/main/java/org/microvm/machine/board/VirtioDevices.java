package org.microvm.machine.board;

import java.io.IOException;
import org.microvm.devices.virtio.blk.BlkConfig;
import org.microvm.devices.virtio.blk.BlkDevice;
import org.microvm.devices.virtio.blk.DiskFile;
import org.microvm.devices.virtio.rng.EntropySource;
import org.microvm.devices.virtio.rng.RngDevice;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.DiskConfig;

/** Creates the virtio devices other than virtio-serial and plugs them into a board. */
public final class VirtioDevices {
  private final Board board;
  private final WritableDisks writable;
  private int disks;

  /** Creates devices for a board; disks that the guest may write are opened by {@code writable}. */
  public VirtioDevices(Board board, WritableDisks writable) {
    this.board = board;
    this.writable = writable;
  }

  /** Adds the next disk: vda, vdb and so on. The caller closes it. */
  public BlkDevice disk(DiskConfig config) throws IOException {
    String name = "vd" + (char) ('a' + disks++);
    DiskFile file =
        config.readOnly() ? DiskFile.open(config.file(), true) : writable.open(config.file());
    BlkDevice device =
        new BlkDevice(new BlkConfig(name, name, config.readOnly()), file, board.loop()::execute);
    try {
      board.plug(device);
      return device;
    } catch (ErrnoException e) {
      device.close();
      throw e;
    }
  }

  /** Adds a virtio-rng device; the caller closes its source of random bytes. */
  public AutoCloseable entropy() throws ErrnoException {
    EntropySource source = EntropySource.ofHost();
    try {
      board.plug(new RngDevice(source));
      return source;
    } catch (ErrnoException e) {
      source.close();
      throw e;
    }
  }
}
