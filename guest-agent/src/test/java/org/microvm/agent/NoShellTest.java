package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Programs with streams in a guest that has no shell to move them in pieces. */
@Timeout(60)
class NoShellTest {
  private static final Duration LONG = Duration.ofSeconds(50);

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private ExecResult stream(GuestAgent agent, Duration limit, String... argv) throws IOException {
    return agent.processes().stream(GuestCommand.of(argv), null, out, out, limit);
  }

  @Test
  void output_isWrittenAtTheEnd() throws IOException {
    try (FakeAgent fake = FakeAgent.playing(HostAgent.without("/bin/sh"));
        GuestAgent agent = GuestAgent.connect(fake.socket(), LONG)) {
      assertEquals(0, stream(agent, LONG, "echo", "a").status());
      assertEquals("a\n", out.toString(StandardCharsets.UTF_8));
    }
  }

  @Test
  void programThatExceedsItsLimit_isEnded() throws Exception {
    HostAgent host = HostAgent.without("/bin/sh");
    try (FakeAgent fake = FakeAgent.playing(host);
        GuestAgent agent = GuestAgent.connect(fake.socket(), LONG)) {
      AgentTimeoutException late =
          assertThrows(
              AgentTimeoutException.class,
              () -> stream(agent, Duration.ofMillis(500), "sleep", "1000"));

      assertTrue(late.isOfProgram());
      assertEquals("'sleep' did not end within 500 ms", late.getMessage());
      host.awaitPrograms();
    }
  }

  @Test
  void programOfAnInterruptedThread_isEnded() throws Exception {
    HostAgent host = HostAgent.without("/bin/sh");
    CountDownLatch polled = new CountDownLatch(3);
    host.beforeStatus(polled::countDown);
    try (FakeAgent fake = FakeAgent.playing(host);
        GuestAgent agent = GuestAgent.connect(fake.socket(), LONG)) {
      Thread running =
          Thread.ofPlatform()
              .start(
                  () ->
                      assertThrows(
                          InterruptedIOException.class,
                          () -> stream(agent, LONG, "sleep", "1000")));
      polled.await();
      running.interrupt();
      running.join();

      host.awaitPrograms();
    }
  }

  @Test
  void programThatCannotBeEnded_isNamedByTheMessage() throws Exception {
    HostAgent host = HostAgent.without("/bin/sh", "kill");
    try (FakeAgent fake = FakeAgent.playing(host);
        GuestAgent agent = GuestAgent.connect(fake.socket(), LONG)) {
      AgentTimeoutException late =
          assertThrows(
              AgentTimeoutException.class,
              () -> stream(agent, Duration.ofMillis(500), "sleep", "5"));

      assertTrue(late.isOfProgram());
      assertTrue(
          late.getMessage()
              .matches(
                  "'sleep' did not end within 500 ms; it still runs in the guest, as process"
                      + " [0-9]+: the guest has no program to end it"),
          late.getMessage());
    }
  }
}
