package org.microvm.qmp;

import java.util.Objects;
import org.microvm.virtioserial.options.ChardevSpec;

/**
 * A chardev on which one client at a time controls the machine, such as a socket that the client's
 * process has passed, a TCP port, or standard input and output.
 *
 * @param id the chardev's id, which query-chardev reports
 * @param chardev where the client is
 */
public record QmpChannel(String id, ChardevSpec chardev) implements QmpEndpoint {
  /** Checks that nothing is null. */
  public QmpChannel {
    Objects.requireNonNull(id);
    Objects.requireNonNull(chardev);
  }
}
