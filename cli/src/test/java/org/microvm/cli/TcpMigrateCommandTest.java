package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.sandbox.Sandbox;
import org.microvm.testing.RequiresKvm;
import org.microvm.transport.TestAuthority;

/** Migration over TCP by the command line. */
@Timeout(60)
class TcpMigrateCommandTest {
  private static final String WAITS = "waiting at ";

  @TempDir private Path directory;
  private final List<MachineProcess> processes = new ArrayList<>();
  private final StringWriter err = new StringWriter();

  @AfterEach
  void close() {
    processes.forEach(MachineProcess::close);
  }

  private MachineProcess start(String name, String... more) throws IOException {
    MachineProcess process = MachineProcess.start(directory, name, more);
    processes.add(process);
    return process;
  }

  private int execute(String... args) {
    return Main.execute(new PrintWriter(err, true), args);
  }

  /** The address at which a process waits, with the port that the kernel chose. */
  private static String address(MachineProcess destination) throws IOException {
    BufferedReader output = destination.process().inputReader();
    String line = output.readLine();
    while (line != null && !line.contains(WAITS)) {
      line = output.readLine();
    }
    assertTrue(line != null, "the process did not print its address");
    return line.substring(line.indexOf(WAITS) + WAITS.length());
  }

  private void assertEchoes(String text) throws IOException {
    try (SocketChannel host =
        SocketChannel.open(UnixDomainSocketAddress.of(MachineProcess.channel(directory)))) {
      host.write(ByteBuffer.wrap(text.getBytes()));
      ByteBuffer back = ByteBuffer.allocate(text.length());
      while (back.hasRemaining()) {
        assertTrue(host.read(back) >= 0, "the connection ended");
      }
      assertEquals(text, new String(back.array()));
    }
  }

  @Test
  @RequiresKvm
  void migrate_withCredentials_movesTheGuest() throws Exception {
    String pki = new TestAuthority().writeCredentials(directory.resolve("pki")).toString();
    MachineProcess source = start("p0");
    source.await(source.control());
    assertEchoes("here");
    MachineProcess destination = start("p1", "--incoming", "tcp:127.0.0.1:0", "--tls-creds", pki);

    int status =
        execute(
            "migrate",
            "--qmp",
            source.control().toString(),
            "--tls-creds",
            pki,
            address(destination));

    assertEquals(0, status, err.toString());
    assertEquals(0, source.status());
    destination.await(destination.control());
    assertEchoes("there");
  }

  @Test
  @RequiresKvm
  void migrate_withCredentialsInTheStrictSandbox_movesTheGuest() throws Exception {
    assumeTrue(Sandbox.landlockVersion() > 0, "the kernel has no Landlock");
    String pki = new TestAuthority().writeCredentials(directory.resolve("pki")).toString();
    MachineProcess destination =
        start(
            "p1",
            "--incoming",
            "tcp:127.0.0.1:0",
            "--tls-creds",
            pki,
            "--sandbox",
            "strict",
            "--sandbox-dir",
            directory.toString());
    String address = address(destination);
    String port = address.replaceAll(".*:", "");
    MachineProcess source =
        start(
            "p0",
            "--sandbox",
            "strict",
            "--sandbox-port",
            port,
            "--sandbox-dir",
            directory.toString());
    source.await(source.control());
    assertEchoes("here");

    int status =
        execute("migrate", "--qmp", source.control().toString(), "--tls-creds", pki, address);

    assertEquals(0, status, err.toString());
    assertEquals(0, source.status());
    destination.await(destination.control());
    assertEchoes("there");
  }

  @Test
  @RequiresKvm
  void migrate_withStrangersCredentials_saysSoInOneLine() throws Exception {
    String ours = new TestAuthority().writeCredentials(directory.resolve("ours")).toString();
    String theirs = new TestAuthority().writeCredentials(directory.resolve("theirs")).toString();
    MachineProcess source = start("p0");
    source.await(source.control());
    MachineProcess destination =
        start("p1", "--incoming", "tcp:127.0.0.1:0", "--tls-creds", theirs);

    int status =
        execute(
            "migrate",
            "--qmp",
            source.control().toString(),
            "--tls-creds",
            ours,
            address(destination));

    assertEquals(Main.FAILED, status);
    assertEquals(1, err.toString().lines().count(), err.toString());
    assertTrue(err.toString().contains("TLS"), err.toString());
    assertEchoes("still here");
  }

  private void assertUsage(String reason, String... args) {
    assertEquals(Main.USAGE, execute(args));
    assertEquals(1, err.toString().lines().count(), err.toString());
    assertTrue(err.toString().contains(reason), err.toString());
  }

  @Test
  void migrate_unencryptedWithoutTheWord_isRefused() {
    assertUsage("tls=off", "migrate", "--qmp", "nowhere", "tcp:host-b:4444");
  }

  @Test
  void migrate_hostNameWithoutCredentials_isRefused() {
    assertUsage(
        "--tls-creds",
        "migrate",
        "--qmp",
        "nowhere",
        "--tls-hostname",
        "b",
        "tcp:host-b:4444,tls=off");
  }

  @ParameterizedTest
  @ValueSource(strings = {"tcp:127.0.0.1:0", "tcp:127.0.0.1"})
  @RequiresKvm
  void incoming_unencryptedWithoutTheWord_isRefused(String address) throws Exception {
    MachineProcess process = start("p0", "--incoming", address);

    assertEquals(Main.USAGE, process.status());
    assertTrue(process.output().contains("tls=off"), process.output());
  }
}
