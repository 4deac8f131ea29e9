package org.microvm.sandbox;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.channels.Pipe;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.testing.ChildJvm;

/** The sandbox of a real JVM, in separate processes. */
@Timeout(60)
class SandboxTest {
  /** Status of a process that SIGSYS has killed. */
  private static final int KILLED_BY_SIGSYS = 128 + 31;

  private static final String EXECVE = "call 59 0";

  @TempDir private Path allowed;
  @TempDir private Path other;
  private int status;

  private List<String> run(SandboxMode mode, String... actions) throws Exception {
    List<String> command =
        ChildJvm.command(SandboxedProgram.class, mode.name(), allowed.toString());
    command.addAll(List.of(actions));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    try (var output = process.getInputStream()) {
      List<String> lines =
          new String(output.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
      assertTrue(process.waitFor(30, TimeUnit.SECONDS));
      status = process.exitValue();
      return lines;
    } finally {
      process.destroyForcibly();
    }
  }

  private static List<String> inEachThread(String action, String result) {
    return List.of(
        action + " main " + result, action + " earlier " + result, action + " later " + result);
  }

  private static void needsLandlock() {
    assumeTrue(Sandbox.landlockVersion() > 0, "the kernel has no Landlock");
  }

  @Test
  void on_forbiddenCallFailsInEachThread() throws Exception {
    assertEquals(inEachThread(EXECVE, "-1"), run(SandboxMode.ON, EXECVE));
    assertEquals(0, status);
  }

  @Test
  void strict_forbiddenCallKillsTheProcess() throws Exception {
    needsLandlock();

    assertEquals(List.of(), run(SandboxMode.STRICT, EXECVE));
    assertEquals(KILLED_BY_SIGSYS, status);
  }

  @Test
  void on_allThreadsHaveTheFilter_alsoThoseOfTheJvm() throws Exception {
    assertEquals(
        inEachThread("threads", "[NoNewPrivs: 1, Seccomp: 2]"), run(SandboxMode.ON, "threads"));
  }

  @Test
  void on_readsEverywhereAndWritesWhereTheRulesSay() throws Exception {
    needsLandlock();
    Path file = Files.writeString(other.resolve("file"), "text");
    String read = "read " + file;
    String write = "write " + file;
    String allowedWrite = "write " + allowed.resolve("new");

    List<String> expected = new ArrayList<>(inEachThread(read, "ok"));
    expected.addAll(inEachThread(write, "denied"));
    expected.addAll(inEachThread(allowedWrite, "ok"));
    assertEquals(expected, run(SandboxMode.ON, read, write, allowedWrite));
  }

  @Test
  void strict_readsOnlyWhereTheRulesSay() throws Exception {
    needsLandlock();
    String read = "read " + Files.writeString(other.resolve("file"), "text");
    String allowedRead = "read " + Files.writeString(allowed.resolve("file"), "text");

    List<String> expected = new ArrayList<>(inEachThread(read, "denied"));
    expected.addAll(inEachThread(allowedRead, "ok"));
    assertEquals(expected, run(SandboxMode.STRICT, read, allowedRead));
  }

  private static boolean isPipe(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString().startsWith("pipe:");
    } catch (IOException closed) {
      return false;
    }
  }

  @Test
  void pipe_needsNoRule() throws Exception {
    needsLandlock();
    Pipe pipe = Pipe.open();
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"));
        Pipe.SourceChannel source = pipe.source();
        Pipe.SinkChannel sink = pipe.sink()) {
      Path end = descriptors.filter(SandboxTest::isPipe).findFirst().orElseThrow();
      FileRules rules = new FileRules().read(end);
      assertDoesNotThrow(
          () -> Sandbox.prepare(SandboxMode.STRICT, rules, false, false).close(), end.toString());
      assertTrue(source.isOpen() && sink.isOpen());
    }
  }

  @Test
  void on_processIsNotDumpable() throws Exception {
    String getDumpable = "call 157 3";

    assertEquals(inEachThread(getDumpable, "0"), run(SandboxMode.ON, getDumpable));
  }

  @Test
  void on_netlinkSocketsDoNotExist() throws Exception {
    String socket = "call 41 16";
    int notSupported = SystemCallPolicy.EAFNOSUPPORT;

    assertEquals(inEachThread(socket, "-" + notSupported), run(SandboxMode.ON, socket));
  }
}
