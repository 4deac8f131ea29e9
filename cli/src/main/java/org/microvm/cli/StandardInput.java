package org.microvm.cli;

import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import org.microvm.linux.Errno;
import org.microvm.linux.Fd;

/**
 * Standard input of a command that passes it on to the guest. A program of the host that reads no
 * input succeeds whatever its standard input is; so does one of the guest, as with ssh.
 */
final class StandardInput {
  private StandardInput() {}

  /**
   * Returns an empty stream if nobody can read the input: it was opened only for writing, as nohup
   * opens it in the place of a terminal, or is a directory, which a message reports.
   *
   * @param input the stream of standard input
   */
  static InputStream orNone(InputStream input) {
    long error;
    try (Fd descriptor = Fd.standardInput()) {
      // Reads nothing, but fails if a read would always fail.
      error = -descriptor.read(MemorySegment.NULL);
    }
    if (error == Errno.EISDIR) {
      System.err.println("microvm: standard input is a directory; the input is empty");
    }
    return error == Errno.EISDIR || error == Errno.EBADF ? InputStream.nullInputStream() : input;
  }
}
