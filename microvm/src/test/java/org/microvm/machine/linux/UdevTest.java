package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.microvm.machine.linux.PortEvents.Kind;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.channel.Channel;

/** Stock udev rules in the guest: links by name, and who may open a port. */
@ExtendWith(UdevGuest.class)
class UdevTest extends GuestProcessFixture {
  private static final int AGENT_USER = 1000;
  private static final String STOCK_RULE =
      "SUBSYSTEM==\"virtio-ports\", KERNEL==\"vport*\", ATTR{name}==\"?*\","
          + " SYMLINK+=\"virtio-ports/$attr{name}\"\n";

  /** The rule that docs/guest.md recommends. */
  private static final String LOCAL_RULE =
      "SUBSYSTEM==\"virtio-ports\", ATTR{name}==\"%s\", GROUP=\"agent\", MODE=\"0660\"";

  @Test
  void rules_areTheStockOnes() throws Exception {
    assertEquals("ENOENT", process.call("stat", "/etc/udev/rules.d").errno());
    assertEquals(
        STOCK_RULE, process.shell("grep virtio-ports /lib/udev/rules.d/50-udev-default.rules"));
  }

  @Test
  void port_ofTheBoot_hasItsLink(LinuxGuest guest) throws Exception {
    String link = process.call("link", GuestProcess.pathOf(LinuxGuest.CONTROL)).text();

    assertEquals("../" + guest.node(guest.device().port(LinuxGuest.CONTROL).nr()), link);
  }

  @Test
  void port_addedAndRemoved_hasItsLinkMeanwhile(LinuxGuest guest) throws Exception {
    HostPort port = guest.add();
    process.awaitPort(port.name());
    assertEquals(
        "../" + port.node(), process.call("link", GuestProcess.pathOf(port.name())).text());
    try (Channel host = port.connect()) {
      GuestFile file = process.open(GuestProcess.pathOf(port.name()), "rw");
      file.await("OUT");
      file.write("hello").checked();
      assertEquals("hello", HostPort.readText(host, 5));
      file.close();
    }

    port.close();

    process.awaitNoPort(port.name());
  }

  @Test
  void unprivilegedUser_needsOneRule(LinuxGuest guest) throws Exception {
    String name = guest.newName();
    process.shell(
        "mkdir -p /run/udev/rules.d; echo '%s' > /run/udev/rules.d/70-agent.rules; udevadm control --reload"
            .formatted(LOCAL_RULE.formatted(name)));
    try (HostPort mine = guest.add(PortConfig.named(name));
        HostPort other = guest.add()) {
      process.awaitPort(mine.name());
      process.awaitPort(other.name());
      process.shell("udevadm settle");
      process.call("user", AGENT_USER, AGENT_USER).checked();

      process.call("open", GuestProcess.pathOf(mine.name()), "rw").checked();
      assertEquals("EACCES", process.call("open", GuestProcess.pathOf(other.name()), "rw").errno());
      mine.await(Kind.GUEST_OPENED, 1);
      assertFalse(other.guestOpen());
    }
  }
}
