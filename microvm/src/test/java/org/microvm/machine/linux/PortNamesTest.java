package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.linux.PortEvents.Kind;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.channel.Channel;

/** Names, links and device nodes of ports, and who may open them. */
@ExtendWith(SmallGuest.class)
class PortNamesTest extends GuestProcessFixture {
  private static final int AGENT_USER = 1000;
  private static final int PORTS_GROUP = 101;

  @ParameterizedTest
  @ValueSource(strings = {"org.example.agent.0", "com.redhat.spice.0", "grüße", "-", "x=y,z"})
  void name_isInSysfsAndItsLinkLeadsToTheNode(String name, LinuxGuest guest) throws Exception {
    try (HostPort port = guest.add(PortConfig.named(name))) {
      process.awaitPort(name);

      assertEquals("../" + port.node(), process.call("link", GuestProcess.pathOf(name)).text());
      GuestFile attribute = process.open("/sys/class/virtio-ports/" + port.node() + "/name", "r");
      assertEquals(name + "\n", attribute.read(1000).text());
    }
  }

  @Test
  void name_longest_works(LinuxGuest guest) throws Exception {
    String name = "n".repeat(PortConfig.MAX_NAME_BYTES);
    try (HostPort port = guest.add(PortConfig.named(name));
        Channel host = port.connect()) {
      process.openPort(name, "w").write("x").checked();

      assertEquals("x", HostPort.readText(host, 1));
    }
  }

  @Test
  void noName_nodeWithoutNameAndLink(LinuxGuest guest) throws Exception {
    int links = process.call("list", "/dev/virtio-ports").text().split("\n").length;
    PortInfo port = guest.addUnnamed();

    String node = guest.node(port.nr());
    guest.awaitReady(port);
    GuestFile file = process.open("/dev/" + node, "rw");
    guest.events().await(port.nr(), Kind.GUEST_OPENED, 1);

    assertEquals(
        "ENOENT", process.call("stat", "/sys/class/virtio-ports/" + node + "/name").errno());
    assertEquals(links, process.call("list", "/dev/virtio-ports").text().split("\n").length);
    file.close();
    guest.device().removePort(port.nr());
  }

  @Test
  void node_belongsToTheGroupOfPorts(LinuxGuest guest) throws Exception {
    try (HostPort port = guest.add()) {
      process.awaitPort(port.name());

      assertEquals(
          List.of("660", "0", Integer.toString(PORTS_GROUP)),
          process.call("stat", GuestProcess.pathOf(port.name())).checked().words());
    }
  }

  @Test
  void unprivilegedUser_inTheGroup_talksToTheHost(LinuxGuest guest) throws Exception {
    try (HostPort port = guest.add();
        Channel host = port.connect()) {
      process.awaitPort(port.name());
      process.call("user", AGENT_USER, PORTS_GROUP).checked();

      GuestFile file = process.open(GuestProcess.pathOf(port.name()), "rw");
      file.await("OUT");
      file.write("hello").checked();

      assertEquals("hello", HostPort.readText(host, 5));
    }
  }

  @Test
  void unprivilegedUser_notInTheGroup_isRefused(LinuxGuest guest) throws Exception {
    try (HostPort port = guest.add()) {
      process.awaitPort(port.name());
      process.call("user", AGENT_USER, AGENT_USER).checked();

      assertEquals("EACCES", process.call("open", GuestProcess.pathOf(port.name()), "rw").errno());
      assertFalse(port.guestOpen());
    }
  }

  @Test
  void portZero_isKeptForAConsole(LinuxGuest guest) throws Exception {
    PortConfig zero = PortConfig.named(guest.newName()).withNr(0);

    PortException refused = assertThrows(PortException.class, () -> guest.add(zero));

    assertTrue(
        refused.getMessage().contains("port 0 is reserved for a console"), refused.getMessage());
    try (HostPort port = guest.add()) {
      process.awaitPort(port.name());
      assertTrue(port.nr() > 0);
      assertEquals("ENOENT", process.call("stat", "/dev/" + guest.node(0)).errno());
    }
  }
}
