package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import org.microvm.qmp.QmpClient;

/**
 * How a machine has ended, as a client of its control socket sees it. That its process has ended
 * does not tell: the process may have been killed, and the guest may have panicked.
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
   * @param client connected since before the end
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

  /**
   * Does nothing if the machine was ended.
   *
   * @param name of the machine
   * @throws IOException if it has failed; says how
   */
  void check(String name) throws IOException {
    switch (this) {
      case SHUT_DOWN, MIGRATED, ENDED_BY_OTHERS -> {
        // As somebody wanted.
      }
      case PANICKED -> throw new IOException("the guest of %s panicked".formatted(name));
      case FAILED -> throw new IOException("%s failed".formatted(name));
      case DIED -> throw new IOException("the process of %s was killed or crashed".formatted(name));
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
