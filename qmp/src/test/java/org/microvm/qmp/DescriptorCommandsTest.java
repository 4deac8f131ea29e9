package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.linux.DescriptorMessage;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixListener;
import org.microvm.linux.UnixSocket;

/** Descriptors that clients send with a command. */
@Timeout(60)
class DescriptorCommandsTest {
  @TempDir private Path directory;
  private FakeTarget target;
  private QmpServer server;
  private Fd client;
  private Arena arena;

  @BeforeEach
  void connect() throws IOException {
    arena = Arena.ofShared();
    target = new FakeTarget();
    Path socket = directory.resolve("qmp");
    server = QmpServer.listen(socket, target, new ChannelRegistry(), "1.2.3");
    client = UnixSocket.connect(socket);
    client.nonBlocking(false);
    read();
    ask("{'execute': 'qmp_capabilities'}", List.of());
  }

  @AfterEach
  void close() {
    client.close();
    server.close();
    target.close();
    arena.close();
  }

  private String read() {
    MemorySegment bytes = arena.allocate(4096);
    long length = client.read(bytes);
    return new String(
        bytes.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
  }

  private JsonNode ask(String command, List<Fd> descriptors) throws IOException {
    MemorySegment text = arena.allocateFrom(command);
    DescriptorMessage.send(client, text.asSlice(0, text.byteSize() - 1), descriptors);
    // Events come first.
    StringBuilder received = new StringBuilder();
    while (true) {
      received.append(read());
      for (String line : received.toString().lines().toList()) {
        if (line.endsWith("}") && (line.contains("\"return\"") || line.contains("\"error\""))) {
          return QmpJson.parse(line.getBytes(StandardCharsets.UTF_8));
        }
      }
    }
  }

  @Test
  void descriptorWithAName_isKeptUntilItIsClosed() throws IOException {
    try (Fd file = Fd.open(Path.of("/dev/null"), Fd.READ_ONLY)) {
      assertTrue(
          ask("{'execute':'getfd','arguments':{'fdname':'a'}}", List.of(file)).has("return"));
    }
    assertTrue(ask("{'execute':'closefd','arguments':{'fdname':'a'}}", List.of()).has("return"));

    JsonNode again = ask("{'execute':'closefd','arguments':{'fdname':'a'}}", List.of());
    assertEquals("File descriptor named 'a' not found", again.path("error").path("desc").asText());
  }

  @Test
  void descriptorOfASet_isListedAndRemoved() throws IOException {
    JsonNode added;
    try (Fd file = Fd.open(Path.of("/dev/null"), Fd.READ_ONLY)) {
      added = ask("{'execute':'add-fd','arguments':{'opaque':'x'}}", List.of(file));
    }
    JsonNode set = ask("{'execute':'query-fdsets'}", List.of()).path("return").get(0);

    assertEquals(added.path("return").path("fd"), set.path("fds").get(0).path("fd"));
    assertEquals("x", set.path("fds").get(0).path("opaque").asText());
    ask("{'execute':'remove-fd','arguments':{'fdset-id':0}}", List.of());
    assertEquals(0, ask("{'execute':'query-fdsets'}", List.of()).path("return").size());
  }

  @Test
  void commandWithoutADescriptor_isRefused() throws IOException {
    JsonNode answer = ask("{'execute':'add-fd'}", List.of());

    assertEquals(
        "No file descriptor supplied via SCM_RIGHTS", answer.path("error").path("desc").asText());
  }

  private static final String CHARDEV =
      "{'execute':'chardev-add','arguments':{'id':'c','backend':{'type':'%s','data':%s}}}";

  private String chardevAdd(String type, String data) throws IOException {
    JsonNode answer = ask(CHARDEV.formatted(type, data), List.of());
    return answer.path("error").path("desc").asText();
  }

  private String socketAdd(boolean server) throws IOException {
    return chardevAdd(
        "socket", "{'addr':{'type':'fd','data':{'str':'s'}},'server':" + server + "}");
  }

  private void give(String name, Fd fd) throws IOException {
    ask("{'execute':'getfd','arguments':{'fdname':'" + name + "'}}", List.of(fd));
  }

  @Test
  void connectedSocket_isTheHostEndOfAChardev() throws IOException {
    Fd[] pair = UnixSocket.pair();
    try (Fd peer = pair[0];
        Fd passed = pair[1]) {
      give("s", passed);
      assertEquals("", socketAdd(false));
      // The descriptor is the chardev's now.
      assertEquals(
          "File descriptor named 's' not found",
          ask("{'execute':'closefd','arguments':{'fdname':'s'}}", List.of())
              .path("error")
              .path("desc")
              .asText());
      assertTrue(peer.isOpen());
    }
  }

  @Test
  void socketOfTheOtherKind_isRefused() throws IOException {
    Fd[] pair = UnixSocket.pair();
    try (Fd peer = pair[0];
        Fd passed = pair[1]) {
      give("s", passed);
      assertTrue(socketAdd(true).contains("it must be a listening socket"));
      assertTrue(peer.isOpen());
    }
    try (UnixListener listener = UnixListener.open(directory.resolve("listening"))) {
      give("s", listener.fd());
      assertTrue(socketAdd(false).contains("it must not be a listening socket"));
      give("s", listener.fd());
      assertEquals("", socketAdd(true));
    }
  }

  @Test
  void missingDescriptor_isNamedAsInQemu() throws IOException {
    assertEquals(
        "Failed to add chardev 'c': File descriptor named 's' has not been found",
        socketAdd(false));
  }

  @Test
  void fileOfASet_isTheOutputOfAChardev() throws IOException {
    try (Fd file = Fd.open(directory.resolve("out"), Fd.WRITE_ONLY, Fd.CREATE)) {
      ask("{'execute':'add-fd','arguments':{'fdset-id':3}}", List.of(file));
    }
    assertEquals("", chardevAdd("file", "{'out':'/dev/fdset/3'}"));
    assertTrue(chardevAdd("file", "{'out':'/dev/fdset/4'}").contains("already exists"));
  }

  private JsonNode dump(String rest) throws IOException {
    return ask(
        "{'execute':'dump-guest-memory','arguments':{'paging':false," + rest + "}}", List.of());
  }

  @Test
  void dump_goesToAFileOrADescriptor() throws IOException {
    target.state = QmpTarget.RunState.PAUSED;
    Path file = directory.resolve("core");
    dump("'protocol':'file:" + file + "'");
    assertEquals("memory\0", Files.readString(file));
    JsonNode last = ask("{'execute':'query-dump'}", List.of()).path("return");
    assertEquals("completed", last.path("status").asText());

    try (Fd other = Fd.open(directory.resolve("other"), Fd.WRITE_ONLY, Fd.CREATE)) {
      give("d", other);
    }
    dump("'protocol':'fd:d'");
    assertEquals("memory\0", Files.readString(directory.resolve("other")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          'protocol':'tcp:1'                       | Invalid parameter 'protocol'
          'protocol':'fd:none'                     | File descriptor named 'none' has not been found
          'protocol':'file:/nowhere/core'          | Could not open '/nowhere/core': No such file or directory
          'protocol':'file:/x','format':'kdump-lzo'| the format 'kdump-lzo' is not supported; there is elf
          'protocol':'file:/x','format':'coff'     | Parameter 'format' does not accept value 'coff'
          'protocol':'file:/x','begin':0           | Parameter 'length' is missing
          """,
      quoteCharacter = '`')
  void dump_elsewhereIsRefused(String arguments, String why) throws IOException {
    assertEquals(why, dump(arguments).path("error").path("desc").asText());
  }
}
