package org.microvm.cli.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ServerRequestTest {
  @Test
  void request_isReadAsItWasWritten() throws IOException {
    ServerRequest request = new ServerRequest("/opt", Path.of("/tmp"), List.of("run", "", "ä b"));

    assertEquals(request, ServerRequest.of(request.toBytes()));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "microvm-serve-1|/opt|/tmp|",
        "microvm-serve-2|/opt|/tmp|run|",
        "microvm-serve-1|/opt|/tmp|run"
      })
  void text_thatIsNoRequest_isRefused(String text) {
    byte[] bytes = text.replace('|', '\0').getBytes(StandardCharsets.UTF_8);

    assertThrows(IOException.class, () -> ServerRequest.of(bytes));
  }

  @Test
  void bytes_thatAreNotUtf8_areRefused() {
    byte[] bytes =
        "microvm-serve-1|/opt|/tmp|\377|".replace('|', '\0').getBytes(StandardCharsets.ISO_8859_1);

    assertThrows(IOException.class, () -> ServerRequest.of(bytes));
  }

  @Test
  void answer_isReadAsItWasWritten() throws IOException {
    ServerAnswer answer = ServerAnswer.failed("microvm: no\n");

    assertEquals(answer, ServerAnswer.of(answer.toBytes()));
    assertEquals(ServerAnswer.ownProcess(), ServerAnswer.of(ServerAnswer.ownProcess().toBytes()));
  }

  @Test
  void answer_ofAServerThatEnded_isRefused() {
    assertThrows(IOException.class, () -> ServerAnswer.of(new byte[0]));
  }
}
