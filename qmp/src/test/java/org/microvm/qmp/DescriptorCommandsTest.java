package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.DescriptorMessage;
import org.microvm.linux.Fd;
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
    return QmpJson.parse(read().getBytes(StandardCharsets.UTF_8));
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
}
