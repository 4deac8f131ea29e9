package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.CheckedOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Programs whose streams are moved in pieces, with an agent that runs them on this host. */
@Timeout(60)
class StreamedProcessTest {
  private static final Duration LIMIT = Duration.ofSeconds(50);
  private static final int LARGE = 20 << 20;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final HostAgent host = new HostAgent();
  private FakeAgent fake;
  private GuestAgent agent;

  @BeforeEach
  void connect() throws IOException {
    fake = FakeAgent.playing(host);
    agent = GuestAgent.connect(fake.socket(), Duration.ofSeconds(10));
  }

  @AfterEach
  void disconnect() throws IOException {
    agent.close();
    fake.close();
  }

  private ExecResult stream(InputStream input, String... argv) throws IOException {
    return agent.processes().stream(GuestCommand.of(argv), input, out, err, LIMIT);
  }

  private static InputStream text(String text) {
    return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void streamsAndStatus_areTheProgramsOwn() throws IOException {
    ExecResult result = stream(text("in"), "sh", "-c", "cat; echo err >&2; exit 7");

    assertEquals(7, result.status());
    assertEquals("in", out.toString(StandardCharsets.UTF_8));
    assertEquals("err\n", err.toString(StandardCharsets.UTF_8));
    assertEquals(0, host.openFiles());
  }

  @ParameterizedTest
  @CsvSource({
    "0, true",
    "1, echo",
    "100000, head -c 100000 /dev/zero",
    // In small blocks, of which dd warns.
    "100, 'i=0; while [ $i -lt 100 ]; do echo; i=$((i + 1)); done'"
  })
  void output_thatFitsIntoAFile_takesOneDdForEachStream(
      int size, String script, @TempDir Path directory) throws IOException {
    Path log = Files.createFile(directory.resolve("log"));
    Path counter = directory.resolve("dd");
    Files.writeString(counter, "#!/bin/sh\necho >>%s\nexec /bin/dd \"$@\"\n".formatted(log));
    Files.setPosixFilePermissions(counter, PosixFilePermissions.fromString("rwxr-xr-x"));
    GuestCommand command =
        GuestCommand.of("sh", "-c", script)
            .withEnvironment("PATH=" + directory + ":" + System.getenv("PATH"));

    ExecResult result = agent.processes().stream(command, null, out, err, LIMIT);

    assertEquals(0, result.status());
    assertEquals(size, out.size());
    assertEquals(2, Files.readAllLines(log).size());
  }

  @Test
  void arguments_areUnchanged() throws IOException {
    stream(null, "printf", "%s|", "a b", "$HOME", "it's", "", "-n", "\n", "grüß", "\\101");

    assertEquals("a b|$HOME|it's||-n|\n|grüß|\\101|", out.toString(StandardCharsets.UTF_8));
  }

  @Test
  void arguments_ofAnyBytes_areUnchanged() throws IOException {
    stream(null, "printf", "%s|", "a\udcff\udc80\n", "it's 100%", "");

    assertArrayEquals(
        "a\u00ff\u0080\n|it's 100%||".getBytes(StandardCharsets.ISO_8859_1), out.toByteArray());
  }

  @Test
  void inputThatStaysOpen_doesNotHoldTheProgram() throws IOException {
    try (PipedOutputStream writer = new PipedOutputStream();
        PipedInputStream open = new PipedInputStream(writer)) {
      assertEquals(0, stream(open, "true").status());
    }
  }

  @Test
  void input_arrivesAsItComes() throws IOException {
    PipedOutputStream writer = new PipedOutputStream();
    PipedInputStream open = new PipedInputStream(writer);
    OutputStream answers =
        new OutputStream() {
          @Override
          public void write(int one) throws IOException {
            out.write(one);
            // The second line is sent once the first one has been answered.
            if (one == '\n' && out.size() < 10) {
              writer.write("two\n".getBytes(StandardCharsets.UTF_8));
            }
          }
        };
    writer.write("one\n".getBytes(StandardCharsets.UTF_8));

    ExecResult result =
        agent.processes().stream(
            GuestCommand.of("sh", "-c", "read a; echo got $a; read b; echo got $b"),
            open,
            answers,
            err,
            LIMIT);

    assertEquals(0, result.status());
    assertEquals("got one\ngot two\n", out.toString(StandardCharsets.UTF_8));
  }

  @Test
  void inputAndOutputLargerThanTheAgentKeeps_passUnchanged() throws IOException {
    byte[] content = new byte[LARGE];
    new Random(3).nextBytes(content);
    CheckedInputStream input =
        new CheckedInputStream(new ByteArrayInputStream(content), new CRC32());
    CheckedOutputStream output =
        new CheckedOutputStream(OutputStream.nullOutputStream(), new CRC32());

    ExecResult result = agent.processes().stream(GuestCommand.of("cat"), input, output, err, LIMIT);

    assertEquals(0, result.status());
    assertEquals(input.getChecksum().getValue(), output.getChecksum().getValue());
  }

  @Test
  void programThatDoesNotEnd_isEndedWhenTheTimeIsUp() {
    AgentTimeoutException timeout =
        assertThrows(
            AgentTimeoutException.class,
            () ->
                agent.processes().stream(
                    GuestCommand.of("sleep", "1000"), null, out, err, Duration.ofMillis(500)));

    assertEquals("'sleep' did not end within 500 ms", timeout.getMessage());
    assertEquals(0, host.openFiles());
  }

  /** Repeated, because how far the program's script is at the interrupt is left to chance. */
  @RepeatedTest(20)
  void interruptWhileTheProgramStarts_endsIt() throws InterruptedException {
    host.afterStart(Thread.currentThread()::interrupt);

    assertThrows(InterruptedIOException.class, () -> stream(null, "sleep", "1000"));

    assertTrue(Thread.interrupted());
    host.awaitPrograms();
    assertEquals(0, host.openFiles());
  }

  @Test
  void outputThatCannotBeWritten_endsTheProgram() {
    OutputStream closed =
        new OutputStream() {
          @Override
          public void write(int one) throws IOException {
            throw new IOException("closed");
          }
        };

    assertThrows(
        IOException.class,
        () -> agent.processes().stream(GuestCommand.of("yes"), null, closed, err, LIMIT));
    assertEquals(0, host.openFiles());
  }

  @Test
  void programThatIsNotThere_isAnError() {
    AgentCommandException missing =
        assertThrows(AgentCommandException.class, () -> stream(null, "no-such-program"));

    assertTrue(missing.getMessage().contains("'no-such-program': No such file"));
  }
}
