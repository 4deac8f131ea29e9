package org.microvm.virtioserial;

import java.util.Objects;
import java.util.Optional;
import org.microvm.virtioserial.backend.ConsoleSize;

/**
 * What is fixed about a serial device when the guest first sees it.
 *
 * @param maxPorts how many ports the device can have, port 0 included, 1 to {@value #MAX_PORTS};
 *     each possible port costs the guest two queues at boot and a look at both in every interrupt
 * @param consoleSize the size of port 0's console in the configuration space, 0 by 0 as long as it
 *     is not known; F_SIZE is offered only if there is one, and without it Linux takes no size of
 *     any console, not even from RESIZE messages
 * @param emergencyWrite whether F_EMERG_WRITE is offered
 * @param resizeOrder how the guest reads RESIZE messages
 */
public record SerialConfig(
    int maxPorts,
    Optional<ConsoleSize> consoleSize,
    boolean emergencyWrite,
    ResizeOrder resizeOrder) {
  /** 1024 queues, the most a virtio device has, are two for each port and two for control. */
  public static final int MAX_PORTS = 511;

  /** A console and seven channels. */
  public static final int DEFAULT_MAX_PORTS = 8;

  /** Checks the number of ports. */
  public SerialConfig {
    if (maxPorts < 1 || maxPorts > MAX_PORTS) {
      throw new IllegalArgumentException(
          "max_ports=%d: a serial device has from 1 to %d ports".formatted(maxPorts, MAX_PORTS));
    }
    Objects.requireNonNull(consoleSize);
    Objects.requireNonNull(resizeOrder);
  }

  /** Eight ports, a console size that is not known yet, emergency write, RESIZE as specified. */
  public static SerialConfig defaults() {
    return new SerialConfig(
        DEFAULT_MAX_PORTS, Optional.of(new ConsoleSize(0, 0)), true, ResizeOrder.COLUMNS_ROWS);
  }

  /** The same with another number of ports. */
  public SerialConfig withMaxPorts(int ports) {
    return new SerialConfig(ports, consoleSize, emergencyWrite, resizeOrder);
  }

  /** The same with a console size, which the guest finds in the configuration space. */
  public SerialConfig withConsoleSize(ConsoleSize size) {
    return new SerialConfig(maxPorts, Optional.of(size), emergencyWrite, resizeOrder);
  }

  /** The same without F_SIZE: the guest hears of no size. */
  public SerialConfig withoutConsoleSize() {
    return new SerialConfig(maxPorts, Optional.empty(), emergencyWrite, resizeOrder);
  }

  /** The same with emergency write offered or not. */
  public SerialConfig withEmergencyWrite(boolean offered) {
    return new SerialConfig(maxPorts, consoleSize, offered, resizeOrder);
  }

  /** The same with another order in RESIZE messages. */
  public SerialConfig withResizeOrder(ResizeOrder order) {
    return new SerialConfig(maxPorts, consoleSize, emergencyWrite, order);
  }
}
