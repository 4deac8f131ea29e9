package org.microvm.devices.virtio.rng;

import java.nio.file.Path;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.IovecArray;

/** A source of random bytes. Any thread may call; never blocks. */
public interface EntropySource extends AutoCloseable {
  /**
   * Fills the ranges from the start.
   *
   * @param target mapped memory that receives the bytes
   * @return number of bytes filled, or a negative errno
   */
  long fill(IovecArray target);

  @Override
  void close();

  /**
   * Opens the kernel's random generator, which is already seeded on a running host.
   *
   * @return the source, which the caller closes
   * @throws ErrnoException if {@code /dev/urandom} cannot be opened
   */
  static EntropySource ofHost() throws ErrnoException {
    Fd device = Fd.open(Path.of("/dev/urandom"), Fd.READ_ONLY);
    return new EntropySource() {
      @Override
      public long fill(IovecArray target) {
        return device.readv(target);
      }

      @Override
      public void close() {
        device.close();
      }
    };
  }
}
