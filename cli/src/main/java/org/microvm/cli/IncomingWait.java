package org.microvm.cli;

import java.io.IOException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.microvm.machine.IncomingMigration;
import org.microvm.machine.Machine;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.MigrationAddress;

/**
 * The wait for a guest from another process, which a client of the control socket can end, and with
 * {@code --incoming defer} begin.
 */
final class IncomingWait {
  /** The value of {@code --incoming} that leaves the address to a client. */
  static final String DEFER = "defer";

  private static final long LISTEN_SECONDS = 20;

  /**
   * An address, and a future that completes once the process listens there; without an address the
   * wait ends.
   */
  private record Choice(MigrationAddress address, CompletableFuture<Void> listening) {}

  private final boolean deferred;
  private final BlockingQueue<Choice> choices = new LinkedBlockingQueue<>();
  private IncomingMigration waiting;
  private boolean chosen;
  private boolean ended;
  private volatile boolean held;

  /**
   * @param deferred whether a client chooses the address
   * @param held whether the guest stays paused when it has arrived
   */
  IncomingWait(boolean deferred, boolean held) {
    this.deferred = deferred;
    this.held = held;
  }

  /** Changes whether the guest stays paused when it has arrived. */
  void hold(boolean wanted) {
    held = wanted;
  }

  /** Whether a client has ended the process. */
  synchronized boolean isEnded() {
    return ended;
  }

  /** Ends the wait, and with it the process. */
  synchronized void end() {
    ended = true;
    choices.add(new Choice(null, new CompletableFuture<>()));
    if (waiting != null) {
      waiting.close();
    }
  }

  /**
   * Sets the address; returns once the process listens there.
   *
   * @throws IOException if it was set before, or the process cannot listen there
   */
  void choose(MigrationAddress address) throws IOException {
    synchronized (this) {
      if (!deferred || chosen) {
        throw new IOException("The incoming migration has already been started");
      }
      chosen = true;
    }
    CompletableFuture<Void> listening = new CompletableFuture<>();
    choices.add(new Choice(address, listening));
    try {
      listening.get(LISTEN_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw new IOException(e.getCause().getMessage(), e);
    } catch (TimeoutException e) {
      throw new IOException("the machine is not ready yet", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Waits for a guest at the address that a client chooses. */
  Machine receive(MachineConfig config) throws IOException, MachineException {
    while (true) {
      Choice choice = await();
      try (IncomingMigration listening = IncomingMigration.listen(choice.address(), config)) {
        choice.listening().complete(null);
        return receive(listening, config);
      } catch (IOException | MachineException e) {
        if (choice.listening().isDone()) {
          throw e;
        }
        synchronized (this) {
          chosen = false;
        }
        choice.listening().completeExceptionally(e);
      }
    }
  }

  private Choice await() throws IOException {
    try {
      Choice choice = choices.take();
      if (choice.address() == null) {
        throw new IOException("ended by a client");
      }
      return choice;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** Waits for a guest, unless a client has ended the process. */
  Machine receive(IncomingMigration listening, MachineConfig config) throws MachineException {
    synchronized (this) {
      waiting = listening;
      if (ended) {
        throw new MachineException("ended by a client");
      }
    }
    return listening.receive(config, () -> held);
  }
}
