package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.agent.AgentClient;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.OnReset;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** Linux guests from power-on to their end. */
@RequiresKvm
@Tag("linux")
@Timeout(600)
class LinuxLifeTest {
  private static final Duration BOOT = Duration.ofMinutes(4);
  private static final Duration ANSWER = Duration.ofMinutes(1);

  private final ConsoleText console = new ConsoleText();
  @TempDir private Path directory;
  private Machine machine;

  @AfterEach
  void close() {
    if (machine != null) {
      machine.close();
    }
  }

  private MachineConfig.Builder linux(String words) throws Exception {
    return MachineConfig.builder(TestImages.kernel())
        .commandLine(Files.readString(TestImages.commandLine()).strip() + " " + words)
        .disk(new DiskConfig(TestImages.disk(), true))
        .console(console);
  }

  private void start(MachineConfig.Builder config) throws MachineException {
    machine = Machine.create(config.build());
    machine.start();
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 8192})
  void run_guestSeesTheMemoryAskedForAndPowersOff(int mebibytes) throws Exception {
    HostMemory.assumeRoomFor(mebibytes);
    start(linux("microvm.run=\"grep MemTotal /proc/meminfo\"").memory((long) mebibytes << 20));

    assertEquals(new MachineEnd.PowerOff(), machine.end().get(BOOT.toSeconds(), TimeUnit.SECONDS));
    machine.close();
    long kibibytes =
        Long.parseLong(console.toString().replaceAll("(?s).*MemTotal: +([0-9]+) kB.*", "$1"));
    long asked = (long) mebibytes << 10;
    assertTrue(kibibytes > asked * 2 / 3 && kibibytes <= asked, kibibytes + " KiB");
  }

  @Test
  void reboot_withRestart_bringsTheAgentBackOnTheSameSocket() throws Exception {
    Path socket = directory.resolve("agent");
    start(
        linux("")
            .onReset(OnReset.RESTART)
            .channel(
                new ChannelConfig(
                    PortConfig.named("org.qemu.guest_agent.0"),
                    loop -> UnixServerBackend.listen(socket, false))));

    try (AgentClient agent = AgentClient.connect(socket)) {
      agent.sync(BOOT);
      agent.send("guest-shutdown", AgentClient.arguments().put("mode", "reboot"), ANSWER);
      // Requests to a guest that is shutting down are lost, so wait until the next one has booted.
      console.await("GUEST READY", 2, BOOT.toSeconds());
      // The same connection: it belongs to the host and outlives the reset.
      agent.sync(BOOT);
      agent.call("guest-ping", ANSWER);
    }

    assertEquals(1, machine.statistics().resets());
  }

  @Test
  void reboot_endsTheMachineByDefault() throws Exception {
    start(linux("microvm.run=\"reboot; sleep 60\""));

    MachineEnd end = machine.end().get(BOOT.toSeconds(), TimeUnit.SECONDS);

    assertInstanceOf(MachineEnd.Reset.class, end);
  }

  @Test
  void panic_isReportedByTheKernelAtItsPort() throws Exception {
    start(linux("init=/nonexistent panic=-1"));

    MachineEnd end = machine.end().get(BOOT.toSeconds(), TimeUnit.SECONDS);

    MachineEnd.Panicked panic = assertInstanceOf(MachineEnd.Panicked.class, end);
    assertEquals("reported at the pvpanic port", panic.how());
    assertTrue(panic.message().contains("Requested init /nonexistent failed"), panic.message());
  }
}
