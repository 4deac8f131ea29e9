package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.microvm.machine.linux.PortEvents.Kind;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.ConsoleSize;
import org.microvm.virtioserial.channel.Channel;

/** Many ports and many agents at once. */
@RequiresKvm
@Tag("linux")
@Timeout(150)
@ExtendWith(LargeGuest.class)
class ManyPortsTest {
  private static final int BYTES = 8192;

  @Test
  void everyPort_echoesItsOwnStreamAtTheSameTime(LinuxGuest guest) throws Exception {
    List<HostPort> ports = new ArrayList<>();
    List<GuestProcess> processes = new ArrayList<>();
    List<Channel> hosts = new ArrayList<>();
    List<CompletableFuture<Answer>> echoes = new ArrayList<>();
    for (int i = 0; i < LargeGuest.CHANNELS; i++) {
      HostPort port = guest.add();
      ports.add(port);
      hosts.add(port.connect());
      processes.add(guest.process());
    }
    for (int i = 0; i < LargeGuest.CHANNELS; i++) {
      GuestFile file = processes.get(i).openPort(ports.get(i).name(), "rw");
      echoes.add(file.start("echo", BYTES));
    }
    for (int i = 0; i < LargeGuest.CHANNELS; i++) {
      HostPort.writeLater(hosts.get(i), NumberedStream.bytes(i, 0, BYTES));
    }

    for (int i = 0; i < LargeGuest.CHANNELS; i++) {
      assertArrayEquals(NumberedStream.bytes(i, 0, BYTES), HostPort.read(hosts.get(i), BYTES));
      assertEquals(BYTES, GuestProcess.get(echoes.get(i)).number());
      processes.get(i).close();
      ports.get(i).close();
    }
    try (GuestProcess process = guest.process()) {
      process.awaitNoPort(ports.getLast().name());
      assertEquals(1, process.call("list", "/sys/class/virtio-ports").text().split("\n").length);
    }
  }

  /**
   * The other order of the two numbers in RESIZE; this guest's kernel uses that of the
   * specification.
   */
  @Test
  void resize_inTheOrderOfOlderKernels_isTheOtherWayRoundForThisOne(LinuxGuest guest)
      throws Exception {
    try (HostPort port = guest.add(PortConfig.forConsole().withName(guest.newName()));
        GuestProcess process = guest.process()) {
      port.await(Kind.GUEST_OPENED, 1);
      GuestFile console = process.open("/dev/hvc0", "rw");

      guest.device().resize(port.nr(), new ConsoleSize(132, 43));

      Answer size;
      do {
        size = console.call("winsize").checked();
      } while (size.number(0) == 0);
      assertEquals(List.of("132", "43"), size.words());
    }
  }
}
