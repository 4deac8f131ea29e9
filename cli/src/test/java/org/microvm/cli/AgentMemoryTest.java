package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.agent.FakeAgent;
import org.microvm.agent.HostAgent;
import org.microvm.testing.ChildJvm;

/** {@code microvm agent} with data that is larger than its heap. */
@Timeout(100)
class AgentMemoryTest {
  private static final String HEAP = "-Xmx20m";
  private static final int LARGE = 24 << 20;

  @TempDir private Path directory;
  private Path source;
  private Path target;

  @BeforeEach
  void create() throws IOException {
    byte[] content = new byte[LARGE];
    new Random(4).nextBytes(content);
    source = Files.write(directory.resolve("source"), content);
    target = directory.resolve("target");
  }

  private int agent(FakeAgent agent, String... args) throws Exception {
    List<String> options = List.of(HEAP, "-XX:+ExitOnOutOfMemoryError");
    List<String> command =
        ChildJvm.command(options, Main.class, "agent", "--socket", agent.socket().toString());
    command.addAll(List.of(args));
    Process process =
        new ProcessBuilder(command)
            .redirectInput(source.toFile())
            .redirectOutput(directory.resolve("output").toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    assertTrue(process.waitFor(90, TimeUnit.SECONDS), "the process did not end");
    return process.exitValue();
  }

  @Test
  void exec_inputAndOutputLargerThanTheHeap_areUnchanged() throws Exception {
    try (FakeAgent agent = FakeAgent.playing(new HostAgent())) {
      assertEquals(0, agent(agent, "exec", "--", "cat"));
    }
    assertEquals(-1, Files.mismatch(source, directory.resolve("output")));
  }

  @Test
  void cp_fileLargerThanTheHeap_isUnchanged() throws Exception {
    try (FakeAgent agent = FakeAgent.playing(new HostAgent())) {
      assertEquals(0, agent(agent, "cp", "-", ":" + target));
      assertEquals(0, agent(agent, "cp", ":" + target, "-"));
    }
    assertEquals(-1, Files.mismatch(source, directory.resolve("output")));
  }
}
