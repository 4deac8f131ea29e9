package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.linux.Fd;
import org.microvm.linux.PlainText;
import org.microvm.linux.Pty;
import org.microvm.linux.Terminal;
import org.microvm.qmp.ChannelRegistry;
import org.microvm.qmp.FakeTarget;
import org.microvm.qmp.QmpServer;
import org.microvm.testing.ChildJvm;
import org.microvm.virtioserial.PortInfo;

/** {@code microvm port} and {@code microvm ctl}, with a real device but no guest. */
@Timeout(60)
class PortCommandTest {
  /** What a {@code port add} leaves that has got no answer in time. */
  private static final String LEFT_OVER =
      "{\"id\":\"chardev-org.example.0\",\"backend\":{\"type\":\"pty\",\"data\":{}}}";

  @TempDir private Path directory;
  private final StringWriter err = new StringWriter();
  private FakeTarget target;
  private QmpServer server;

  @BeforeEach
  void listen() throws IOException {
    target = new FakeTarget();
    server = QmpServer.listen(directory.resolve("qmp"), target, new ChannelRegistry(), "1");
  }

  @AfterEach
  void close() {
    server.close();
    target.close();
  }

  private int run(String words) {
    String text =
        words
            .replace("QMP", "--qmp unix:" + directory.resolve("qmp"))
            .replace("DIR", directory.toString());
    return Main.execute(new PrintWriter(err, true), text.split(" "));
  }

  private List<String> names() {
    return target.channels().ports().stream().map(PortInfo::toString).toList();
  }

  @Test
  void remove_alsoRemovesAHostEndThatWasLeftOver() {
    assertEquals(0, run("ctl QMP chardev-add " + LEFT_OVER), err.toString());
    assertEquals(Main.FAILED, run("port add QMP org.example.0 --pty"));
    assertTrue(err.toString().contains("remove it"), err.toString());

    assertEquals(0, run("port remove QMP org.example.0"), err.toString());

    assertEquals(0, run("port add QMP org.example.0 --socket DIR/s"), err.toString());
  }

  @Test
  void add_thenRemove_leavesNothing() {
    int added = run("port add QMP org.example.0 --socket DIR/s --nr 4");
    List<String> names = names();
    boolean listens = Files.exists(directory.resolve("s"));
    int listed = run("port list QMP");
    int removed = run("port remove QMP org.example.0");

    assertEquals("", err.toString());
    assertEquals(List.of(0, 0, 0), List.of(added, listed, removed));
    assertEquals(List.of("port 4 (org.example.0)"), names);
    assertTrue(listens);
    assertFalse(Files.exists(directory.resolve("s")));
    assertEquals(List.of(), names());
  }

  /** What a process with these arguments writes to a terminal. */
  private static String onATerminal(String... args) throws Exception {
    try (Pty pty = Pty.open();
        Fd terminal = Fd.open(pty.path(), Fd.READ_WRITE, Fd.NON_BLOCKING);
        Arena arena = Arena.ofConfined()) {
      assertTrue(Terminal.isTerminal(terminal));
      Process process =
          new ProcessBuilder(ChildJvm.command(Main.class, args))
              .redirectOutput(pty.path().toFile())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      assertEquals(0, process.waitFor());
      MemorySegment buffer = arena.allocate(8192);
      long count = pty.fd().read(buffer);
      byte[] bytes = buffer.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE);
      return new String(bytes, StandardCharsets.UTF_8);
    }
  }

  /** The options of a foreign snapshot name such a socket, and such a port. */
  @ParameterizedTest
  @ValueSource(strings = {"list", "list --json"})
  void controlCharactersOfNames_doNotReachATerminal(String command) throws Exception {
    assertEquals(0, run("port add QMP n\u202e --socket DIR/\033]0;t\007"), err.toString());
    List<String> words = new ArrayList<>(List.of("port"));
    words.addAll(List.of(command.split(" ")));
    words.addAll(List.of("--qmp", directory.resolve("qmp").toString()));

    String shown = onATerminal(words.toArray(String[]::new));

    assertTrue(shown.contains("n?"), shown);
    assertEquals(PlainText.of(shown, "\r\n\t"), shown);
  }

  @Test
  void interruptedCommand_saysSo() {
    Thread.currentThread().interrupt();

    int status = run("port list QMP");

    assertTrue(Thread.interrupted());
    assertEquals(1, status);
    assertTrue(err.toString().contains("interrupted while connecting"), err.toString());
  }

  @ParameterizedTest
  @CsvSource({"1st.port", "@port", "grüß", "a:b"})
  void nameThatIsNoId_isAddedAndRemovedByItsName(String name) {
    int added = run("port add QMP " + name + " --socket DIR/s");
    List<String> names = names();

    assertEquals("", err.toString());
    assertEquals(List.of(0, List.of("port 1 (" + name + ")")), List.of(added, names));
    assertEquals(0, run("port remove QMP " + name), err.toString());
    assertEquals(List.of(), names());
  }

  @Test
  void add_ofAnIdThatIsTaken_namesTheId() {
    run("port add QMP same --file DIR/f");

    assertEquals(1, run("port add QMP same --file DIR/g"));
    assertTrue(err.toString().contains("a channel with the id same already"), err.toString());
    assertEquals(List.of("port 1 (same)"), names());
  }

  @Test
  void add_ofANameThatIsTaken_leavesNoSocketBehind() {
    run("port add QMP same --file DIR/f");

    int status = run("port add QMP same --id other --socket DIR/s");

    assertEquals(1, status);
    assertTrue(err.toString().contains("same"), err.toString());
    assertFalse(Files.exists(directory.resolve("s")));
    assertEquals(0, run("port add QMP different --id other --socket DIR/s"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "port remove QMP nobody|1|there is no channel 'nobody'",
        "port add QMP a|2|--socket",
        "port add QMP a --socket DIR/s --pty|2|mutually exclusive",
        "port add QMP x --id /x --pty|1|identifier",
        "port add QMP /x --pty|2|port name \"/x\" cannot be a file name",
        "port add QMP x --pty --nr -1|2|port add: virtserialport: nr=-1 is not a number",
        "port add QMP x --pty --set bps=fast|2|port add: virtserialport: bps=fast is not a number",
        "port add QMP x --pty --set speed=1|2|port add: virtserialport: unknown option speed=",
        "port add QMP x --pty --console --set ops=5|2|are not accepted for a console",
        "port list --qmp DIR/none|1|there is no such socket",
        "ctl QMP fly|1|The command fly has not been found",
        "ctl QMP stop now|2|not JSON",
        "ctl QMP stop []|2|must be a JSON object",
      })
  void badArguments_getOneLine(String words, int status, String why) {
    assertEquals(status, run(words));

    String text = err.toString();
    assertEquals(1, text.lines().count(), text);
    assertTrue(text.contains(why), text);
    assertEquals(List.of(), names());
  }
}
