package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A control socket of a recording target, and clients of it. */
abstract class QmpProtocolFixture {
  @TempDir Path directory;
  FakeTarget target;
  QmpServer server;

  @BeforeEach
  void listen() throws IOException {
    target = new FakeTarget();
    server = QmpServer.listen(socket(), target, new ChannelRegistry(), "1.2.3-SNAPSHOT");
  }

  @AfterEach
  void close() {
    server.close();
    target.close();
  }

  Path socket() {
    return directory.resolve("qmp");
  }

  RawClient client() throws IOException {
    return RawClient.negotiated(socket());
  }

  static JsonNode json(String text) throws IOException {
    return new ObjectMapper().readTree(text);
  }

  String snapshot(String more) {
    return "{'execute': 'x-snapshot', 'arguments': {'directory': '%s', 'end': true%s}}"
        .formatted(directory.resolve("saved"), more);
  }

  static void readForEver(RawClient client) throws IOException {
    while (true) {
      client.read();
    }
  }
}
