package org.microvm.qmp;

import java.util.Objects;
import org.microvm.virtioserial.options.ChardevSpec;

/**
 * A chardev on which a person or a script controls the machine with lines of QEMU's human monitor,
 * one client at a time.
 *
 * @param id the chardev's id, which query-chardev reports
 * @param chardev where the client is
 */
public record HumanChannel(String id, ChardevSpec chardev) implements QmpEndpoint {
  /** Checks that nothing is null. */
  public HumanChannel {
    Objects.requireNonNull(id);
    Objects.requireNonNull(chardev);
  }
}
