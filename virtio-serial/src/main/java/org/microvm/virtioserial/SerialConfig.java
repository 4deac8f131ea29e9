package org.microvm.virtioserial;

import java.util.Objects;
import java.util.Optional;
import org.microvm.virtioserial.backend.ConsoleSize;

/**
 * The properties of a serial device that are fixed before the guest starts.
 *
 * @param maxPorts the largest number of ports, port 0 included, 1 to {@value #MAX_PORTS}; each
 *     possible port costs the guest two queues at boot, and its driver checks both in every
 *     interrupt
 * @param consoleSize the size of port 0's console in the configuration space, 0 by 0 while it is
 *     not known; F_SIZE is offered only if a size is present, and without F_SIZE Linux ignores the
 *     size of every console, including sizes in RESIZE messages
 * @param emergencyWrite whether F_EMERG_WRITE is offered
 * @param resizeOrder the order of the numbers in RESIZE messages, which depends on the guest's
 *     kernel
 */
public record SerialConfig(
    int maxPorts,
    Optional<ConsoleSize> consoleSize,
    boolean emergencyWrite,
    ResizeOrder resizeOrder) {
  /**
   * The largest number of ports: a virtio device has at most 1024 queues, two for each port and two
   * for control.
   */
  public static final int MAX_PORTS = 511;

  /** The default number of ports: a console and seven channels. */
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

  /**
   * {@return the default configuration: eight ports, a console size that is not known yet,
   * emergency write, and RESIZE messages in the order of the specification}
   */
  public static SerialConfig defaults() {
    return new SerialConfig(
        DEFAULT_MAX_PORTS, Optional.of(new ConsoleSize(0, 0)), true, ResizeOrder.COLUMNS_ROWS);
  }

  /**
   * {@return a copy with another number of ports}
   *
   * @param ports 1 to {@value #MAX_PORTS}
   */
  public SerialConfig withMaxPorts(int ports) {
    return new SerialConfig(ports, consoleSize, emergencyWrite, resizeOrder);
  }

  /**
   * {@return a copy with a console size, which the guest reads from the configuration space}
   *
   * @param size columns and rows; 0 by 0 while the size is not known
   */
  public SerialConfig withConsoleSize(ConsoleSize size) {
    return new SerialConfig(maxPorts, Optional.of(size), emergencyWrite, resizeOrder);
  }

  /** {@return a copy without F_SIZE: the guest gets no console size} */
  public SerialConfig withoutConsoleSize() {
    return new SerialConfig(maxPorts, Optional.empty(), emergencyWrite, resizeOrder);
  }

  /**
   * {@return a copy with or without emergency write}
   *
   * @param offered whether the guest is offered it
   */
  public SerialConfig withEmergencyWrite(boolean offered) {
    return new SerialConfig(maxPorts, consoleSize, offered, resizeOrder);
  }

  /**
   * {@return a copy with another order of the numbers in RESIZE messages}
   *
   * @param order what the guest's kernel expects
   */
  public SerialConfig withResizeOrder(ResizeOrder order) {
    return new SerialConfig(maxPorts, consoleSize, emergencyWrite, order);
  }
}
