package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

/** {@code microvm fence} and machines with names; the test plays the guest that asks. */
@Timeout(120)
class FenceCommandTest {
  private static final int OFF = 1;
  private static final int REBOOT = 2;
  private static final int ON = 3;
  private static final int STATUS = 4;

  private static final Path GUEST =
      Path.of(System.getProperty("microvm.home", ".."))
          .resolve("test-images/target/bare-metal/spin");

  @TempDir private Path directory;

  private final List<Process> processes = new ArrayList<>();

  private Process microvm(String... words) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(ChildJvm.command(Main.class, words))
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectErrorStream(true);
    builder.environment().put("XDG_RUNTIME_DIR", directory.toString());
    Process process = builder.start();
    processes.add(process);
    return process;
  }

  private static String[] victim() {
    return new String[] {"run", "--detach", "--name", "b", "-m", "16M", "--kernel", "" + GUEST};
  }

  /** A program for {@code --start}. */
  private Path starter() throws IOException {
    Path program = directory.resolve("start-b");
    String words = String.join("' '", ChildJvm.command(Main.class, victim()));
    Files.writeString(program, "#!/bin/sh\nexec '" + words + "'\n");
    return Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
  }

  /** The process that the lock names; the file of one that was killed stays. */
  private Optional<ProcessHandle> lockHolder() throws IOException {
    String pid = Files.readString(directory.resolve("microvm/b/lock"));
    return ProcessHandle.of(Long.parseLong(pid));
  }

  private ProcessHandle victimProcess() throws IOException {
    return lockHolder().orElseThrow();
  }

  private int ask(SocketChannel guest, int action, String machine) throws IOException {
    ByteBuffer request = ByteBuffer.allocate(74).order(ByteOrder.LITTLE_ENDIAN);
    request.putInt(0x61626261).put((byte) action).put((byte) 0);
    request.put(machine.getBytes(StandardCharsets.US_ASCII));
    guest.write(request.position(0));
    ByteBuffer answer = ByteBuffer.allocate(5);
    while (answer.hasRemaining()) {
      assertTrue(guest.read(answer) >= 0, "the service has ended the connection");
    }
    return answer.get(4);
  }

  @AfterEach
  void end() throws IOException {
    processes.forEach(Process::destroyForcibly);
    if (Files.exists(directory.resolve("microvm/b/lock"))) {
      lockHolder().ifPresent(ProcessHandle::destroyForcibly);
    }
  }

  @Test
  @RequiresKvm
  void machine_isOffOnceTheGuestIsTold() throws Exception {
    assertEquals(0, microvm(victim()).waitFor());
    Path path = directory.resolve("a.fence");
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(UnixDomainSocketAddress.of(path));
      Process service =
          microvm("fence", "--channel", "a=" + path, "--allow", "a=b", "--start", "b=" + starter());
      BufferedReader log = service.inputReader();
      assertEquals("fence: a: connected to " + path, log.readLine());
      try (SocketChannel guest = listener.accept()) {
        assertEquals("fence: a: requests are answered now", log.readLine());
        assertEquals(0, ask(guest, STATUS, "b"));

        ProcessHandle first = victimProcess();
        assertEquals(0, ask(guest, REBOOT, "b"));
        assertTrue(first.isAlive());
        assertEquals(0, ask(guest, OFF, "b"));
        // The machine gives its name back after its vCPUs have ended; the JVM ends later.
        assertFalse(Files.exists(directory.resolve("microvm/b/lock")));
        assertEquals(2, ask(guest, STATUS, "b"));

        assertEquals(0, ask(guest, ON, "b"));
        ProcessHandle second = victimProcess();
        stop(second);
        assertEquals(0, ask(guest, STATUS, "b"));
        assertEquals(0, ask(guest, OFF, "b"));
        // It has given the name back because it was killed. The kernel may still be freeing it.
        second.onExit().get(30, TimeUnit.SECONDS);
        assertEquals(3, ask(guest, OFF, "c"));
      }
      assertEquals("fence: a: REBOOT b: SUCCESS", log.readLine());
      assertEquals("fence: a: OFF b: SUCCESS", log.readLine());
    }
  }

  /** A process that does not answer. */
  private static void stop(ProcessHandle process) throws Exception {
    assertEquals(
        0, new ProcessBuilder("kill", "-STOP", Long.toString(process.pid())).start().waitFor());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--channel a --allow a=b | --channel a does not have the form GUEST=PATH",
        "--channel a=/x --allow a= | --allow a= does not have the form GUEST=NAME[,NAME...]",
        "--channel a=/x --allow c=b | --allow c=b: there is no --channel c=PATH",
        "--channel west=/x --allow wset=b | --allow wset=b: there is no --channel wset=PATH; did you mean west?",
        "--channel a=/x --allow a=node --start nod=/bin/sh | --start nod=/bin/sh: no guest may fence nod (--allow); did you mean node?",
        "--channel a=/x --channel a=/y --allow a=b | --channel a=/y: a has two channels",
        "--channel a=/x --allow a=b --start b=/nothing | --start b=/nothing: /nothing is not a program",
        "--channel a=/x --allow a=b --start c=/bin/sh | --start c=/bin/sh: no guest may fence c (--allow)"
      })
  void wrongOption_isRefused(String words, String message) {
    StringWriter err = new StringWriter();

    int status = Main.execute(new PrintWriter(err), ("fence " + words).split(" "));

    assertEquals("microvm: " + message + "\n", err.toString());
    assertEquals(Main.USAGE, status);
  }

  @Test
  void channelWithATooLongPath_isRefused() {
    StringWriter err = new StringWriter();
    String path = "/" + "x".repeat(106);

    int status =
        Main.execute(
            new PrintWriter(err),
            List.of("fence", "--channel", "a=" + path, "--allow", "a=b", "--start", "b=/bin/sh")
                .toArray(String[]::new));

    assertEquals(
        "microvm: --channel a=%s: a socket's path has at most 106 bytes, this one has 107\n"
            .formatted(path),
        err.toString());
    assertEquals(Main.USAGE, status);
  }

  @Test
  void machineThatDoesNotRunAndCannotBeStarted_isRefused() {
    System.setProperty("microvm.machines", directory.resolve("microvm").toString());
    StringWriter err = new StringWriter();

    int status = Main.execute(new PrintWriter(err), "fence", "--channel", "a=/x", "--allow", "a=b");

    System.clearProperty("microvm.machines");
    assertTrue(err.toString().startsWith("microvm: there is no machine 'b'"), err::toString);
    assertEquals(Main.FAILED, status);
  }
}
