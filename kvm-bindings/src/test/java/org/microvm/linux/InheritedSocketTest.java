package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A socket that a parent process passes by its descriptor number. */
class InheritedSocketTest {
  @TempDir private Path directory;

  private static int number(Fd fd) {
    return (int) fd.with(n -> n);
  }

  @Test
  void socket_isTakenOnce() throws Exception {
    Fd[] pair = UnixSocket.pair();
    try (Fd peer = pair[1];
        Fd taken = InheritedSocket.take(number(pair[0]))) {
      MemorySegment buffer = Arena.ofAuto().allocate(8);
      assertEquals(8, peer.write(buffer));
      assertEquals(8, taken.read(buffer));
      assertEquals(-Errno.EAGAIN, taken.read(buffer));
      assertTrue(UnixSocket.isUnix(taken));
      assertFalse(UnixSocket.isListening(taken));

      var refused = assertThrows(ErrnoException.class, () -> InheritedSocket.take(number(pair[0])));
      assertEquals(Errno.EBUSY, refused.errno());
    }
  }

  @Test
  void whatIsNoSocket_isRefused() throws Exception {
    try (Fd file = Fd.open(Files.createFile(directory.resolve("file")), Fd.READ_ONLY)) {
      var refused = assertThrows(ErrnoException.class, () -> InheritedSocket.take(number(file)));
      assertEquals(Errno.ENOTSOCK, refused.errno());
    }
    assertThrows(ErrnoException.class, () -> InheritedSocket.take(1));
    assertThrows(ErrnoException.class, () -> InheritedSocket.take(1 << 20));
  }

  @Test
  void isListening_listener_isTrue() throws Exception {
    try (UnixListener listener = UnixListener.open(directory.resolve("s"))) {
      assertTrue(UnixSocket.isListening(listener.fd()));
    }
  }
}
