package org.microvm.machine;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.microvm.linux.Errno;
import org.microvm.linux.Fd;

/**
 * Simulates the host program of a channel.
 *
 * @param socket its end of the connection, non-blocking
 * @param buffer holds the longest message
 */
record WarmupPeer(Fd socket, MemorySegment buffer) {
  void send(int bytes) throws IOException {
    long sent = socket.write(buffer.asSlice(0, bytes));
    if (sent != bytes) {
      throw new IOException("sent %d of %d bytes".formatted(sent, bytes));
    }
  }

  void receive(int bytes) throws IOException {
    WarmupWait wait = new WarmupWait();
    long left = bytes;
    while (left > 0) {
      long received = socket.read(buffer.asSlice(0, left));
      if (received > 0) {
        left -= received;
      } else if (received == -Errno.EAGAIN) {
        wait.pause();
      } else {
        throw new IOException("received " + received);
      }
    }
  }
}
