package org.microvm.socket;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SocketQueueTest {
  @TempDir private Path directory;

  @Test
  void severalClients_areThoseThatWaitBehindOneThatIsServed() throws Exception {
    Path path = directory.resolve("a socket");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(path));
      try (SocketChannel _ = UnixConnection.open(path)) {
        assertFalse(SocketQueue.hasSeveral(path));
        try (SocketChannel _ = server.accept()) {
          assertFalse(SocketQueue.hasSeveral(path));
          try (SocketChannel _ = UnixConnection.open(path)) {
            assertTrue(SocketQueue.hasSeveral(path));
          }
        }
      }
    }
    assertFalse(SocketQueue.hasSeveral(path));
  }

  @Test
  void severalClients_areFoundThroughALinkToASocketThatWasMoved() throws Exception {
    Path bound = directory.resolve("socket.incoming");
    Path path = directory.resolve("socket");
    Path link = Files.createSymbolicLink(directory.resolve("link"), path);
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(bound));
      Files.move(bound, path);
      try (SocketChannel _ = UnixConnection.open(path);
          SocketChannel _ = server.accept();
          SocketChannel _ = UnixConnection.open(link)) {
        assertTrue(SocketQueue.hasSeveral(path));
        assertTrue(SocketQueue.hasSeveral(link));
      }
    }
  }
}
