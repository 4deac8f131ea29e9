package org.microvm.qmp;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.PortStatistics;
import org.microvm.virtioserial.PortStatus;
import org.microvm.virtioserial.SerialDevice;
import org.microvm.virtioserial.options.SocketSpec;

/** Describes ports as JSON. */
final class PortJson {
  private PortJson() {}

  /** Completes the entry of query-chardev for the host end of a port. */
  static void chardev(ObjectNode node, Chardev chardev, SerialDevice channels, PortInfo info) {
    PortStatus status = status(channels, info);
    if (status != null) {
      boolean away = chardev.spec() instanceof SocketSpec && !status.hostConnected();
      node.put("filename", (away ? Chardev.DISCONNECTED : "") + status.backend());
      // A console is open as long as it exists, as in QEMU.
      node.put("frontend-open", status.guestOpen() || info.console());
    }
  }

  /**
   * Adds a port to a list, unless it was removed meanwhile.
   *
   * @param device the ids of the port, or null if it was added by the Java API
   */
  static void port(
      ArrayNode list, SerialDevice channels, PortInfo info, ChannelRegistry.Device device) {
    PortStatus status = status(channels, info);
    if (status == null) {
      return;
    }
    ObjectNode node = list.addObject();
    if (device != null) {
      node.put("id", device.id());
      if (!device.chardev().isEmpty()) {
        node.put("chardev", device.chardev());
      }
    }
    node.put("nr", info.nr());
    info.name().ifPresent(name -> node.put("name", name));
    node.put("console", info.console());
    node.put("backend", status.backend());
    node.put("guest-ready", status.guestReady());
    node.put("guest-open", status.guestOpen());
    node.put("host-connected", status.hostConnected());
    statistics(node.putObject("statistics"), status.statistics());
  }

  private static void statistics(ObjectNode node, PortStatistics numbers) {
    node.put("bytes-from-guest", numbers.bytesFromGuest());
    node.put("chains-from-guest", numbers.chainsFromGuest());
    node.put("bytes-to-guest", numbers.bytesToGuest());
    node.put("chains-to-guest", numbers.chainsToGuest());
    node.put("bytes-held-for-host", numbers.bytesHeldForHost());
    node.put("bytes-held-for-guest", numbers.bytesHeldForGuest());
    node.put("bytes-dropped", numbers.bytesDropped());
    node.put("bytes-dropped-from-guest", numbers.fromGuest().bytesDropped());
    node.put("bytes-dropped-to-guest", numbers.toGuest().bytesDropped());
    node.put("bytes-copied", numbers.bytesCopied());
    node.put("host-stalls", numbers.hostStalls());
    node.put("guest-stalls", numbers.guestStalls());
    node.put("throttles-from-guest", numbers.fromGuest().throttles());
    node.put("throttles-to-guest", numbers.toGuest().throttles());
    node.put("malformed", numbers.malformed());
  }

  private static PortStatus status(SerialDevice channels, PortInfo info) {
    try {
      PortStatus status = channels.status(info.nr());
      return status.port() == info ? status : null;
    } catch (PortException gone) {
      return null;
    }
  }
}
