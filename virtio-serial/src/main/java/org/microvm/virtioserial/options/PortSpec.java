package org.microvm.virtioserial.options;

import java.util.Objects;
import java.util.Optional;
import org.microvm.virtioserial.PortConfig;

/**
 * The specification of a port: the content of {@code --device virtserialport} or {@code
 * virtconsole}.
 *
 * @param id the id of the device, by which it can be removed
 * @param chardev the id of the chardev that the port is connected to; empty for none
 * @param config the name, number and limits of the port, and whether it is a console
 */
public record PortSpec(Optional<String> id, String chardev, PortConfig config) {
  /** Checks that nothing is null. */
  public PortSpec {
    Objects.requireNonNull(id);
    Objects.requireNonNull(chardev);
    Objects.requireNonNull(config);
  }

  /**
   * {@return a copy with a port number}
   *
   * @param nr the port number, or {@link PortConfig#ANY}
   */
  public PortSpec withNr(int nr) {
    return new PortSpec(id, chardev, config.withNr(nr));
  }
}
