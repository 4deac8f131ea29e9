package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import org.microvm.qmp.QmpClient;

/**
 * How a machine has ended whose guest was to shut down. That its process has ended does not tell:
 * the process may have been killed, and the guest may have panicked.
 */
enum ShutdownOutcome {
  /** The guest has powered off, or has reset and the machine ends at a reset. */
  SHUT_DOWN,

  /** The guest has moved to another process. */
  MIGRATED,

  /** Another client of the control socket or a signal has ended the machine. */
  ENDED_BY_OTHERS,

  /** The guest has panicked. */
  PANICKED,

  /** The machine could not continue. */
  FAILED,

  /** The process ended without an event: by SIGKILL, for lack of memory, or by a crash. */
  DIED;

  /**
   * Reads the outcome from the events of a machine that has ended.
   *
   * @param client connected since before the shutdown was requested
   */
  static ShutdownOutcome of(QmpClient client) throws InterruptedIOException {
    try {
      while (true) {
        JsonNode event = client.nextEvent();
        JsonNode data = event.path("data");
        switch (event.path("event").asText()) {
          case "MIGRATION" -> {
            if (data.path("status").asText().equals("completed")) {
              return MIGRATED;
            }
          }
          case "SHUTDOWN" -> {
            return ofReason(data.path("reason").asText());
          }
          default -> {
            // Says nothing about the end.
          }
        }
      }
    } catch (InterruptedIOException e) {
      throw e;
    } catch (IOException noMoreEvents) {
      return DIED;
    }
  }

  private static ShutdownOutcome ofReason(String reason) {
    return switch (reason) {
      case "host-qmp-quit", "host-signal" -> ENDED_BY_OTHERS;
      case "guest-panic" -> PANICKED;
      case "host-error" -> FAILED;
      default -> SHUT_DOWN;
    };
  }
}
