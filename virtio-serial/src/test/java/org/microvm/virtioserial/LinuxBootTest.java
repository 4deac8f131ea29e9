package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The steps of a booting Linux guest with an agent, from end to end. */
class LinuxBootTest {
  private static final String AGENT = "org.qemu.guest_agent.0";

  @TempDir Path directory;
  private SerialMachine machine;

  @BeforeEach
  void start() throws Exception {
    machine = new SerialMachine(directory);
  }

  @AfterEach
  void stop() {
    machine.close();
  }

  @Test
  void boot_announcesEveryPort() throws Exception {
    machine.addUnix(AGENT);
    machine.addUnix("second");

    machine.guest.boot();

    assertEquals(List.of(Control.add(1), Control.add(2)), machine.guest.next(2));
  }

  @Test
  void portReady_isAnsweredWithTheName() throws Exception {
    int nr = machine.addUnix(AGENT);
    machine.guest.boot().next();

    machine.guest.ready(nr);

    assertEquals(Control.name(1, AGENT), machine.guest.next());
  }

  @Test
  void agent_requestAndReplyPass() throws Exception {
    int nr = machine.addUnix(AGENT);
    machine.guest.boot();
    machine.introduce(nr);
    machine.guest.open(nr);
    try (Host host = machine.connect(AGENT)) {
      assertEquals(Control.open(nr, 1), machine.guest.next());

      host.write("{\"execute\":\"guest-ping\"}\n");
      byte[] request = machine.guest.read(nr, 25);
      machine.guest.write(nr, "{\"return\": {}}\n".getBytes());
      String reply = host.readText(15);

      assertEquals("{\"execute\":\"guest-ping\"}\n", new String(request));
      assertEquals("{\"return\": {}}\n", reply);
      machine.guest.awaitSent(nr, 1);
      assertEquals(0, machine.numbers(nr).bytesCopied());
    }
    assertEquals(Control.open(nr, 0), machine.guest.next());
  }

  @Test
  void console_isAnnouncedAsSuchAndTakesOutput() throws Exception {
    int nr = machine.addUnix(PortConfig.forConsole().withName("con"), "con");
    machine.guest.boot();
    machine.guest.next();
    machine.guest.ready(nr);
    assertEquals(
        List.of(Control.console(0), Control.name(0, "con"), Control.open(0, 1)),
        machine.guest.next(3));
    machine.guest.open(nr);

    machine.guest.write(nr, "Linux version 6.1\n".getBytes());
    machine.guest.awaitSent(nr, 1);

    try (Host host = machine.connect("con")) {
      assertEquals("Linux version 6.1\n", host.readText(18));
    }
  }

  @Test
  void largeTransfers_passUnchangedBothWays() throws Exception {
    int nr = machine.addUnix(AGENT);
    machine.guest.boot();
    machine.introduce(nr);
    machine.guest.open(nr);
    byte[] down = Guest.bytes(1 << 20, 1);
    byte[] up = Guest.bytes(1 << 20, 2);
    try (Host host = machine.connect(AGENT)) {
      Thread writer = Thread.ofVirtual().start(() -> write(host, down));
      assertArrayEquals(down, machine.guest.read(nr, down.length));
      writer.join();

      machine.guest.write(nr, up);
      assertArrayEquals(up, host.read(up.length));
      machine.guest.awaitSent(nr, 1);
      assertTrue(machine.numbers(nr).hostStalls() > 0);
    }
  }

  private static void write(Host host, byte[] bytes) {
    try {
      host.write(bytes);
    } catch (java.io.IOException e) {
      throw new AssertionError(e);
    }
  }
}
