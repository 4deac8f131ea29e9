package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.state.StateOutput;
import org.microvm.linux.Errno;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** Connections that a source hands over to a destination which does not trust it. */
@RequiresKvm
@Timeout(120)
class HostileSourceTest {
  private static final int PORT = 1;

  @TempDir private Path directory;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  /** The threads of other tests, which may still be ending. */
  private final Set<Thread> others = Thread.getAllStackTraces().keySet();

  private CompletableFuture<Machine> destination;
  private MigrationStream source;

  @BeforeEach
  void connect() throws Exception {
    MachineConfig config =
        SerialEcho.config(
                "", loop -> UnixServerBackend.listenAtTakeover(directory.resolve("channel")))
            .build();
    Path path = directory.resolve("incoming");
    IncomingMigration incoming = IncomingMigration.listen(path);
    destination = ReceivedMachine.of(incoming, config, machine -> {}, threads);
    source = new MigrationStream(UnixSocket.connect(path));
    byte[] hello =
        new StateOutput().putLong(config.memoryBytes()).putInt(config.cpus()).toByteArray();
    source.write(Type.HELLO, MigrationStream.VERSION, hello, List.of());
    assertEquals(Type.OK, source.read().type());
  }

  @AfterEach
  void close() {
    source.close();
    threads.shutdownNow();
  }

  private void assertRefused(String why) throws Exception {
    Frame answer = source.read();
    assertEquals(Type.FAILED, answer.type());
    assertTrue(answer.text().contains(why), answer.text());
    assertThrows(ExecutionException.class, () -> destination.get(60, TimeUnit.SECONDS));
  }

  private static boolean isAtTheEnd(Fd end) {
    return end.read(Arena.ofAuto().allocate(1)) == 0;
  }

  @Test
  void secondLinkOfAPort_isRefusedAndBothAreClosed() throws Exception {
    Fd[] first = UnixSocket.pair();
    Fd[] second = UnixSocket.pair();
    source.write(Type.LINK, PORT, new byte[0], List.of(first[0]));
    source.write(Type.LINK, PORT, new byte[0], List.of(second[0]));
    first[0].close();
    second[0].close();

    assertRefused("has a connection already");
    try (Fd one = first[1];
        Fd two = second[1]) {
      assertTrue(isAtTheEnd(one));
      assertTrue(isAtTheEnd(two));
    }
  }

  @Test
  void sourceThatEnds_leavesNoThread() {
    source.close();

    assertThrows(ExecutionException.class, () -> destination.get(60, TimeUnit.SECONDS));
    assertEquals(
        List.of(),
        Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> !others.contains(thread))
            .map(Thread::getName)
            .filter(name -> name.startsWith("vcpu-") || name.equals("machine"))
            .toList());
  }

  @Test
  void linkOfNoPort_isRefusedAndClosed() throws Exception {
    Fd[] link = UnixSocket.pair();
    source.write(Type.LINK, (1L << 32) + PORT, new byte[0], List.of(link[0]));
    link[0].close();

    assertRefused("there is no port");
    try (Fd end = link[1]) {
      assertTrue(isAtTheEnd(end));
    }
  }

  @Test
  void linkThatWouldBlock_isMadeNonBlocking() throws Exception {
    Fd[] link = UnixSocket.pair();
    try (Fd here = link[0];
        Fd _ = link[1]) {
      here.nonBlocking(false); // of the open file, which the destination shares
      source.write(Type.LINK, PORT, new byte[0], List.of(here));
      source.write(Type.GO); // comes too early

      assertRefused("unexpected frame");
      assertEquals(-Errno.EAGAIN, here.read(Arena.ofAuto().allocate(1)));
    }
  }
}
