package org.microvm.qmp;

import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.microvm.virtioserial.PortInfo;

/**
 * The chardevs and the ports of a machine by the ids that people gave them.
 *
 * <p>A port without an id of its own has one that begins with {@code #}, as such things have in
 * QEMU. Used on one thread at a time: before the control socket serves, and on its loop then.
 */
public final class ChannelRegistry {
  /**
   * A port.
   *
   * @param id what it is called
   * @param info the port itself
   * @param chardev the id of its host end
   */
  record Device(String id, PortInfo info, String chardev) {}

  private final Map<String, Chardev> chardevs = new LinkedHashMap<>();
  private final Map<String, Device> devices = new LinkedHashMap<>();

  /** By identity: a new port may have number and name of one whose removal is still to be told. */
  private final Map<PortInfo, Device> byPort = new IdentityHashMap<>();

  /** An empty one. */
  public ChannelRegistry() {}

  /**
   * Tells of a port that is there at power-on.
   *
   * @param id the device's, if it has one
   * @param info the port
   * @param chardev the id of its host end
   * @param words the words that made its host end
   */
  public void atPowerOn(Optional<String> id, PortInfo info, String chardev, String words) {
    chardevs.put(chardev, Chardev.inUse(chardev, words));
    put(id, info, chardev);
  }

  /** Enters a new port. */
  Device put(Optional<String> id, PortInfo info, String chardev) {
    Device device = new Device(id.orElseGet(() -> generated(info)), info, chardev);
    devices.put(device.id(), device);
    byPort.put(info, device);
    return device;
  }

  private String generated(PortInfo info) {
    String id = "#port" + info.nr();
    return devices.containsKey(id) ? generatedAgain(id) : id;
  }

  private String generatedAgain(String taken) {
    int suffix = 2;
    while (devices.containsKey(taken + "." + suffix)) {
      suffix++;
    }
    return taken + "." + suffix;
  }

  /** The port of this id, or null. */
  Device device(String id) {
    return devices.get(id);
  }

  /** The entry of a port, or null if it was not made here. */
  Device device(PortInfo info) {
    return byPort.get(info);
  }

  /** All ports. */
  Collection<Device> devices() {
    return devices.values();
  }

  /** Forgets a port that is gone; its id and its chardev are free. A second time does nothing. */
  void remove(Device device) {
    // By identity: the next device may be equal to this one in everything.
    if (devices.get(device.id()) != device) {
      return;
    }
    devices.remove(device.id());
    Chardev chardev = chardevs.get(device.chardev());
    if (chardev != null) {
      chardev.released();
    }
  }

  /** Nothing more comes about this port. */
  void forget(PortInfo info) {
    byPort.remove(info);
  }

  /** The chardev of this id, or null. */
  Chardev chardev(String id) {
    return chardevs.get(id);
  }

  /** All chardevs. */
  Collection<Chardev> chardevs() {
    return chardevs.values();
  }

  void add(Chardev chardev) {
    chardevs.put(chardev.id(), chardev);
  }

  void remove(Chardev chardev) {
    chardevs.remove(chardev.id());
    chardev.close();
  }

  /** Closes the host ends that no port has. */
  void close() {
    chardevs.values().forEach(Chardev::close);
  }
}
