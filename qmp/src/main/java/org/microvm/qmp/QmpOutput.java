package org.microvm.qmp;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import org.microvm.linux.Errno;
import org.microvm.linux.Fd;

/** The lines that a client has not received yet, sent as the socket has room. Never blocks. */
final class QmpOutput {
  /** Nothing is read from a client with more unread bytes than this. */
  private static final int ENOUGH_PENDING = 64 << 10;

  private static final int CHUNK = 16 << 10;

  private final Fd fd;
  private final MemorySegment chunk = Arena.ofAuto().allocate(CHUNK);
  private final Deque<byte[]> lines = new ArrayDeque<>();

  /** Bytes of the first line that were sent. */
  private int sent;

  private int pending;

  QmpOutput(Fd fd) {
    this.fd = fd;
  }

  /** Bytes that are waiting to be sent. */
  int pending() {
    return pending;
  }

  /** Whether the unread output is so large that no further command may run. */
  boolean isFull() {
    return pending > ENOUGH_PENDING;
  }

  void add(byte[] line) {
    lines.addLast(line);
    pending += line.length;
  }

  /**
   * Writes as much as the socket accepts.
   *
   * @return false if the client is gone
   */
  boolean flush() {
    while (!lines.isEmpty()) {
      byte[] line = lines.getFirst();
      int length = Math.min(line.length - sent, CHUNK);
      MemorySegment.copy(line, sent, chunk, ValueLayout.JAVA_BYTE, 0, length);
      long written = fd.write(chunk.asSlice(0, length));
      if (written == -Errno.EAGAIN) {
        return true;
      }
      if (written < 0 && written != -Errno.EINTR) {
        return false;
      }
      sent += (int) Math.max(written, 0);
      pending -= (int) Math.max(written, 0);
      if (sent == line.length) {
        lines.removeFirst();
        sent = 0;
      }
    }
    return true;
  }
}
