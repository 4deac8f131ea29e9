package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The typed methods: the requests that they send, and how they convert answers. */
@Timeout(30)
class GuestAgentTest {
  @FunctionalInterface
  private interface Question<T> {
    T ask(GuestAgent guest) throws IOException;
  }

  private static <T> T ask(String command, String answer, Question<T> question) throws IOException {
    try (FakeAgent agent = FakeAgent.answering(Map.of(command, answer));
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      return question.ask(guest);
    }
  }

  @Test
  void limitThatIsNone_isPossible() throws IOException {
    Duration forever = ChronoUnit.FOREVER.getDuration();
    try (FakeAgent agent = FakeAgent.answering(Map.of("guest-ping", "{}"));
        GuestAgent guest = GuestAgent.connect(agent.socket(), forever)) {
      guest.await(forever);
      guest.ping();
    }
  }

  @Test
  void info_listsCommands() throws IOException {
    AgentInfo info =
        ask(
            "guest-info",
            """
            {"version": "7.2.22", "supported_commands": [
              {"name": "guest-ping", "enabled": true, "success-response": true},
              {"name": "guest-exec", "enabled": false, "success-response": true}]}
            """,
            GuestAgent::info);
    assertEquals("7.2.22", info.version());
    assertTrue(info.enabled("guest-ping"));
    assertFalse(info.enabled("guest-exec"));
    assertFalse(info.enabled("guest-fly"));
  }

  @Test
  void osInfo_missingFields_areEmpty() throws IOException {
    OsInfo os = ask("guest-get-osinfo", "{\"id\": \"debian\"}", GuestAgent::osInfo);
    assertEquals(Optional.of("debian"), os.id());
    assertEquals(Optional.empty(), os.kernelRelease());
  }

  @Test
  void time_nanosecondsOfAnyAge_areExact() throws IOException {
    assertEquals(
        Instant.parse("2026-11-23T09:10:11.123456789Z"),
        ask("guest-get-time", "1795425011123456789", GuestAgent::time));
    assertEquals(
        Instant.parse("1969-12-31T23:59:59.999999999Z"),
        ask("guest-get-time", "-1", GuestAgent::time));
  }

  @Test
  void setTime_sendsNanoseconds() throws IOException {
    try (FakeAgent agent = FakeAgent.answering(Map.of("guest-set-time", "{}"));
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      guest.setTime(Instant.parse("2026-11-23T09:10:11.123456789Z"));
      assertEquals(
          1795425011123456789L, agent.requests().getFirst().at("/arguments/time").asLong());
    }
  }

  @Test
  void networkInterfaces_addressesAndCounters() throws IOException {
    List<NetworkInterface> all =
        ask(
            "guest-network-get-interfaces",
            """
            [{"name": "lo", "hardware-address": "00:00:00:00:00:00",
              "ip-addresses":
                [{"ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8}],
              "statistics": {"rx-bytes": 1, "rx-packets": 2, "rx-errs": 0, "rx-dropped": 0,
                "tx-bytes": 3, "tx-packets": 4, "tx-errs": 0, "tx-dropped": 0}},
             {"name": "eth0"}]
            """,
            GuestAgent::networkInterfaces);
    assertEquals(
        new NetworkInterface(
            "lo",
            Optional.of("00:00:00:00:00:00"),
            List.of(new NetworkInterface.Address("127.0.0.1", "ipv4", 8)),
            Optional.of(new NetworkInterface.Statistics(1, 2, 3, 4))),
        all.getFirst());
    assertEquals(
        new NetworkInterface("eth0", Optional.empty(), List.of(), Optional.empty()), all.getLast());
  }

  @Test
  void filesystems_disksAndSizes() throws IOException {
    Filesystem root =
        ask(
                "guest-get-fsinfo",
                """
                [{"name": "vda", "mountpoint": "/", "type": "erofs", "total-bytes": 100,
                  "disk": [{"bus-type": "virtio", "dev": "/dev/vda"}, {"bus-type": "virtio"}]}]
                """,
                guest -> guest.filesystems().list())
            .getFirst();
    assertEquals(OptionalLong.empty(), root.usedBytes());
    assertEquals(OptionalLong.of(100), root.totalBytes());
    assertEquals(List.of(Optional.of("/dev/vda"), Optional.empty()), root.disks());
  }

