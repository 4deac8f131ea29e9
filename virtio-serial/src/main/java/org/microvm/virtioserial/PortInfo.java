package org.microvm.virtioserial;

import java.util.Optional;

/**
 * Identifies a port.
 *
 * @param nr the port number
 * @param name its name, if it has one
 * @param console whether it is a console
 */
public record PortInfo(int nr, Optional<String> name, boolean console) {
  @Override
  public String toString() {
    return name.map(n -> "port %d (%s)".formatted(nr, n)).orElse("port " + nr);
  }
}
