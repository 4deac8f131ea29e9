package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.Year;
import java.time.ZoneOffset;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.machine.config.MachineEnd;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.channel.Channel;

/**
 * A distribution's kernel, initial RAM disk, systemd, udev rules and guest agent, all unmodified.
 * The guest is booted and saved once, and restored for each test.
 */
@RequiresKvm
@Tag("linux")
@Timeout(3000)
@EnabledIfSystemProperty(
    named = StockGuest.DIRECTORY,
    matches = ".+",
    disabledReason = "no distribution's kernel and root: -D" + StockGuest.DIRECTORY + "=DIRECTORY")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class StockKernelTest {
  private static final String HOTPLUGGED = "test.hotplugged";

  @TempDir private static Path directory;

  private int restored;

  @BeforeAll
  void bootAndSave() throws Exception {
    try (StockGuest guest = StockGuest.boot(directory.resolve("agent"), 1)) {
      guest.awaitAgent();
      guest.machine().snapshot(saved());
    }
  }

  private static Path saved() {
    return directory.resolve("saved");
  }

  private StockGuest restore() throws Exception {
    restored++;
    return StockGuest.restore(directory.resolve("agent" + restored), saved());
  }

  @Test
  void fourVcpus_areUpWhenTheAgentAnswers() throws Exception {
    try (StockGuest guest = StockGuest.boot(directory.resolve("agent-smp"), 4)) {
      guest.awaitAgent();

      assertEquals("4", guest.shell("nproc"));
      guest.start("poweroff");
      assertEquals(new MachineEnd.PowerOff(), guest.end());
    }
  }

  @Test
  void agent_isStartedBySystemdForTheLinkOfUdev() throws Exception {
    try (StockGuest guest = restore()) {
      assertEquals("active", guest.shell("systemctl is-active qemu-guest-agent"));
      assertTrue(link(guest, StockGuest.AGENT).matches("\\.\\./vport[0-9]+p1"));
      assertTrue(link(guest, StockGuest.CHANNEL).matches("\\.\\./vport[0-9]+p2"));
    }
  }

  private static String link(StockGuest guest, String name) throws Exception {
    return guest.shell("readlink /dev/virtio-ports/" + name);
  }

  @Test
  void channel_echoesBothWays() throws Exception {
    try (StockGuest guest = restore()) {
      assertEchoes(guest, StockGuest.CHANNEL);
    }
  }

  @Test
  void channel_addedAndRemoved_hasItsLinkMeanwhile() throws Exception {
    try (StockGuest guest = restore()) {
      int port = guest.addPort(HOTPLUGGED);
      assertEquals(
          "0",
          guest.shell("udevadm wait -t 60 /dev/virtio-ports/%s; echo $?".formatted(HOTPLUGGED)));
      assertEchoes(guest, HOTPLUGGED);

      guest.machine().channels().removePort(port);

      assertEquals(
          "0",
          guest.shell(
              "udevadm wait -t 60 --removed /dev/virtio-ports/%s; echo $?".formatted(HOTPLUGGED)));
    }
  }

  private static void assertEchoes(StockGuest guest, String name) throws Exception {
    byte[] sent = NumberedStream.bytes(1, 0, 100_000);
    try (Channel channel = guest.machine().channels().openChannel(name)) {
      // Linux reports the end of the stream until it knows that the host end is connected.
      guest.start(
          "exec 3<>/dev/virtio-ports/%s; while :; do cat <&3 >&3; sleep 0.1; done".formatted(name));
      HostPort.writeLater(channel, sent);
      assertArrayEquals(sent, HostPort.read(channel, sent.length));
    } catch (AssertionError e) {
      throw new AssertionError(e.getMessage() + "; " + guest.report(), e);
    }
  }

  /** To read the clock, hwclock waits for the interrupt that ends an update. */
  @Test
  void hwclock_readsAndSetsTheClock() throws Exception {
    try (StockGuest guest = restore()) {
      Instant before = Instant.now();
      Instant read = hardwareClock(guest);
      assertTrue(
          Duration.between(before, read).abs().compareTo(StockGuest.BOOT) < 0,
          "the clock says %s at %s".formatted(read, before));

      assertEquals(
          "", guest.shell("hwclock --utc --noadjfile --set --date '2031-02-03 04:05:06' 2>&1"));

      assertEquals(Year.of(2031), Year.from(hardwareClock(guest).atOffset(ZoneOffset.UTC)));
      String interrupts = guest.shell("grep rtc /proc/interrupts");
      assertTrue(interrupts.matches(" *[0-9]+: +[1-9].* 8-edge +rtc0"), interrupts);
    }
  }

  /** Returns the time of the guest's CMOS clock, as hwclock reads it. */
  private static Instant hardwareClock(StockGuest guest) throws Exception {
    return Instant.parse(
        guest.shell("date -u +%Y-%m-%dT%H:%M:%SZ --date \"$(hwclock --utc --show)\""));
  }

  @Test
  void poweroff_isAPowerOff() throws Exception {
    try (StockGuest guest = restore()) {
      guest.start("poweroff");

      assertEquals(new MachineEnd.PowerOff(), guest.end());
    }
  }

  @Test
  void reboot_isAReset() throws Exception {
    try (StockGuest guest = restore()) {
      guest.start("reboot");

      assertInstanceOf(MachineEnd.Reset.class, guest.end());
    }
  }

  @Test
  void halt_isAHalt() throws Exception {
    try (StockGuest guest = restore()) {
      guest.start("halt");

      assertInstanceOf(MachineEnd.Halted.class, guest.end());
    }
  }

  @Test
  void powerButton_letsSystemdPowerOff() throws Exception {
    try (StockGuest guest = restore()) {
      // The agent may have answered before systemd-logind has opened the button's input device.
      guest.shell(
          "until ls -l /proc/$(pidof systemd-logind)/fd 2>&- | grep -q /dev/input/;"
              + " do sleep 0.2; done");

      assertTrue(guest.machine().pressPowerButton());

      assertEquals(new MachineEnd.PowerOff(), guest.end());
    }
  }

  @Test
  void panic_isReportedByThePvpanicDriver() throws Exception {
    try (StockGuest guest = restore()) {
      guest.start("echo c >/proc/sysrq-trigger");

      MachineEnd.Panicked panic = assertInstanceOf(MachineEnd.Panicked.class, guest.end());
      assertEquals("reported at the pvpanic port", panic.how());
      assertTrue(panic.message().contains("sysrq triggered crash"), panic.message());
    }
  }
}
