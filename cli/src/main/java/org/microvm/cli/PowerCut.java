package org.microvm.cli;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.microvm.cli.named.Machines;
import org.microvm.qmp.QmpClient;

/** Powers a machine with a name off, without a guest shutdown, and waits until it has ended. */
final class PowerCut {
  /** Time for an answer of the machine, and for its process to end after {@code quit}. */
  static final Duration ANSWER = Duration.ofSeconds(5);

  private final Machines.Entry machine;
  private final CompletableFuture<Void> ended = new CompletableFuture<>();

  PowerCut(Machines.Entry machine) {
    this.machine = machine;
    Thread.ofPlatform().daemon().name("end-of-machine").start(this::awaitEnd);
  }

  private void awaitEnd() {
    try {
      machine.awaitEnd();
      ended.complete(null);
    } catch (IOException e) {
      ended.completeExceptionally(e);
    }
  }

  /**
   * Ends the machine by its control socket, or kills its process if it does not answer. Returns
   * once the process, and so each of its vCPUs, has ended.
   *
   * @return whether the process had to be killed
   * @throws IOException if it does not end
   */
  boolean cut() throws IOException {
    try (QmpClient client = QmpClient.connect(machine.files().control(), ANSWER)) {
      client.execute("quit");
    } catch (IOException noAnswer) {
      // It may be ending already. If its process is stuck, it is killed below.
    }
    if (hasEnded(ANSWER)) {
      return false;
    }
    if (machine.served()) {
      throw new IOException(
          "%s does not answer; its process %d is not killed, because it hosts other machines as well"
              .formatted(machine.name(), machine.pid()));
    }
    // The process holds the machine's lock, so the number is still its own.
    ProcessHandle.of(machine.pid()).ifPresent(ProcessHandle::destroyForcibly);
    if (!hasEnded(ANSWER)) {
      throw new IOException(
          "the process %d of %s does not end".formatted(machine.pid(), machine.name()));
    }
    return true;
  }

  /** Waits for the end of the process; returns whether it has ended. */
  boolean hasEnded(Duration limit) throws IOException {
    try {
      ended.get(limit.toMillis(), TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException e) {
      return false;
    } catch (ExecutionException e) {
      throw new IOException(e.getCause().getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }
}
