package org.microvm.cli.serve;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.cli.named.Machines;

@Timeout(60)
class ServerFilesTest {
  private static final String MACHINES = "microvm.machines";

  @TempDir private Path parent;

  @BeforeEach
  void useDirectoryOfTest() {
    System.setProperty(MACHINES, parent.resolve("microvm").toString());
  }

  @AfterEach
  void useDirectoryOfUser() {
    System.clearProperty(MACHINES);
  }

  @Test
  void socketOfAServer_isRemovedOnceNobodyHoldsIt() throws Exception {
    ServerFiles files = new ServerFiles(Machines.ofUser());
    Path socket = files.socket();
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      files.removeStaleSocket();
      assertTrue(Files.exists(socket));
    }

    files.removeStaleSocket();

    assertFalse(Files.exists(socket));
  }
}