  @Test
  void users_loginTimeHasMicroseconds() throws IOException {
    assertEquals(
        List.of(new GuestUser("root", Instant.parse("2026-11-23T09:10:11.250Z"))),
        ask(
            "guest-get-users",
            "[{\"user\": \"root\", \"login-time\": 1795425011.25}]",
            guest -> guest.users().loggedIn()));
  }

  @Test
  void answers_withoutWhatTheyMustHave_areProtocolErrors() {
    assertThrows(AgentProtocolException.class, () -> ask("guest-info", "{}", GuestAgent::info));
    assertThrows(
        AgentProtocolException.class, () -> ask("guest-get-time", "\"now\"", GuestAgent::time));
    assertThrows(
        AgentProtocolException.class, () -> ask("guest-get-vcpus", "{}", GuestAgent::cpus));
    assertThrows(
        AgentProtocolException.class,
        () -> ask("guest-get-vcpus", "[{\"logical-id\": \"0\"}]", GuestAgent::cpus));
    assertThrows(
        AgentProtocolException.class,
        () ->
            ask("guest-fsfreeze-status", "\"cold\"", guest -> guest.filesystems().freezeStatus()));
  }

  @Test
  void exec_polledUntilItExited_outputsDecoded() throws IOException {
    AtomicInteger asked = new AtomicInteger();
    try (FakeAgent agent =
            FakeAgent.answering(
                request ->
                    switch (request.path("execute").asText()) {
                      case "guest-exec" -> "{\"pid\": 42}";
                      case "guest-exec-status" ->
                          asked.incrementAndGet() < 3
                              ? "{\"exited\": false}"
                              : """
                              {"exited": true, "exitcode": 3, "out-data": "b3V0Cg==",
                               "err-data": "ZXJy", "err-truncated": true}
                              """;
                      default -> "{}";
                    });
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      GuestCommand command =
          GuestCommand.of("cat", "-n").withInput(new byte[] {1, 2}).withEnvironment("A=1");
      ExecResult result = guest.processes().run(command, Duration.ofSeconds(20));
      assertEquals(3, result.status());
      assertEquals("out", result.output());
      assertEquals("err", result.errors());
      assertTrue(result.truncated());
      assertFalse(result.succeeded());
      assertEquals(
          """
          {"path":"cat","arg":["-n"],"env":["A=1"],"input-data":"AQI=","capture-output":true}""",
          agent.requests().getFirst().get("arguments").toString());
    }
  }

  @Test
  void exec_endedBySignal_hasAShellsStatus() throws IOException {
    try (FakeAgent agent =
            FakeAgent.answering(
                Map.of(
                    "guest-exec", "{\"pid\": 1}",
                    "guest-exec-status", "{\"exited\": true, \"signal\": 9}"));
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      ExecResult result = guest.processes().run(GuestCommand.of("x"), Duration.ofSeconds(20));
      assertEquals(137, result.status());
      assertEquals(-1, result.exitCode());
    }
  }

  @Test
  void exec_stillRunningAtTheLimit_isTimeout() throws IOException {
    try (FakeAgent agent =
            FakeAgent.answering(
                Map.of("guest-exec", "{\"pid\": 1}", "guest-exec-status", "{\"exited\": false}"));
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      GuestProcess process = guest.processes().start(GuestCommand.of("sleep", "9"));
      AgentTimeoutException e =
          assertThrows(AgentTimeoutException.class, () -> process.await(Duration.ofMillis(50)));
      assertEquals("'sleep' did not end within 50 ms", e.getMessage());
      assertTrue(e.isOfProgram());
    }
  }

