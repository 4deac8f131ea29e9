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

  /** Whether they were thawed by somebody else. */
  private boolean early;

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
   * @throws AgentException if the file systems may still be frozen, or somebody has thawed them
   *     before: a copy that was made of them meanwhile may be inconsistent
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
      if (early) {
        throw new AgentProtocolException(
            "the file systems were thawed too early, by another program or a reset of the guest; a"
                + " copy of them that was made meanwhile may be inconsistent");
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void thaw() throws IOException {
    for (int attempt = 1; ; attempt++) {
      try {
        int answer = filesystems.thaw();
        if (filesystems.freezeStatus() != FreezeStatus.THAWED) {
          throw new AgentProtocolException("guest-fsfreeze-thaw: file systems are still frozen");
        }
        // An earlier attempt may have thawed them, and its answer was lost.
        early = answer == 0 && count > 0 && attempt == 1;
        return;
      } catch (AgentTimeoutException | AgentProtocolException | InterruptedIOException e) {
        if (attempt == ATTEMPTS) {
          throw e;
        }
        Thread.interrupted();
      }
    }
  }
}
