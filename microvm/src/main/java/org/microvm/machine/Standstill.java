package org.microvm.machine;

/**
 * Keeps a machine's vCPUs stopped while its state is read, saved or handed over. Calls of {@link
 * PauseControl#pause} and {@link PauseControl#resume} by other threads take effect at the end. One
 * standstill exists at a time. Used by one thread.
 */
final class Standstill implements AutoCloseable {
  private final PauseControl pauses;

  // The following are guarded by the PauseControl.

  /** Whether the guest is paused after the end. */
  private boolean pauseWanted;

  /** Whether the listeners have been notified of a pause that has not ended. */
  private boolean reported;

  /** The result of {@link #announce}. */
  private boolean announced;

  private boolean committed;

  Standstill(PauseControl pauses) {
    this.pauses = pauses;
  }

  /**
   * Stops the vCPUs, and notifies the listeners unless the guest was paused before.
   *
   * @return false if the guest has ended before all of them have stopped
   */
  boolean stop() throws InterruptedException {
    boolean stopped = pauses.begin(this);
    if (stopped) {
      pauses.reportPause(this);
    }
    return stopped;
  }

  /**
   * Stops the vCPUs for a moment, without notifying the listeners.
   *
   * @return false if the guest has ended before all of them have stopped
   */
  boolean stopUnreported() throws InterruptedException {
    return pauses.begin(this);
  }

  /**
   * Returns whether the guest is to be paused where it continues; {@link #commit} checks that this
   * is still so.
   */
  boolean announce() {
    synchronized (pauses) {
      announced = pauseWanted;
      return announced;
    }
  }

  /**
   * Commits to what was announced: the guest may run in another process from now on, so a pause
   * waits for the end.
   *
   * @return false if the guest was paused or resumed since {@link #announce}
   */
  boolean commit() {
    synchronized (pauses) {
      committed = pauseWanted == announced;
      return committed;
    }
  }

  /** Makes the end leave the guest stopped. */
  void keepStopped() {
    synchronized (pauses) {
      pauseWanted = true;
    }
  }

  /** Ends the standstill before the lock for it is released; {@link #close} then does no more. */
  void end() {
    pauses.end(this);
  }

  @Override
  public void close() {
    pauses.close(this);
  }

  boolean isPauseWanted() {
    return pauseWanted;
  }

  void wantPause(boolean paused) {
    pauseWanted = paused;
  }

  boolean isReported() {
    return reported;
  }

  void setReported() {
    reported = true;
  }

  boolean isCommitted() {
    return committed;
  }
}
