package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.junit.GuestVm;
import org.microvm.junit.MicroVm;

/** Agents that are started with other options, as another user, or at the same time. */
@MicroVm(setup = Guest.MorePorts.class)
@Tag("linux")
@Tag("guest-agent")
@Timeout(300)
class AgentOptionsTest {
  private static final Duration LIMIT = Duration.ofMinutes(1);

  private GuestVm vm;

  @Test
  void blockedCommands_areRefused_theOthersAreNot() throws IOException {
    try (SecondAgent second =
        SecondAgent.start(vm, Guest.SECOND, "-b", "guest-ping,guest-get-time")) {
      UnknownCommandException ping =
          assertThrows(UnknownCommandException.class, second.agent()::ping);
      assertTrue(ping.disabled(), ping.getMessage());
      assertThrows(UnknownCommandException.class, second.agent()::time);
      AgentInfo info = second.agent().info();
      assertFalse(info.enabled("guest-ping"));
      assertTrue(info.enabled("guest-get-fsinfo"));
      assertEquals("/", second.agent().filesystems().list().getFirst().mountPoint());
    }
    vm.agent().ping();
  }

  @Test
  void configurationFile_isReadAndShown() throws IOException {
    vm.writeFile(
        "/run/qga.conf",
        """
        [general]
        daemon=false
        method=virtio-serial
        path=/path/to/org.qemu.guest_agent.0
        pidfile=/var/foo/qemu-ga.pid
        statedir=/var/state
        verbose=true
        block-rpcs=guest-ping;guest-get-time
        """);

    ExecResult shown =
        vm.exec(
            GuestCommand.of("/usr/sbin/qemu-ga", "-D")
                .withEnvironment("QGA_CONF=/run/qga.conf", Guest.tunables(vm)),
            LIMIT);

    assertEquals(0, shown.status(), shown.errors());
    List<String> lines = shown.output().lines().toList();
    assertEquals("[general]", lines.getFirst());
    assertTrue(lines.contains("daemon=false"), shown.output());
    assertTrue(lines.contains("method=virtio-serial"), shown.output());
    assertTrue(lines.contains("path=/path/to/org.qemu.guest_agent.0"), shown.output());
    assertTrue(lines.contains("pidfile=/var/foo/qemu-ga.pid"), shown.output());
    assertTrue(lines.contains("statedir=/var/state"), shown.output());
    assertTrue(lines.contains("verbose=true"), shown.output());
    assertTrue(shown.output().contains("block-rpcs=guest-ping;guest-get-time"), shown.output());
    assertEquals("", shown.errors());
  }

  @Test
  void osRelease_isReadWithItsQuotes() throws IOException {
    vm.writeFile(
        "/run/os-release",
        """
        ID=our-test
        NAME="Our test"
        PRETTY_NAME="Our test of the agent"
        VERSION="Test 1"
        VERSION_ID=1
        VARIANT="Quotes \\"'\\$\\`\\\\ and so on."
        VARIANT_ID=quotes
        """);

    try (SecondAgent second =
        SecondAgent.start(vm, Guest.SECOND, List.of("QGA_OS_RELEASE=/run/os-release"))) {
      OsInfo os = second.agent().osInfo();

      assertEquals(Optional.of("our-test"), os.id());
      assertEquals(Optional.of("Our test"), os.name());
      assertEquals(Optional.of("Our test of the agent"), os.prettyName());
      assertEquals(Optional.of("Test 1"), os.version());
      assertEquals(Optional.of("1"), os.versionId());
      assertEquals(Optional.of("Quotes \"'$`\\ and so on."), os.variant());
      assertEquals(Optional.of("quotes"), os.variantId());
    }
  }

  @Test
  void threeAgentsAtOnce_eachAnswersItsOwnClient() throws Exception {
    try (SecondAgent second = SecondAgent.start(vm, Guest.SECOND);
        SecondAgent third = SecondAgent.start(vm, Guest.THIRD)) {
      GuestFile first = vm.agent().files().open("/run/of-the-first", OpenMode.WRITE);

      Rounds rounds = Rounds.of(vm.agent(), second.agent(), third.agent());

      rounds.await();
      // Each agent has its own file handles.
      assertThrows(
          AgentCommandException.class,
          () ->
              second
                  .agent()
                  .client()
                  .call(
                      "guest-file-close",
                      AgentClient.arguments().put("handle", first.handle()),
                      LIMIT));
      first.close();
    }
  }

  @Test
  void unprivilegedAgent_doesWhatItsUserMay() throws IOException {
    try (SecondAgent second = SecondAgent.startUnprivileged(vm, Guest.THIRD)) {
      GuestAgent agent = second.agent();

      agent.ping();
      assertEquals("agent", agent.processes().run(GuestCommand.of("id", "-un"), LIMIT).output());
      agent.files().write("/tmp/of-the-agent", Guest.ascii("mine"));
      assertEquals("agent", vm.exec("stat", "-c", "%U", "/tmp/of-the-agent").output());
      AgentCommandException refused =
          assertThrows(
              AgentCommandException.class, () -> agent.files().open("/run/x", OpenMode.WRITE));
      assertTrue(refused.description().contains("Permission denied"), refused.getMessage());
      assertThrows(
          AgentCommandException.class, () -> agent.files().open("/proc/1/environ", OpenMode.READ));
      assertThrows(AgentCommandException.class, () -> agent.setTime(agent.time()));
    }
  }

  @Test
  void agentThatDoesNotEndOnSigterm_isKilled_andItsPortIsFree() throws IOException {
    try (SecondAgent second = SecondAgent.start(vm, Guest.SECOND)) {
      // A stopped process keeps SIGTERM pending, as one that is deadlocked in its handler does.
      vm.exec("kill", "-STOP", Long.toString(second.process().pid()));
    }

    try (SecondAgent next = SecondAgent.start(vm, Guest.SECOND)) {
      next.agent().ping();
    }
  }
}
