package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

@Timeout(60)
class OpenFileLimitTest {
  private static final String HEAD = "Limit                     Soft Limit           Hard Limit\n";
  private static final String LOW = HEAD + "Max open files            64                   64\n";
  private static final String HIGH =
      HEAD + "Max open files            524288               524288\n";
  private static final String NONE =
      HEAD + "Max open files            unlimited            unlimited\n";

  @Test
  void classThatIsMissing_isExplainedByALowLimit() {
    assertEquals(
        "too many open files, at most 64: raise the limit of open files (ulimit -n)",
        OpenFileLimit.reason(new NoClassDefFoundError("org/microvm/cli/DiskRetry"), LOW, 30));
  }

  @Test
  void cause_isFoundWithAHighLimit() {
    Error error = new ExceptionInInitializerError(new IOException("Too many open files"));

    assertEquals(
        "too many open files: raise the limit of open files (ulimit -n)",
        OpenFileLimit.reason(error, HIGH, 30));
    assertEquals(
        "too many open files: raise the limit of open files (ulimit -n)",
        OpenFileLimit.reason(error, NONE, 30));
  }

  @Test
  void otherErrors_areNotExplained() {
    Error missing = new NoClassDefFoundError("org/microvm/cli/DiskRetry");

    assertNull(OpenFileLimit.reason(missing, HIGH, 30));
    assertNull(OpenFileLimit.reason(new AssertionError("of this test")));
  }

  /** Many hosts allow no more than 1024. */
  @Test
  void limitThatIsNotUsedUp_isNotBlamed() {
    String limits = LOW.replace("64  ", "1024");
    Error missing = new NoClassDefFoundError("org/microvm/cli/DiskRetry");

    assertNull(OpenFileLimit.reason(missing, limits, 40));
    assertEquals(
        "too many open files, at most 1024: raise the limit of open files (ulimit -n)",
        OpenFileLimit.reason(missing, limits, 900));
  }

  /** At each of these limits, something else is the first that cannot be opened. */
  @RequiresKvm
  @ParameterizedTest
  @ValueSource(ints = {32, 40, 48, 64, 80})
  void processThatMayOpenFewFiles_hasNoStackTrace(int limit, @TempDir Path directory)
      throws Exception {
    Path home = Path.of(System.getProperty("microvm.home", ".."));
    Path guest = home.resolve("test-images/target/bare-metal/hello");
    Process process =
        limited(
            limit, directory, "run", "--name", "few", "--no-console", "--kernel", guest.toString());

    assertOnlyExplains(output(process));
    assertEquals(1, process.waitFor(), "also what the guest writes to the debug exit port");
  }

  /**
   * As above; from some limit on, the client gets its answer. The JVM needs a few files less than
   * these, among them one for each jar, to reach this program.
   */
  @ParameterizedTest
  @ValueSource(ints = {36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46})
  void clientThatMayOpenFewFiles_hasNoStackTrace(int limit, @TempDir Path directory)
      throws Exception {
    Path socket = directory.resolve("qmp");
    try (ServerSocketChannel control = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      control.bind(UnixDomainSocketAddress.of(socket));
      Thread.ofVirtual().start(() -> answer(control));

      Process process = limited(limit, directory, "ctl", "--qmp", socket.toString(), "query-name");

      String output = output(process);
      if (process.waitFor() != 0) {
        assertOnlyExplains(output);
      }
    }
  }

  private static void answer(ServerSocketChannel control) {
    try (SocketChannel client = control.accept();
        BufferedReader requests =
            new BufferedReader(Channels.newReader(client, StandardCharsets.UTF_8))) {
      send(client, "{\"QMP\": {}}");
      for (String line = requests.readLine(); line != null; line = requests.readLine()) {
        String id = line.replaceAll(".*\"id\":([0-9]+).*", "$1");
        send(client, "{\"return\": {}, \"id\": %s}".formatted(id));
      }
    } catch (IOException gone) {
      // The client has ended, or could not connect.
    }
  }

  private static void send(SocketChannel client, String line) throws IOException {
    client.write(ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8)));
  }

  private static Process limited(int limit, Path directory, String... words) throws IOException {
    List<String> command =
        new ArrayList<>(List.of("sh", "-c", "ulimit -n " + limit + "; exec \"$@\"", "sh"));
    command.addAll(ChildJvm.command(Main.class, words));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("XDG_RUNTIME_DIR", directory.toString());
    return builder.start();
  }

  private static String output(Process process) throws IOException {
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  private static void assertOnlyExplains(String output) {
    assertFalse(output.contains("\tat "), output);
    assertTrue(
        output.isEmpty() || output.toLowerCase(Locale.ROOT).contains("too many open files"),
        output);
  }
}
