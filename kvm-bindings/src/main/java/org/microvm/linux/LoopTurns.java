package org.microvm.linux;

/** The scheduling of an {@link EventLoop}: on its own thread, or in turn with other loops. */
interface LoopTurns {
  /** Does what may fail for lack of threads, before {@link #start}; called once. */
  void prepare();

  /** Begins to take turns; called once. */
  void start();

  /** Returns whether turns may be taken: they were started and have not ended. */
  boolean isRunning();

  /** Returns whether the calling thread is in a turn of this loop. */
  boolean inTurn();

  /** Requests a turn, because a task or a timer was added. */
  void request();

  /** Acknowledges a request that the epoll set has reported. */
  void acknowledge();

  /**
   * Ends the turns, and waits up to five seconds for one in progress unless this is called in it.
   *
   * @param prepared whether {@link #prepare} was called
   */
  void close(boolean prepared);
}