  /** A file of the fake guest, read and written at most 1000 bytes at a time. */
  private static FakeAgent withFile(ByteArrayOutputStream content) throws IOException {
    AtomicInteger position = new AtomicInteger();
    Base64.Decoder decoder = Base64.getDecoder();
    return FakeAgent.answering(
        request -> {
          JsonNode arguments = request.path("arguments");
          switch (request.path("execute").asText()) {
            case "guest-file-open":
              return "1000";
            case "guest-exec":
              return "{\"pid\": 1}";
            case "guest-exec-status":
              return "{\"exited\": true, \"exitcode\": 127}";
            case "guest-file-write":
              byte[] bytes = decoder.decode(arguments.path("buf-b64").asText());
              int taken = Math.min(bytes.length, 1000);
              content.write(bytes, 0, taken);
              return "{\"count\": " + taken + ", \"eof\": false}";
            case "guest-file-read":
              int from = position.get();
              int given = Math.min(content.size() - from, 1000);
              byte[] part = new byte[given];
              System.arraycopy(content.toByteArray(), from, part, 0, given);
              position.addAndGet(given);
              return "{\"count\": %d, \"eof\": %s, \"buf-b64\": \"%s\"}"
                  .formatted(given, given < 1000, Base64.getEncoder().encodeToString(part));
            default:
              return "{}";
          }
        });
  }

  @Test
  void copies_shortReadsAndWrites_loseNothing(@TempDir Path directory) throws IOException {
    byte[] data = new byte[12_345];
    new Random(1).nextBytes(data);
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    try (FakeAgent agent = withFile(content);
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      guest.files().copyIn(new ByteArrayInputStream(data), "/tmp/x");
      assertArrayEquals(data, content.toByteArray());
      guest.files().copyOut("/tmp/x", directory.resolve("x"));
      assertArrayEquals(data, Files.readAllBytes(directory.resolve("x")));
    }
  }

  @Test
  void copyOut_failsHalfWay_leavesTheOldFileAndNothingElse(@TempDir Path directory)
      throws IOException {
    Path target = Files.writeString(directory.resolve("x"), "old");
    AtomicInteger reads = new AtomicInteger();
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  for (JsonNode r = peer.next(); r != null; r = peer.next()) {
                    switch (r.path("execute").asText()) {
                      case "guest-file-open" -> peer.answer(r, "\"return\":1000");
                      case "guest-file-close" -> peer.answer(r, "\"return\":{}");
                      default -> {
                        if (reads.getAndIncrement() == 0) {
                          peer.answer(
                              r, "\"return\":{\"count\":1,\"eof\":false,\"buf-b64\":\"AA==\"}");
                        } else {
                          peer.error(r, "GenericError", "failed to read file");
                        }
                      }
                    }
                  }
                });
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      assertThrows(AgentCommandException.class, () -> guest.files().copyOut("/tmp/x", target));
      assertEquals("guest-file-close", agent.requests().getLast().path("execute").asText());
    }
    assertEquals("old", Files.readString(target));
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(1, files.count());
    }
  }

  @Test
  void write_agentClaimsMoreThanItGot_isProtocolError() throws IOException {
    try (FakeAgent agent =
            FakeAgent.answering(
                Map.of(
                    "guest-file-open", "1000",
                    "guest-file-write", "{\"count\": 100, \"eof\": false}"));
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      GuestFile file = guest.files().open("/tmp/x", OpenMode.WRITE);
      assertThrows(
          AgentProtocolException.class, () -> file.write("short".getBytes(StandardCharsets.UTF_8)));
    }
  }

  @Test
  void whatTheGuestHasNoFileFor_isEmptyAndNotAnError() throws IOException {
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  peer.error(peer.next(), "GenericError", "x: No such file or directory");
                  peer.error(peer.next(), "GenericError", "x: No such file or directory");
                  peer.error(peer.next(), "GenericError", "Permission denied");
                  peer.any();
                });
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      assertEquals(OptionalLong.empty(), guest.memoryBlockSize());
      assertEquals(List.of(), guest.users().authorizedKeys("root"));
      assertThrows(AgentCommandException.class, guest::memoryBlockSize);
    }
  }

  @Test
  void password_isSentAsBase64() throws IOException {
    try (FakeAgent agent = FakeAgent.answering(Map.of("guest-set-user-password", "{}"));
        GuestAgent guest = GuestAgent.connect(agent.socket())) {
      guest.users().setPassword("root", "geheim", false);
      assertEquals("Z2VoZWlt", agent.requests().getFirst().at("/arguments/password").asText());
    }
  }
}
