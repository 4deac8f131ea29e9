package org.microvm.machine.transfer;

import java.io.IOException;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides, once, between a migration's handover and its cancellation. A destination that has sent
 * READY runs the guest when the stream ends without ABORT, so that message is sent first.
 * Thread-safe.
 */
final class Cancellation {
  private static final Logger LOG = LoggerFactory.getLogger(Cancellation.class);
  private static final long ABORT_MILLIS = 1000;

  private enum Phase {
    /** The guest runs here; ending the stream cancels the migration. */
    COPYING,
    /** The state is being sent; cancelling takes an ABORT. */
    HANDING_OVER,
    /** The migration was cancelled. */
    CANCELLED,
    /** Committed: GO is sent, or the migration has ended. */
    DECIDED
  }

  private final MigrationStream stream;

  /** Guarded by this. */
  private Phase phase = Phase.COPYING;

  Cancellation(MigrationStream stream) {
    this.stream = stream;
  }

  /** Cancels the migration; returns false if it is too late. */
  synchronized boolean cancel() {
    switch (phase) {
      case COPYING -> stream.shutdown();
      case HANDING_OVER -> abort("cancelled");
      case CANCELLED -> {
        return true;
      }
      case DECIDED -> {
        return false;
      }
    }
    phase = Phase.CANCELLED;
    return true;
  }

  synchronized boolean isCancelled() {
    return phase == Phase.CANCELLED;
  }

  /** From now on the destination gets the state. */
  synchronized void beginHandover() throws IOException {
    if (phase == Phase.CANCELLED) {
      throw new IOException("cancelled");
    }
    phase = Phase.HANDING_OVER;
  }

  /**
   * Commits to the handover.
   *
   * @throws IOException if the guest cannot leave, or the migration was cancelled meanwhile
   */
  synchronized void decide(MigrationSource.Stopped guest) throws IOException {
    if (phase != Phase.HANDING_OVER) {
      throw new IOException("cancelled");
    }
    guest.commit();
    phase = Phase.DECIDED;
  }

  /** Aborts a handover that has failed, before the guest continues here. */
  synchronized void keepHere(String why) {
    if (phase == Phase.HANDING_OVER) {
      abort(why);
      phase = Phase.DECIDED;
    }
  }

  /**
   * Sends ABORT and ends the stream; a destination on this host reads ABORT before the end. One
   * that has not read the state, so that ABORT finds no room, cannot run the guest.
   */
  private void abort(String why) {
    try {
      Thread sender =
          Thread.ofPlatform().daemon().name("migration-abort").start(() -> sendAbort(why));
      // A destination that accepts no more data must not delay the guest.
      sender.join(ABORT_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (OutOfMemoryError noThread) {
      sendAbort(why);
    }
    stream.shutdown();
  }

  private void sendAbort(String why) {
    try {
      stream.write(Type.ABORT, why);
    } catch (IOException e) {
      LOG.debug("the connection to the destination is lost: {}", e.getMessage());
    }
  }
}
