package org.microvm.virtioserial.options;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.microvm.virtioserial.Buffering;
import org.microvm.virtioserial.GuestClose;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.RateLimit;
import org.microvm.virtioserial.ResizeOrder;
import org.microvm.virtioserial.SerialConfig;
import org.microvm.virtioserial.backend.ConsoleSize;

/** Reads the options of {@code --device}: serial devices and ports. Writes those of ports. */
public final class DeviceOptions {
  private static final Set<String> DEVICES =
      Set.of("virtio-serial", "virtio-serial-device", "virtio-serial-pci");

  private static final String PORT = "virtserialport";
  private static final String CONSOLE = "virtconsole";

  private DeviceOptions() {}

  /**
   * {@return whether this kind of {@code --device} is a serial device, and not a port of one}
   *
   * @param kind the first word of the option
   */
  public static boolean isDevice(String kind) {
    return DEVICES.contains(kind);
  }

  /**
   * {@return whether this kind of {@code --device} is a port}
   *
   * @param kind the first word of the option
   */
  public static boolean isPort(String kind) {
    return kind.equals(PORT) || kind.equals(CONSOLE);
  }

  /**
   * Reads the options of a serial device: {@code
   * virtio-serial-device[,max_ports=N][,emergency-write=on|off][,cols=N,rows=N]
   * [,resize_order=cols-rows|rows-cols]}.
   *
   * @param options the parsed option; all of its values are taken
   * @return the device's configuration
   * @throws OptionException if an option is unknown or has a bad value
   */
  public static SerialConfig device(OptionList options) throws OptionException {
    options.take("id");
    SerialConfig config = SerialConfig.defaults();
    int maxPorts = options.takeNumber("max_ports", config.maxPorts());
    boolean emergency = options.takeFlag("emergency-write", config.emergencyWrite());
    int columns = options.takeNumber("cols", 0);
    int rows = options.takeNumber("rows", 0);
    ResizeOrder order =
        options.takeChoice(
            "resize_order",
            config.resizeOrder(),
            List.of(ResizeOrder.values()),
            DeviceOptions::text);
    options.finish();
    try {
      config = config.withMaxPorts(maxPorts).withEmergencyWrite(emergency);
      config = config.withResizeOrder(order);
      return columns + rows == 0 ? config : config.withConsoleSize(new ConsoleSize(columns, rows));
    } catch (IllegalArgumentException e) {
      throw new OptionException("%s: %s".formatted(options.kind(), e.getMessage()));
    }
  }

  /**
   * Reads the options of a port: {@code
   * virtserialport|virtconsole[,chardev=ID][,id=ID][,name=NAME][,nr=N][,cache_buffers=on|off]
   * [,byte_limit=BYTES][,guest_byte_limit=BYTES][,bps=BYTES][,ops=BUFFERS]
   * [,guest_close=hold|disconnect]}. This method ignores {@code bus=}; the caller checks that it
   * names the only bus. Without {@code chardev=} the guest's bytes are dropped.
   *
   * @param options the parsed option; all of its values are taken
   * @return the specification of the port
   * @throws OptionException if an option is unknown, missing or has a bad value
   */
  public static PortSpec port(OptionList options) throws OptionException {
    Optional<String> id = options.take("id");
    options.take("bus");
    String chardev = options.take("chardev").orElse("");
    PortConfig config = defaults(options.kind().equals(CONSOLE));
    int nr = options.takeNumber("nr", PortConfig.ANY);
    boolean cache = options.takeFlag("cache_buffers", config.cacheBuffers());
    int toHost = options.takeNumber("byte_limit", config.byteLimit());
    int toGuest = options.takeNumber("guest_byte_limit", config.guestByteLimit());
    int bytesPerSecond = options.takeNumber("bps", 0);
    int buffersPerSecond = options.takeNumber("ops", 0);
    GuestClose close =
        options.takeChoice(
            "guest_close", config.guestClose(), List.of(GuestClose.values()), DeviceOptions::text);
    Optional<String> name = options.take("name");
    options.finish();
    try {
      config = config.withNr(nr).withBuffering(new Buffering(cache, toHost, toGuest));
      config = config.withRate(new RateLimit(bytesPerSecond, buffersPerSecond));
      config = config.withGuestClose(close);
      return new PortSpec(id, chardev, name.isPresent() ? config.withName(name.get()) : config);
    } catch (IllegalArgumentException e) {
      throw new OptionException("%s: %s".formatted(options.kind(), e.getMessage()));
    }
  }

  /**
   * Writes a port as {@link #port} reads it; {@link OptionList#toString} makes it text. A value
   * that is the default is left out.
   *
   * @param port the specification of the port
   * @return the option, with {@code virtserialport} or {@code virtconsole} as its kind
   */
  public static OptionList write(PortSpec port) {
    PortConfig config = port.config();
    PortConfig defaults = defaults(config.console());
    Map<String, String> values = new LinkedHashMap<>();
    port.id().ifPresent(id -> values.put("id", id));
    if (!port.chardev().isEmpty()) {
      values.put("chardev", port.chardev());
    }
    config.name().ifPresent(name -> values.put("name", name));
    put(values, "nr", config.nr(), defaults.nr());
    if (config.cacheBuffers() != defaults.cacheBuffers()) {
      values.put("cache_buffers", OptionList.flag(config.cacheBuffers()));
    }
    put(values, "byte_limit", config.byteLimit(), defaults.byteLimit());
    put(values, "guest_byte_limit", config.guestByteLimit(), defaults.guestByteLimit());
    put(values, "bps", config.rate().bytesPerSecond(), defaults.rate().bytesPerSecond());
    put(values, "ops", config.rate().buffersPerSecond(), defaults.rate().buffersPerSecond());
    if (config.guestClose() != defaults.guestClose()) {
      values.put("guest_close", text(config.guestClose()));
    }
    return OptionList.of(config.console() ? CONSOLE : PORT, values);
  }

  private static PortConfig defaults(boolean console) {
    return console ? PortConfig.forConsole() : PortConfig.unnamed();
  }

  private static void put(Map<String, String> values, String name, int value, int standard) {
    if (value != standard) {
      values.put(name, String.valueOf(value));
    }
  }

  private static String text(GuestClose close) {
    return switch (close) {
      case HOLD -> "hold";
      case DISCONNECT -> "disconnect";
    };
  }

  private static String text(ResizeOrder order) {
    return switch (order) {
      case COLUMNS_ROWS -> "cols-rows";
      case ROWS_COLUMNS -> "rows-cols";
    };
  }
}
