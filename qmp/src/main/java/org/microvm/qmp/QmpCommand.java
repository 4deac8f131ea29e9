package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;

/** What a command does; called on the control socket's thread, one at a time. */
@FunctionalInterface
interface QmpCommand {
  /**
   * Does it.
   *
   * @return what stands behind {@code return} in the answer; null for an empty object
   * @throws QmpException if it is refused or fails
   */
  JsonNode run(QmpArguments arguments) throws QmpException;
}
