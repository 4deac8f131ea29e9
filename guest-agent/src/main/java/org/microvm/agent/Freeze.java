package org.microvm.agent;

import java.io.IOException;
import java.io.InterruptedIOException;

/**
 * Frozen file systems of a guest, which {@link #close} thaws. Until then their writers wait, and
 * the agent executes few other commands.
 */
public final class Freeze implements AutoCloseable {
  /** A thaw is lost if the agent is killed; then another agent may answer the next one. */
  private static final int ATTEMPTS = 3;

  private final GuestFilesystems filesystems;
  private final int count;
  private boolean thawed;

  Freeze(GuestFilesystems filesystems, int count) {
    this.filesystems = filesystems;
    this.count = count;
  }

  /** {@return how many file systems were frozen} */
  public int count() {
    return count;
  }

  /**
   * Thaws the file systems, once, and queries whether they are thawed; also on an interrupted
   * thread. A thaw without an answer is repeated.
   *
   * @throws AgentException if the file systems may still be frozen
   */
  @Override
  public synchronized void close() throws IOException {
    if (thawed) {
      return;
    }
    boolean interrupted = Thread.interrupted();
    try {
      thaw();
      thawed = true;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void thaw() throws IOException {
    for (int attempt = 1; ; attempt++) {
      try {
        filesystems.thaw();
        if (filesystems.freezeStatus() == FreezeStatus.THAWED) {
          return;
        }
        throw new AgentProtocolException("guest-fsfreeze-thaw: file systems are still frozen");
      } catch (AgentTimeoutException | AgentProtocolException | InterruptedIOException e) {
        if (attempt == ATTEMPTS) {
          throw e;
        }
        Thread.interrupted();
      }
    }
  }
}
