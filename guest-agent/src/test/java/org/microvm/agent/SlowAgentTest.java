package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.Base64;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** Files of an agent that needs longer than its time limit for 256 KiB. */
class SlowAgentTest {
  private static final Duration LIMIT = Duration.ofSeconds(2);

  /** 256 KiB take 3 s. */
  private static final long NANOS_A_BYTE = TimeUnit.SECONDS.toNanos(3) / (256 << 10);

  private final byte[] content = new byte[80_000];
  private final AtomicInteger position = new AtomicInteger();
  private final ByteArrayOutputStream written = new ByteArrayOutputStream();

  SlowAgentTest() {
    new Random(1).nextBytes(content);
  }

  private String serve(JsonNode request) {
    JsonNode arguments = request.path("arguments");
    return switch (request.path("execute").asText()) {
      case "guest-file-open" -> "1";
      case "guest-file-read" -> read(arguments.path("count").asInt());
      case "guest-file-write" -> write(arguments.path("buf-b64").asText());
      default -> "{}";
    };
  }

  private String read(int most) {
    int from = position.get();
    int count = Math.min(most, content.length - from);
    LockSupport.parkNanos(count * NANOS_A_BYTE);
    byte[] part = new byte[count];
    System.arraycopy(content, from, part, 0, count);
    boolean end = position.addAndGet(count) == content.length;
    return "{\"count\": %d, \"eof\": %b, \"buf-b64\": \"%s\"}"
        .formatted(count, end, Base64.getEncoder().encodeToString(part));
  }

  private String write(String text) {
    byte[] bytes = Base64.getDecoder().decode(text);
    LockSupport.parkNanos(bytes.length * NANOS_A_BYTE);
    written.writeBytes(bytes);
    return "{\"count\": %d, \"eof\": false}".formatted(bytes.length);
  }

  @Test
  void slowAgent_getsSmallerReadRequests() throws Exception {
    ByteArrayOutputStream target = new ByteArrayOutputStream();
    try (FakeAgent agent = FakeAgent.answering(this::serve);
        GuestAgent guest = GuestAgent.connect(agent.socket(), LIMIT)) {
      guest.files().copyOut("/f", target);
      assertTrue(guest.pieces().bytes() < 64 << 10, guest.pieces().bytes() + " bytes");
    }
    assertArrayEquals(content, target.toByteArray());
  }

  @Test
  void slowAgent_getsSmallerWriteRequests() throws Exception {
    byte[] large = new byte[180_000];
    try (FakeAgent agent = FakeAgent.answering(this::serve);
        GuestAgent guest = GuestAgent.connect(agent.socket(), LIMIT)) {
      guest.files().write("/f", large);
    }
    assertArrayEquals(large, written.toByteArray());
  }

  @Test
  void fastAgent_getsLargerRequests() {
    PieceSize size = new PieceSize(Duration.ofSeconds(30));
    for (int i = 0; i < 4; i++) {
      size.took(size.bytes(), TimeUnit.MILLISECONDS.toNanos(1));
    }
    assertEquals(PieceSize.MAX, size.bytes());
  }

  @Test
  void endOfFile_changesNothing() {
    PieceSize size = new PieceSize(Duration.ofSeconds(30));
    int before = size.bytes();
    size.took(0, TimeUnit.SECONDS.toNanos(5));
    assertEquals(before, size.bytes());
  }
}
