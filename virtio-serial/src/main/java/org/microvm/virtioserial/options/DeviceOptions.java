package org.microvm.virtioserial.options;

import java.util.Set;
import org.microvm.virtioserial.Buffering;
import org.microvm.virtioserial.GuestClose;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.RateLimit;
import org.microvm.virtioserial.ResizeOrder;
import org.microvm.virtioserial.SerialConfig;
import org.microvm.virtioserial.backend.ConsoleSize;

/** Creates the configuration of serial devices and ports from the options of {@code --device}. */
public final class DeviceOptions {
  private static final Set<String> DEVICES =
      Set.of("virtio-serial", "virtio-serial-device", "virtio-serial-pci");

  private DeviceOptions() {}

  /**
   * A port and the chardev that it is connected to.
   *
   * @param chardev the id of the chardev
   * @param config the port's configuration
   */
  public record PortOptions(String chardev, PortConfig config) {}

  /** Returns whether this kind of {@code --device} is a serial device, and not a port of one. */
  public static boolean isDevice(String kind) {
    return DEVICES.contains(kind);
  }

  /** Returns whether this kind of {@code --device} is a port. */
  public static boolean isPort(String kind) {
    return kind.equals("virtserialport") || kind.equals("virtconsole");
  }

  /**
   * Parses the options of a serial device: {@code
   * virtio-serial-device[,max_ports=N][,emergency-write=on|off][,cols=N,rows=N]
   * [,resize_order=cols-rows|rows-cols]}.
   */
  public static SerialConfig device(OptionWords words) throws OptionException {
    words.take("id");
    SerialConfig config = SerialConfig.defaults();
    int maxPorts = words.takeNumber("max_ports", config.maxPorts());
    boolean emergency = words.takeFlag("emergency-write", config.emergencyWrite());
    int columns = words.takeNumber("cols", 0);
    int rows = words.takeNumber("rows", 0);
    ResizeOrder order = resizeOrder(words);
    words.finish();
    try {
      config = config.withMaxPorts(maxPorts).withEmergencyWrite(emergency);
      config = config.withResizeOrder(order);
      return columns + rows == 0 ? config : config.withConsoleSize(new ConsoleSize(columns, rows));
    } catch (IllegalArgumentException e) {
      throw new OptionException("%s: %s".formatted(words.kind(), e.getMessage()));
    }
  }

  /**
   * Parses the options of a port: {@code
   * virtserialport|virtconsole,chardev=ID[,name=NAME][,nr=N][,cache_buffers=on|off]
   * [,byte_limit=BYTES][,guest_byte_limit=BYTES][,bps=BYTES][,ops=BUFFERS]
   * [,guest_close=hold|disconnect]}.
   */
  public static PortOptions port(OptionWords words) throws OptionException {
    words.take("id");
    words.take("bus");
    String chardev = words.need("chardev");
    PortConfig config =
        words.kind().equals("virtconsole") ? PortConfig.forConsole() : PortConfig.unnamed();
    int nr = words.takeNumber("nr", PortConfig.ANY);
    boolean cache = words.takeFlag("cache_buffers", true);
    int toHost = words.takeNumber("byte_limit", Buffering.DEFAULT_LIMIT);
    int toGuest = words.takeNumber("guest_byte_limit", Buffering.DEFAULT_LIMIT);
    int bytesPerSecond = words.takeNumber("bps", 0);
    int buffersPerSecond = words.takeNumber("ops", 0);
    GuestClose close = guestClose(words);
    var name = words.take("name");
    words.finish();
    try {
      config = config.withNr(nr).withBuffering(new Buffering(cache, toHost, toGuest));
      config = config.withRate(new RateLimit(bytesPerSecond, buffersPerSecond));
      config = config.withGuestClose(close);
      return new PortOptions(chardev, name.isPresent() ? config.withName(name.get()) : config);
    } catch (IllegalArgumentException e) {
      throw new OptionException("%s: %s".formatted(words.kind(), e.getMessage()));
    }
  }

  private static GuestClose guestClose(OptionWords words) throws OptionException {
    String text = words.take("guest_close").orElse("hold");
    return switch (text) {
      case "hold" -> GuestClose.HOLD;
      case "disconnect" -> GuestClose.DISCONNECT;
      default ->
          throw new OptionException(
              "%s: guest_close=%s is neither hold nor disconnect".formatted(words.kind(), text));
    };
  }

  private static ResizeOrder resizeOrder(OptionWords words) throws OptionException {
    String text = words.take("resize_order").orElse("cols-rows");
    return switch (text) {
      case "cols-rows" -> ResizeOrder.COLUMNS_ROWS;
      case "rows-cols" -> ResizeOrder.ROWS_COLUMNS;
      default ->
          throw new OptionException(
              "%s: resize_order=%s is neither cols-rows nor rows-cols"
                  .formatted(words.kind(), text));
    };
  }
}
