package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.qmp.QmpClient;
import org.microvm.sandbox.Sandbox;
import org.microvm.testing.RequiresKvm;

/** Machines in the sandbox: all that a machine does works in both modes. */
@RequiresKvm
@Timeout(60)
class SandboxCommandTest {
  @TempDir private Path directory;
  @TempDir private Path elsewhere;
  private final StringWriter err = new StringWriter();

  @BeforeEach
  void needsLandlock() {
    assumeTrue(Sandbox.landlockVersion() > 0, "the kernel has no Landlock");
  }

  private MachineProcess start(String name, String mode, String... more) throws Exception {
    Path disk = directory.resolve("disk");
    try (RandomAccessFile sparse = new RandomAccessFile(disk.toFile(), "rw")) {
      sparse.setLength(1 << 20);
    }
    List<String> args = new ArrayList<>(List.of("--sandbox", mode, "--disk", disk.toString()));
    args.addAll(List.of("--sandbox-dir", directory.toString(), "--on-reset", "restart"));
    args.addAll(List.of(more));
    return MachineProcess.start(directory, name, args.toArray(String[]::new));
  }

  private int execute(String... args) {
    return Main.execute(new PrintWriter(err, true), args);
  }

  private int snapshot(MachineProcess machine, Path to) throws Exception {
    machine.await(machine.control());
    return execute("snapshot", "--qmp", machine.control().toString(), to.toString());
  }

  /** Resets the machine; returns once the new guest has opened the channel. */
  private static void reset(MachineProcess machine) throws Exception {
    try (QmpClient qmp = machine.qmp()) {
      qmp.execute("system_reset");
      qmp.awaitEvent("RESET");
      while (!qmp.awaitEvent("VSERPORT_CHANGE").path("open").asBoolean()) {}
    }
  }

  private void assertEchoes(MachineProcess machine) throws Exception {
    machine.await(MachineProcess.channel(directory));
    assertChannelEchoes();
  }

  private void assertChannelEchoes() throws Exception {
    Path socket = MachineProcess.channel(directory);
    try (SocketChannel host = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      ByteBuffer text = ByteBuffer.wrap("sandbox".getBytes(StandardCharsets.UTF_8));
      host.write(text);
      ByteBuffer back = ByteBuffer.allocate(text.capacity());
      while (back.hasRemaining() && host.read(back) >= 0) {}
      assertEquals(text.flip(), back.flip());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"on", "strict"})
  void machine_isSavedAndRestored(String mode) throws Exception {
    Path snapshot = directory.resolve("snapshot");
    try (MachineProcess machine = start("first", mode)) {
      assertEchoes(machine);
      assertEquals(0, snapshot(machine, snapshot), err.toString());
      machine.kill();
      // Until its end, its socket accepts connections.
      machine.status();
    }
    try (MachineProcess machine = start("second", mode, "--restore", snapshot.toString())) {
      assertEchoes(machine);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"on", "strict"})
  void machine_isResetAndMigrated(String mode) throws Exception {
    Path incoming = directory.resolve("incoming");
    try (MachineProcess source = start("source", mode)) {
      assertEchoes(source);
      reset(source);
      assertEchoes(source);
      try (MachineProcess target = start("target", mode, "--incoming", "unix:" + incoming)) {
        target.await(incoming);
        String control = source.control().toString();
        assertEquals(0, execute("migrate", "--qmp", control, "unix:" + incoming), err.toString());
        // Until its end, its socket accepts connections. The destination's took its place.
        assertEquals(0, source.status());
        assertChannelEchoes();
      }
    }
  }

  @Test
  void strict_snapshotElsewhereIsRefusedAndTheMachineContinues() throws Exception {
    Path snapshot = elsewhere.resolve("snapshot");
    try (MachineProcess machine = start("strict", "strict")) {
      assertNotEquals(0, snapshot(machine, snapshot));
      assertFalse(Files.exists(snapshot));
      assertEchoes(machine);
    }
  }

  @Test
  void on_snapshotElsewhereIsWritten() throws Exception {
    Path snapshot = elsewhere.resolve("snapshot");
    try (MachineProcess machine = start("on", "on")) {
      assertEquals(0, snapshot(machine, snapshot), err.toString());
      assertTrue(Files.isDirectory(snapshot));
    }
  }

  /** Reads a number of /proc/PID/status. */
  private static int status(MachineProcess machine, String field) throws Exception {
    Path file = Path.of("/proc", Long.toString(machine.process().pid()), "status");
    return Files.readAllLines(file).stream()
        .filter(line -> line.startsWith(field + ":"))
        .mapToInt(line -> Integer.parseInt(line.substring(field.length() + 1).strip()))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void withoutTheOption_theSandboxIsOn() throws Exception {
    int noFilter = 0;
    int filter = 2; // SECCOMP_MODE_FILTER
    try (MachineProcess machine = MachineProcess.start(directory, "default");
        MachineProcess off = MachineProcess.start(elsewhere, "off", "--sandbox", "off")) {
      machine.await(machine.control());
      assertEquals(filter, status(machine, "Seccomp"));
      off.await(off.control());
      assertEquals(noFilter, status(off, "Seccomp"));
      Path forbidden = Path.of("/usr/microvm-sandbox-test");
      assertNotEquals(0, snapshot(machine, forbidden));
      assertFalse(Files.exists(forbidden));
      assertEchoes(machine);
    }
  }

  @Test
  void profile_writesItsFile() throws Exception {
    Path folded = elsewhere.resolve("folded");
    try (MachineProcess machine =
        MachineProcess.startCommand(
            "profile",
            directory,
            "profile",
            "--sandbox",
            "strict",
            "--folded",
            folded.toString())) {
      machine.await(machine.control());
      execute("ctl", "--qmp", machine.control().toString(), "quit");
      assertEquals(0, machine.status(), err.toString());
      assertTrue(Files.exists(folded));
    }
  }

  @Test
  void strict_fileOfAnOptionIsWritten() throws Exception {
    Path stats = elsewhere.resolve("stats");
    try (MachineProcess machine = start("stats", "strict", "--exit-stats", stats.toString())) {
      assertEchoes(machine);
      execute("ctl", "--qmp", machine.control().toString(), "quit");
      assertEquals(0, machine.status());
      assertTrue(Files.readString(stats).contains("exitsByReason"));
    }
  }
}
