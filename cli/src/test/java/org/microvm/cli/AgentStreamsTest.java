package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.agent.FakeAgent;
import org.microvm.agent.HostAgent;

/** {@code microvm agent} in a process of its own, whose standard streams a shell has opened. */
@Timeout(60)
class AgentStreamsTest {
  @TempDir private Path directory;

  /**
   * Runs a script in which {@code "$@"} is {@code microvm agent} with the socket of an agent that
   * has the files and programs of the host; returns its exit status.
   */
  private int sh(String script) throws IOException, InterruptedException {
    try (FakeAgent agent = FakeAgent.playing(new HostAgent())) {
      List<String> command = new ArrayList<>(List.of("bash", "-c", script, "bash"));
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      command.add("--enable-native-access=ALL-UNNAMED");
      command.addAll(List.of("-cp", System.getProperty("java.class.path")));
      command.addAll(List.of("org.microvm.cli.Main", "agent"));
      command.addAll(List.of("--socket", agent.socket().toString()));
      return new ProcessBuilder(command)
          .directory(directory.toFile())
          .redirectOutput(directory.resolve("out").toFile())
          .redirectError(directory.resolve("err").toFile())
          .start()
          .waitFor();
    }
  }

  private String text(String stream) throws IOException {
    return Files.readString(directory.resolve(stream));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0>/dev/null|''",
        "</|microvm: standard input is a directory; the input is empty",
        "</dev/null|''",
      })
  void exec_withAnInputThatNobodyCanRead_hasAnEmptyInput(String redirection, String message)
      throws Exception {
    int status = sh("\"$@\" exec -- sh -c 'cat; echo done; exit 7' " + redirection);

    assertEquals(message, text("err").strip());
    assertEquals("done\n", text("out"));
    assertEquals(7, status);
  }

  @Test
  void copyOut_whoseReaderIsGone_endsWithoutAMessage() throws Exception {
    Files.write(directory.resolve("file"), new byte[1 << 20]);

    int status = sh("\"$@\" cp \":$PWD/file\" - | head -c 0; exit ${PIPESTATUS[0]}");

    assertEquals("", text("err"));
    assertEquals(CheckedOutput.PIPE_CLOSED, status);
  }
}
