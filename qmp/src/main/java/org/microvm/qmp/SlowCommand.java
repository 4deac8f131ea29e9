package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.concurrent.CompletableFuture;

/** A command whose answer may take time. It is begun on the control socket's event loop. */
@FunctionalInterface
interface SlowCommand {
  /**
   * Begins the command.
   *
   * @return completes on the event loop, with the value of {@code return} in the reply or null for
   *     an empty object, or exceptionally with a {@link QmpException}
   * @throws QmpException if the command is refused at once
   */
  CompletableFuture<JsonNode> begin(QmpArguments arguments) throws QmpException;
}
