package org.microvm.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;

/**
 * Standard output as the place of the guest's console. A write waits, with one message, while the
 * host's disk is full; what does not fit meanwhile is dropped by the console and counted. Any
 * thread may write.
 */
final class StandardOutput extends OutputStream {
  private static final int CHUNK = 8192;
  private static final long FULL_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  /** Standard output may be non-blocking, because another program that shares it made it so. */
  private static final long BUSY_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private final Fd output;
  private final MemorySegment chunk = Arena.ofAuto().allocate(CHUNK);
  private boolean told;

  /** Creates a view of a descriptor, which is not closed. */
  StandardOutput(Fd output) {
    this.output = output;
  }

  @Override
  public void write(int value) throws IOException {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public synchronized void write(byte[] bytes, int offset, int length) throws IOException {
    int done = 0;
    while (done < length) {
      int part = Math.min(CHUNK, length - done);
      MemorySegment.copy(bytes, offset + done, chunk, ValueLayout.JAVA_BYTE, 0, part);
      long result = output.write(chunk.asSlice(0, part));
      if (result < 0) {
        await((int) -result);
      }
      done += (int) Math.max(0, result);
    }
  }

  private void await(int errno) throws IOException {
    if (errno == Errno.EAGAIN) {
      LockSupport.parkNanos(BUSY_NANOS);
    } else if (Errno.isNoRoom(errno)) {
      if (!told) {
        told = true;
        System.err.printf(
            "microvm: standard output: %s (%s); the guest's console waits until there is room%n",
            Errno.name(errno), Errno.describe(errno));
      }
      LockSupport.parkNanos(FULL_NANOS);
    } else if (errno != Errno.EINTR) {
      throw new ErrnoException("write standard output", errno);
    }
  }
}
