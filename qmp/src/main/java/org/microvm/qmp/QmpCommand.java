package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;

/** The implementation of a command; called on the control socket's thread, one at a time. */
@FunctionalInterface
interface QmpCommand {
  /**
   * Runs the command.
   *
   * @return the value of {@code return} in the reply; null for an empty object
   * @throws QmpException if it is refused or fails
   */
  JsonNode run(QmpArguments arguments) throws QmpException;
}
