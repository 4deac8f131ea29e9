package org.microvm.qmp;

import java.util.ArrayList;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.options.DeviceOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionWords;

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
   * @param words the words that make such a port
   */
  record Device(String id, PortInfo info, String chardev, String words) {}

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
   * @param deviceWords the words that made the port
   */
  public void atPowerOn(
      Optional<String> id, PortInfo info, String chardev, String words, String deviceWords) {
    chardevs.put(chardev, Chardev.inUse(chardev, words));
    put(id, info, chardev, deviceWords);
  }

  /** Enters a new port. */
  Device put(Optional<String> id, PortInfo info, String chardev, String words) {
    Device device = new Device(id.orElseGet(() -> generated(info)), info, chardev, words);
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

  /**
   * What has become of the words that a machine was made of: with the channels that there are now,
   * each under the number that the guest knows it by. A chardev that no port has is left out.
   *
   * @param words options and their values by turns; none stay none
   */
  List<String> current(List<String> words) {
    if (words.isEmpty()) {
      return words;
    }
    List<String> now = new ArrayList<>();
    for (int i = 0; i + 1 < words.size(); i += 2) {
      if (!isChannel(words.get(i), words.get(i + 1))) {
        now.addAll(words.subList(i, i + 2));
      }
    }
    for (Device device : devices.values()) {
      Chardev chardev = chardevs.get(device.chardev());
      String number = String.valueOf(device.info().nr());
      now.addAll(List.of("--chardev", with(chardev.words(), "id", chardev.id())));
      now.addAll(List.of("--device", with(device.words(), "nr", number)));
    }
    return now;
  }

  private static boolean isChannel(String option, String value) {
    return option.equals("--chardev")
        || (option.equals("--device") && DeviceOptions.isPort(value.split(",", 2)[0]));
  }

  private static String with(String words, String name, String value) {
    try {
      return OptionWords.parse(words).with(name, value);
    } catch (OptionException e) {
      throw new IllegalStateException("words that were understood once: " + words, e);
    }
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
