package org.microvm.qmp;

import java.util.ArrayList;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.DeviceOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import org.microvm.virtioserial.options.PortSpec;

/**
 * The chardevs and the ports of a machine by the ids that users gave them.
 *
 * <p>A port without an id gets one that begins with {@code #}, as in QEMU. One thread at a time
 * uses the registry: first the one that sets up the machine, then the control socket's.
 */
public final class ChannelRegistry {
  /**
   * A port.
   *
   * @param id its id
   * @param info the port itself
   * @param spec the specification that it was added with
   * @param hotplugged whether it was added to the running machine
   */
  record Device(String id, PortInfo info, PortSpec spec, boolean hotplugged) {
    /** Returns the id of its host end; empty if it has none. */
    String chardev() {
      return spec.chardev();
    }
  }

  /** The name of the bus of a serial device without an id, as in QEMU. */
  private static final String DEFAULT_BUS = "virtio-serial-bus.0";

  private String bus = DEFAULT_BUS;
  private final Map<String, Chardev> chardevs = new LinkedHashMap<>();
  private final Map<String, Device> devices = new LinkedHashMap<>();

  /**
   * Compared by identity: a new port may have the number and name of one whose removal is not
   * reported yet.
   */
  private final Map<PortInfo, Device> byPort = new IdentityHashMap<>();

  /** Creates an empty registry. */
  public ChannelRegistry() {}

  /**
   * Registers a port that exists at power-on.
   *
   * @param info the port
   * @param port the specification that the port was made from
   * @param chardev the specification that its host end was made from
   */
  public void atPowerOn(PortInfo info, PortSpec port, ChardevSpec chardev) {
    if (!port.chardev().isEmpty()) {
      chardevs.put(port.chardev(), Chardev.inUse(port.chardev(), chardev));
    }
    put(info, port, false);
  }

  /**
   * Sets the id of the serial device, from which the name of its bus comes.
   *
   * @param id as in the option {@code --device virtio-serial-device,id=ID}
   */
  public void serialId(String id) {
    bus = id + ".0";
  }

  /** Whether {@code bus=} means the bus of the serial device. */
  boolean isBus(String name) {
    return name.equals(bus) || name.equals(DEFAULT_BUS);
  }

  /** Registers a new port. */
  Device put(PortInfo info, PortSpec port) {
    return put(info, port, true);
  }

  private Device put(PortInfo info, PortSpec port, boolean hotplugged) {
    String id = port.id().orElseGet(() -> generated(info));
    Device device = new Device(id, info, port, hotplugged);
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

  /** Returns the port with this id, or null. */
  Device device(String id) {
    return devices.get(id);
  }

  /** Returns the entry of a port, or null if the port is not registered. */
  Device device(PortInfo info) {
    return byPort.get(info);
  }

  /** All ports. */
  Collection<Device> devices() {
    return devices.values();
  }

  /** Removes a port and frees its id and its chardev. A second call has no effect. */
  void remove(Device device) {
    // Compared by identity, because the next device may be equal to this one.
    if (devices.get(device.id()) != device) {
      return;
    }
    devices.remove(device.id());
    Chardev chardev = chardevs.get(device.chardev());
    if (chardev != null) {
      chardev.released();
    }
  }

  /** Forgets a port, so that no further event is reported for it. */
  void forget(PortInfo info) {
    byPort.remove(info);
  }

  /** Returns the chardev with this id, or null. */
  Chardev chardev(String id) {
    return chardevs.get(id);
  }

  /** Returns the port that uses a chardev, or null. */
  Device user(Chardev chardev) {
    for (Device device : devices.values()) {
      if (device.chardev().equals(chardev.id())) {
        return device;
      }
    }
    return null;
  }

  /** All chardevs. */
  Collection<Chardev> chardevs() {
    return chardevs.values();
  }

  /**
   * Returns what replaces the channels in a machine's options by those that there are now. Each
   * port has the number that the guest knows it by, and paths are absolute. A chardev that no port
   * uses is left out. Any thread may call the result: each option is followed by its value, and an
   * empty list is returned unchanged.
   */
  UnaryOperator<List<String>> current() {
    List<String> channels = channels();
    return options -> options.isEmpty() ? options : withChannels(options, channels);
  }

  private static List<String> withChannels(List<String> options, List<String> channels) {
    List<String> now = new ArrayList<>();
    for (int i = 0; i + 1 < options.size(); i += 2) {
      if (!isChannel(options.get(i), options.get(i + 1))) {
        now.addAll(options.subList(i, i + 2));
      }
    }
    now.addAll(channels);
    return now;
  }

  /** Returns the options of the present channels. */
  private List<String> channels() {
    List<String> now = new ArrayList<>();
    for (Device device : devices.values()) {
      Chardev chardev = chardevs.get(device.chardev());
      if (chardev != null) {
        now.addAll(
            List.of("--chardev", ChardevOptions.write(chardev.id(), chardev.spec().absolute())));
      }
      PortSpec port = device.spec().withNr(device.info().nr());
      now.addAll(List.of("--device", DeviceOptions.write(port).toString()));
    }
    return now;
  }

  private static boolean isChannel(String option, String value) {
    return option.equals("--chardev")
        || (option.equals("--device") && DeviceOptions.isPort(kind(value)));
  }

  private static String kind(String options) {
    try {
      return OptionList.parse(options).kind();
    } catch (OptionException e) {
      throw new IllegalStateException("the machine was started with " + options, e);
    }
  }

  /** Takes over everything that another registry has, which is no longer used. */
  void takeFrom(ChannelRegistry other) {
    bus = other.bus;
    chardevs.putAll(other.chardevs);
    devices.putAll(other.devices);
    byPort.putAll(other.byPort);
  }

  void add(Chardev chardev) {
    chardevs.put(chardev.id(), chardev);
  }

  void remove(Chardev chardev) {
    chardevs.remove(chardev.id());
    chardev.close();
  }

  /** Closes the host ends that no port uses. */
  void close() {
    chardevs.values().forEach(Chardev::close);
  }
}
