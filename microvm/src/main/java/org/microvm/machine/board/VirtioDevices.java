package org.microvm.machine.board;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.microvm.devices.virtio.blk.BlkBackend;
import org.microvm.devices.virtio.blk.BlkConfig;
import org.microvm.devices.virtio.blk.BlkDevice;
import org.microvm.devices.virtio.blk.DiskFile;
import org.microvm.devices.virtio.blk.DiskUse;
import org.microvm.devices.virtio.blk.OverlayDisk;
import org.microvm.devices.virtio.rng.EntropySource;
import org.microvm.devices.virtio.rng.RngDevice;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.DiskConfig;

/** Creates the virtio devices other than virtio-serial and plugs them into a board. */
public final class VirtioDevices {
  private final Board board;
  private final WritableDisks writable;
  private final Map<String, DiskConfig> disks = new LinkedHashMap<>();

  /** Creates devices for a board; disks that the guest may write are opened by {@code writable}. */
  public VirtioDevices(Board board, WritableDisks writable) {
    this.board = board;
    this.writable = writable;
  }

  /** Adds the next disk: vda, vdb and so on. The caller closes it. */
  public BlkDevice disk(DiskConfig config) throws IOException {
    String name = "vd" + (char) ('a' + disks.size());
    checkShared(name, config);
    disks.put(name, config);
    BlkBackend file = config.overlay() && !config.readOnly() ? overlay(config) : open(config);
    BlkConfig settings =
        new BlkConfig(name, name, config.readOnly(), config.policy(), board.loop().isShared());
    BlkDevice device = device(settings, file);
    try {
      board.plug(device);
      return device;
    } catch (ErrnoException | RuntimeException | Error e) {
      device.close();
      throw e;
    }
  }

  /** Creates a device, which closes the file with itself. */
  private BlkDevice device(BlkConfig settings, BlkBackend file) {
    try {
      return new BlkDevice(settings, file, board.loop()::execute);
    } catch (RuntimeException | Error e) {
      // For example, there is no thread for the disk.
      file.close();
      throw e;
    }
  }

  private static OverlayDisk overlay(DiskConfig config) throws IOException {
    OverlayDisk disk = OverlayDisk.open(config.file());
    try {
      // As for a read-only disk: the guest cannot overwrite another format.
      disk.check(config.file(), new DiskUse(true, config.raw()));
      return disk;
    } catch (IOException | RuntimeException | Error e) {
      disk.close();
      throw e;
    }
  }

  private DiskFile open(DiskConfig config) throws IOException {
    Path image = config.file();
    DiskFile file = config.readOnly() ? DiskFile.open(image, true) : writable.open(image);
    try {
      file.check(image, new DiskUse(config.readOnly(), config.raw()));
      return file;
    } catch (IOException | RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /** Refuses an image that two disks have and one of them writes. */
  private void checkShared(String name, DiskConfig config) throws IOException {
    for (Map.Entry<String, DiskConfig> other : disks.entrySet()) {
      boolean written = config.writesImage() || other.getValue().writesImage();
      if (written && isSame(config.file(), other.getValue().file())) {
        throw new IOException(
            "%s is the image of both %s and %s: only read-only disks can share an image"
                .formatted(config.file(), other.getKey(), name));
      }
    }
  }

  private static boolean isSame(Path one, Path other) {
    try {
      return Files.isSameFile(one, other);
    } catch (IOException e) {
      return false; // Opening the file fails as well, and says why.
    }
  }

  /** Adds a virtio-rng device with a source that stays the caller's. */
  public void entropy(EntropySource source) throws ErrnoException {
    board.plug(new RngDevice(source));
  }

  /** Adds a virtio-rng device; the caller closes its source of random bytes. */
  public AutoCloseable entropy() throws ErrnoException {
    EntropySource source = EntropySource.ofHost();
    try {
      board.plug(new RngDevice(source));
      return source;
    } catch (ErrnoException | RuntimeException | Error e) {
      source.close();
      throw e;
    }
  }
}
