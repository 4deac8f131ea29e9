package org.microvm.cli;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.microvm.qmp.QmpClient;

/**
 * Reads from a machine's control socket how the machine ends, on a thread of its own. The caller
 * does not wait for a machine that is slow to answer.
 */
final class MachineEndWatch implements AutoCloseable {
  private final CompletableFuture<Optional<ShutdownOutcome>> outcome = new CompletableFuture<>();
  private final Thread thread;

  private MachineEndWatch(Path control) {
    thread = Thread.ofPlatform().daemon().name("machine-end").start(() -> watch(control));
  }

  /** Starts to watch the machine with this control socket. */
  static MachineEndWatch start(Path control) {
    return new MachineEndWatch(control);
  }

  private void watch(Path control) {
    try (QmpClient client = QmpClient.connect(control, (what, since) -> {})) {
      outcome.complete(Optional.of(ShutdownOutcome.of(client)));
    } catch (IOException | LinkageError e) {
      // The machine had ended before it accepted this client, or there are too many open files.
      outcome.complete(Optional.empty());
    } catch (RuntimeException | Error e) {
      outcome.completeExceptionally(e);
    }
  }

  /**
   * Waits for the machine, which has closed a connection and so has probably ended.
   *
   * @param name of the machine
   * @param connection for the message
   * @throws IOException if the machine has failed or has not ended
   */
  void check(String name, String connection) throws IOException {
    try {
      Optional<ShutdownOutcome> known =
          outcome.get(PowerCut.ANSWER.toMillis(), TimeUnit.MILLISECONDS);
      if (known.isPresent()) {
        known.get().check(name);
      }
    } catch (TimeoutException e) {
      throw new IOException(
          "the machine %s has closed this connection to its %s, and continues"
              .formatted(name, connection),
          e);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the end of the machine");
    }
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
