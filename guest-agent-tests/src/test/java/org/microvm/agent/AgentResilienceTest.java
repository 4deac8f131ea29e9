package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.junit.GuestVm;
import org.microvm.junit.MicroVm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.SerialDevice;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** An agent that dies, and host programs that disconnect at the worst moment. */
@MicroVm(memory = 256)
@Tag("linux")
@Tag("guest-agent")
@Timeout(300)
class AgentResilienceTest {
  private static final Duration LIMIT = Duration.ofMinutes(1);
  private static final Duration ANSWER = Duration.ofSeconds(20);
  private static final Duration SHORT = Duration.ofSeconds(1);
  private static final int LARGE = 1 << 20;
  private static final int STORM = 20;
  private static final int WAITING = 50;

  private GuestVm vm;

  @BeforeEach
  void makeRoom() throws IOException {
    // A port serves one client at a time, so each test makes its own connection.
    vm.agent().close();
  }

  private GuestAgent connect() throws IOException {
    return GuestAgent.connect(vm.agentSocket(), ANSWER);
  }

  /**
   * Kills the agent by a process that it starts itself, one second after the agent has answered.
   *
   * @param first shell commands that the process runs before
   */
  private static void kill(GuestAgent agent, String pid, String first) throws IOException {
    agent
        .processes()
        .start(GuestCommand.of("sh", "-c", first + "; sleep 1; kill -9 " + pid).withoutOutput());
  }

  /** Returns the agent's process id in the guest. */
  private static String pid(GuestAgent agent) throws IOException {
    return new String(agent.files().read("/proc/self/stat"), StandardCharsets.US_ASCII)
        .split(" ")[0];
  }

  /**
   * Sends requests until another agent answers. Only requests that the old agent had read are lost.
   */
  private static void awaitAnother(GuestAgent agent, String first) throws IOException {
    String pid = first;
    while (pid.equals(first)) {
      try {
        agent.await(LIMIT);
        pid = pid(agent);
      } catch (AgentTimeoutException | AgentCommandException e) {
        // The agent died while it handled the request, or its open file was lost with it.
      }
    }
  }

  @Test
  void agentKilledAndRestarted_answersOnTheSameConnection() throws IOException {
    try (GuestAgent agent = connect()) {
      String first = pid(agent);

      kill(agent, first, ":");
      awaitAnother(agent, first);

      agent.ping();
    }
  }

  @Test
  void agentKilledDuringACall_callTimesOutAndTheNextIsAnswered() throws IOException {
    try (GuestAgent agent = connect()) {
      String first = pid(agent);
      // A stopped agent has read the request and does not answer.
      kill(agent, first, "sleep 1; kill -STOP " + first);

      assertThrows(AgentTimeoutException.class, () -> askUntilSilence(agent));
      awaitAnother(agent, first);

      agent.ping();
    }
  }

  private static void askUntilSilence(GuestAgent agent) throws IOException {
    while (true) {
      agent.client().call("guest-ping", SHORT);
    }
  }

  @Test
  void portUnpluggedUnderAnAgentThatDoesNotEnd_theNextPortGetsAnAgent() throws Exception {
    SerialDevice device = vm.machine().channels();
    try (GuestAgent agent = connect()) {
      // A stopped process keeps SIGTERM pending, as one that is deadlocked in its handler does.
      String stop = "sleep 1; kill -STOP " + pid(agent);
      agent.processes().start(GuestCommand.of("sh", "-c", stop).withoutOutput());
      assertThrows(AgentTimeoutException.class, () -> askUntilSilence(agent));
    }
    device.removePort(device.port(GuestVm.AGENT_CHANNEL).nr());
    Path socket = vm.directory().resolve("replugged");
    device.addPort(
        PortConfig.named(GuestVm.AGENT_CHANNEL), UnixServerBackend.listen(socket, false));

    try (GuestAgent agent = GuestAgent.connect(socket, ANSWER)) {
      // systemd sends SIGKILL 90 s after SIGTERM.
      agent.await(Guest.isDebian() ? LIMIT.multipliedBy(4) : LIMIT);
    } finally {
      vm.discard();
    }
  }

  @Test
  void hostLeavesMidAnswer_nextHostGetsItsOwnAnswers() throws IOException {
    try (GuestAgent agent = connect()) {
      agent.files().write("/run/large", new byte[LARGE]);
    }
    for (int i = 0; i < 3; i++) {
      try (RawAgent leaver = RawAgent.synced(vm.agentSocket())) {
        int handle =
            leaver
                .ask("{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"/run/large\"}}")
                .path("return")
                .asInt();
        leaver.send(
            "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":%d,\"count\":%d}}\n"
                .formatted(handle, LARGE));
        assertEquals(1000, leaver.some(1000).length);
      }
      try (GuestAgent next = connect()) {
        next.ping();
        assertEquals(Guest.hostName(), next.hostName());
      }
    }
  }

  @Test
  void hostsComeAndGoQuickly_eachIsServed() throws IOException {
    for (int i = 0; i < STORM; i++) {
      try (GuestAgent agent = connect()) {
        agent.ping();
      }
    }
  }

  @Test
  void hostsLeaveWithoutAWord_theNextIsServed() throws IOException {
    for (int i = 0; i < STORM; i++) {
      try (RawAgent rude = RawAgent.connect(vm.agentSocket())) {
        rude.send("{\"execute\":\"guest-get-osinfo\",\"arguments\":{");
      }
    }
    try (GuestAgent agent = connect()) {
      agent.ping();
    }
  }

  @Test
  void requestOfManyMebibytes_isRefusedAndTheNextAnswered() throws IOException {
    try (RawAgent agent = RawAgent.synced(vm.agentSocket())) {
      agent.send(
          "{\"execute\":\"guest-ping\",\"arguments\":{\"x\":\"" + "y".repeat(4 << 20) + "\"}}\n");

      assertEquals("Parameter 'x' is unexpected", agent.answer().at("/error/desc").asText());
      assertEquals(1, agent.sync(1).path("return").asInt());
    }
  }

  @Test
  void requestsThatWait_areAnsweredInOrder() throws IOException {
    try (RawAgent agent = RawAgent.synced(vm.agentSocket())) {
      // An agent with more than 4 KiB of waiting requests drops answers; see docs/agent.md.
      for (int i = 0; i < WAITING; i++) {
        agent.send("{\"execute\":\"guest-ping\",\"id\":%d}\n".formatted(i));
      }
      for (int i = 0; i < WAITING; i++) {
        assertEquals(i, agent.answer().path("id").asInt());
      }
    }
  }
}
