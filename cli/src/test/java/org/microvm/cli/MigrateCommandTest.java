package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.qmp.QmpClient;
import org.microvm.qmp.QmpException;
import org.microvm.testing.RequiresKvm;

/** {@code microvm migrate} over a unix socket. */
@RequiresKvm
@Timeout(180)
class MigrateCommandTest {
  @TempDir private Path directory;
  private final List<MachineProcess> processes = new ArrayList<>();

  @AfterEach
  void close() {
    processes.forEach(MachineProcess::close);
  }

  private MachineProcess own(MachineProcess process) {
    processes.add(process);
    return process;
  }

  private SocketChannel connect() throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(MachineProcess.channel(directory)));
  }

  private static String migrate(MachineProcess from, Path to, String memory) {
    StringWriter err = new StringWriter();
    int status =
        Main.execute(
            new PrintWriter(err, true),
            "migrate",
            "--qmp",
            from.control().toString(),
            "--memory",
            memory,
            "unix:" + to);
    return status == 0 ? "" : err.toString();
  }

  private static void echo(SocketChannel host, String text) throws IOException {
    host.write(ByteBuffer.wrap(text.getBytes()));
    ByteBuffer back = ByteBuffer.allocate(text.length());
    while (back.hasRemaining()) {
      assertTrue(host.read(back) >= 0, "the connection ended");
    }
    assertEquals(text, new String(back.array()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"auto", "copy", "share"})
  void migrate_throughThreeProcesses_keepsTheConnection(String memory) throws Exception {
    MachineProcess current = own(MachineProcess.start(directory, "p0"));
    current.await(current.control());
    try (SocketChannel host = connect()) {
      echo(host, "here");
      for (int i = 1; i <= 3; i++) {
        MachineProcess next = own(MachineProcess.awaitGuest(directory, "p" + i));

        assertEquals("", migrate(current, directory.resolve("p" + i + ".incoming"), memory));

        assertEquals(0, current.status(), current.output());
        echo(host, "there " + i);
        current = next;
        current.await(current.control());
      }
    }
    try (SocketChannel another = connect()) {
      echo(another, "by the path");
    }
  }

  /** As clients of QEMU expect it: both control sockets are there before and after. */
  @Test
  void controlSockets_areThereBeforeAndAfter() throws Exception {
    MachineProcess source = own(MachineProcess.start(directory, "p0", "--on-migrate", "stay"));
    MachineProcess target = own(MachineProcess.start(directory, "p1", "--incoming", "defer"));
    String uri = "unix:" + directory.resolve("in");
    try (QmpClient from = source.qmp();
        QmpClient to = target.qmp()) {
      assertEquals("inmigrate", to.execute("query-status").path("status").asText());
      assertThrows(QmpException.class, () -> to.execute("x-query-ports"));
      assertEquals(1, to.execute("query-chardev").size());
      to.execute("migrate-incoming", QmpClient.arguments().put("uri", uri));
      // As with -S: the guest stays paused when it has arrived.
      to.execute("stop");

      from.execute("migrate", QmpClient.arguments().put("uri", uri));
      assertEquals("completed", from.awaitEvent("MIGRATION").path("status").asText());

      JsonNode done = from.execute("query-migrate");
      assertEquals(16 << 20, done.path("ram").path("total").asInt());
      while (!from.execute("query-status").path("status").asText().equals("postmigrate")) {
        assertTrue(source.process().isAlive());
      }
      while (to.execute("query-status").path("status").asText().equals("inmigrate")) {
        assertTrue(target.process().isAlive());
      }
      assertEquals("paused", to.execute("query-status").path("status").asText());
      to.execute("cont");
      assertEquals(1, to.execute("x-query-ports").size());
      from.execute("quit");
      assertEquals(0, source.status(), source.output());
    }
    try (SocketChannel host = connect()) {
      echo(host, "there");
    }
  }

  @Test
  void quit_beforeTheGuestArrives_endsTheProcess() throws Exception {
    MachineProcess target = own(MachineProcess.start(directory, "p1", "--incoming", "defer"));
    try (QmpClient to = target.qmp()) {
      to.execute("quit");

      assertEquals("host-qmp-quit", to.awaitEvent("SHUTDOWN").path("reason").asText());
      assertEquals(0, target.status(), target.output());
    }
    assertFalse(Files.exists(target.control()));
  }

  @Test
  void migrate_toNobody_saysSoInOneLine() throws Exception {
    MachineProcess source = own(MachineProcess.start(directory, "p0"));
    source.await(source.control());

    String message = migrate(source, directory.resolve("nobody"), "auto");

    assertEquals(1, message.lines().count(), message);
    assertTrue(message.contains("nobody"), message);
    try (SocketChannel host = connect()) {
      echo(host, "still here");
    }
  }

  @Test
  void migrate_afterOneWithOtherOptions_usesTheDefaults() throws Exception {
    MachineProcess source = own(MachineProcess.start(directory, "p0"));
    source.await(source.control());
    String control = source.control().toString();
    PrintWriter ignored = new PrintWriter(new StringWriter());
    String pki = directory.resolve("absent").toString();
    List<String> options =
        List.of("--tls-creds", pki, "--tls-hostname", "b", "--downtime-limit", "7");
    List<String> words = new ArrayList<>(List.of("migrate", "--qmp", control));
    words.addAll(options);
    words.add("tcp:127.0.0.1:1");
    assertEquals(Main.FAILED, Main.execute(ignored, words.toArray(String[]::new)));
    MachineProcess target = own(MachineProcess.awaitGuest(directory, "p1"));

    String message = migrate(source, directory.resolve("nobody"), "auto");

    assertTrue(message.contains("nobody"), message);
    try (QmpClient client = source.qmp()) {
      JsonNode parameters = client.execute("query-migrate-parameters");
      assertEquals("", parameters.path("tls-creds").asText());
      assertEquals("", parameters.path("tls-hostname").asText());
      assertEquals(20, parameters.path("downtime-limit").asInt());
    }
    assertEquals("", migrate(source, directory.resolve("p1.incoming"), "auto"));
    assertEquals(0, source.status(), source.output());
    target.await(target.control());
  }

  @Test
  void migrate_memoryInAnUnknownWay_isRefused() throws Exception {
    MachineProcess source = own(MachineProcess.start(directory, "p0"));
    source.await(source.control());

    String message = migrate(source, directory.resolve("nobody"), "borrow");

    assertTrue(message.contains("'borrow' is not auto, copy or share"), message);
  }
}
