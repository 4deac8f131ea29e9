package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.microvm.machine.linux.PortEvents.Kind;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.ConsoleSize;
import org.microvm.virtioserial.channel.Channel;

/** Text consoles in a Linux guest: hvc devices, a shell, sizes. */
@ExtendWith(SmallGuest.class)
class ConsolePortTest extends GuestProcessFixture {
  private static final int NONE = -1;

  /** The number of hvc devices in Linux. */
  private static final int DEVICES = 8;

  private static HostPort add(LinuxGuest guest, int byteLimit) throws Exception {
    return guest.add(PortConfig.forConsole().withName(guest.newName()).withByteLimit(byteLimit));
  }

  /**
   * The first hvc device that can be opened, except one. The kernel reuses a number while a program
   * still has the previous console of that number open; until the program closes it, the new
   * console cannot be opened.
   */
  private int alive(HostPort port, int except) throws Exception {
    port.await(Kind.GUEST_OPENED, 1);
    long deadline = System.nanoTime() + GuestProcess.ANSWER.toNanos();
    for (int number = 0; System.nanoTime() < deadline; number = (number + 1) % DEVICES) {
      Answer open = process.call("open", "/dev/hvc" + number, "rwn");
      if (open.isOk()) {
        process.call("close", open.number()).checked();
      }
      if (open.isOk() && number != except) {
        return number;
      }
    }
    throw new AssertionError("no hvc device can be opened");
  }

  @Test
  void shell_onTheConsole_answersAndFollowsTheSize(LinuxGuest guest) throws Exception {
    try (HostPort port = add(guest, PortConfig.DEFAULT_LIMIT);
        Channel host = port.connect()) {
      String device = "/dev/hvc" + alive(port, NONE);
      guest.device().resize(port.nr(), new ConsoleSize(132, 43));
      process
          .call(
              "spawn",
              "PS1='# ' HOME=/tmp exec setsid -c sh -i < %1$s > %1$s 2>&1".formatted(device))
          .checked();
      HostPort.write(host, "echo $((6 * 7)) is the answer\r");
      HostPort.readUntil(host, "\n42 is the answer");
      HostPort.write(host, "stty size\r");
      HostPort.readUntil(host, "\n43 132");
      // A separate shell, so that it is in the foreground together with its commands.
      HostPort.write(
          host,
          "sh -c \"trap 'echo now; stty size' WINCH; echo set; while :; do sleep 0.1; done\"\r");
      HostPort.readUntil(host, "\nset");

      guest.device().resize(port.nr(), new ConsoleSize(80, 25));

      HostPort.readUntil(host, "now\r\n25 80");
      HostPort.write(host, "\u0003");
      HostPort.write(host, "exit\r");
    }
  }

  @Test
  void severalConsoles_areIndependent(LinuxGuest guest) throws Exception {
    try (HostPort first = add(guest, PortConfig.DEFAULT_LIMIT);
        Channel firstHost = first.connect()) {
      int one = alive(first, NONE);
      GuestFile firstFile = process.open("/dev/hvc" + one, "rw");
      try (HostPort second = add(guest, PortConfig.DEFAULT_LIMIT);
          Channel secondHost = second.connect()) {
        GuestFile secondFile = process.open("/dev/hvc" + alive(second, one), "rw");
        guest.device().resize(second.nr(), new ConsoleSize(100, 30));
        firstFile.write("first").checked();
        secondFile.write("second").checked();

        assertEquals("first", HostPort.readText(firstHost, 5));
        assertEquals("second", HostPort.readText(secondHost, 6));
        awaitSize(secondFile, 30, 100);
        assertEquals(List.of("0", "0"), firstFile.call("winsize").checked().words());
      }
    }
  }

  private static void awaitSize(GuestFile file, int rows, int columns) throws Exception {
    Answer size;
    do {
      size = file.call("winsize").checked();
    } while (size.number(0) != rows || size.number(1) != columns);
  }

  @Test
  void port_ofAConsole_cannotBeOpenedAsAChannel(LinuxGuest guest) throws Exception {
    try (HostPort port = add(guest, PortConfig.DEFAULT_LIMIT)) {
      port.await(Kind.GUEST_OPENED, 1);

      assertEquals("ENXIO", process.call("open", "/dev/" + port.node(), "rw").errno());
    }
  }

  @Test
  void withoutReader_theGuestContinuesAndTheNewestBytesAreKept(LinuxGuest guest) throws Exception {
    try (HostPort port = add(guest, 1000)) {
      String device = "/dev/hvc" + alive(port, NONE);
      GuestFile file = process.open(device, "rw");
      process.shell("stty -F " + device + " raw");

      assertEquals(3200, GuestProcess.get(file.send(3, 0, 3200)).number());

      port.awaitStatistics(statistics -> statistics.bytesDropped() == 2200);
      try (Channel host = port.connect()) {
        assertArrayEquals(NumberedStream.bytes(3, 2200, 1000), HostPort.read(host, 1000));
      }
    }
  }
}
