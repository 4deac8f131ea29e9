package org.microvm.linux;

import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.bindings.Linux;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Waits for descriptors (epoll(7)), timers and tasks, and calls their handlers one at a time, on a
 * thread of its own or in turn with other loops on the thread of a carrier; see {@link #openOn}.
 *
 * <p>Readiness is level-triggered: a handler that leaves work behind is called again. Handlers,
 * tasks and timers run on the loop's thread and must not block. If one throws, the exception is
 * logged and the loop continues. A watch whose handler throws an exception is closed. After an
 * {@link Error}, such as a lack of memory, the watch pauses for a second, and then its handler is
 * called again with the same events. Any thread may watch, execute, schedule and close. Dispatching
 * allocates nothing.
 */
public final class EventLoop implements AutoCloseable {
  /** The descriptor can be read. */
  public static final int IN = Linux.EPOLLIN();

  /** The descriptor can be written. */
  public static final int OUT = Linux.EPOLLOUT();

  /** The peer of a stream socket has ended its sending side. */
  public static final int RDHUP = Linux.EPOLLRDHUP();

  /** The peer has hung up; reported whether requested or not. */
  public static final int HUP = Linux.EPOLLHUP();

  /** The descriptor has an error; reported whether requested or not. */
  public static final int ERR = Linux.EPOLLERR();

  private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);
  private static final long FAILURE_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  /** The slot of the eventfd that wakes the loop's own thread. */
  static final int WAKE_UP = -1;

  /** Called when a watched descriptor is ready. */
  @FunctionalInterface
  public interface Handler {
    /**
     * Serves a descriptor that is ready; called on the loop's thread.
     *
     * @param events those of the requested bits that are set, and possibly {@link #HUP} and {@link
     *     #ERR}
     */
    void ready(int events);
  }

  /** A descriptor being watched. Close the watch before the descriptor. */
  public interface Watch extends AutoCloseable {
    /**
     * Changes the events to wait for. With 0 nothing is reported, not even HUP and ERR, so that a
     * descriptor whose peer has hung up does not make the loop spin.
     *
     * @param events the bits of {@link EventLoop} to wait for; 0 for none
     */
    void interest(int events);

    /**
     * Ends the watch. When this is called on the loop's thread, the handler is not called again,
     * not even for events already fetched. When it is called on another thread, a call of the
     * handler may still be in progress on return.
     */
    @Override
    void close();
  }

  /** A task that will run later. */
  public interface Timer {
    /** Cancels the task unless it has begun. */
    void cancel();
  }

  private final String name;
  private final EpollSet epoll;
  private final WatchTable watches;

  private final LoopTasks tasks;
  private final LoopTurns turns;

  /** The same as {@link #turns} if the loop has a carrier, otherwise null. */
  private final CarriedTurns carried;

  /** Guards the transitions of the two fields below. Never held in a callback. */
  private final ReentrantLock lock = new ReentrantLock();

  private boolean prepared;
  private volatile boolean stopping;

  /** The number of turns that have failed; for the thread that the turns are taken on. */
  private long failures;

  private EventLoop(String name, EpollSet epoll, EventLoop carrier) throws ErrnoException {
    this.name = name;
    this.epoll = epoll;
    watches = new WatchTable(epoll);
    tasks = new LoopTasks(name);
    carried = carrier == null ? null : new CarriedTurns(this, epoll.fd(), carrier);
    turns = carried == null ? new ThreadTurns(this, epoll) : carried;
  }

  /**
   * Creates a loop; {@link #start} starts it.
   *
   * @param threadName name of the loop's thread, for logs and thread dumps
   * @return the loop, not started; the caller closes it
   * @throws ErrnoException if the process or the host has too many open files
   */
  public static EventLoop open(String threadName) throws ErrnoException {
    return open(threadName, null);
  }

  private static EventLoop open(String name, EventLoop carrier) throws ErrnoException {
    EpollSet epoll = EpollSet.create();
    try {
      return new EventLoop(name, epoll, carrier);
    } catch (ErrnoException | RuntimeException | Error failure) {
      epoll.close();
      throw failure;
    }
  }

  /**
   * Creates a loop that runs on the thread of another one, its carrier, in turn with the carrier's
   * other work. In a turn it serves up to {@value CarriedTurns#MAX} descriptors and the tasks that
   * wait, so that no loop keeps the others waiting for long. It costs one descriptor and no thread.
   *
   * @param carrier a loop with a thread of its own; it is closed after this one
   * @param name for logs
   * @return the loop, not started; the caller closes it
   * @throws ErrnoException if the process or the host has too many open files
   * @throws IllegalArgumentException if the carrier has a carrier itself
   */
  public static EventLoop openOn(EventLoop carrier, String name) throws ErrnoException {
    if (carrier.isShared()) {
      throw new IllegalArgumentException(
          "event loop " + carrier.name + " has no thread of its own");
    }
    return open(name, carrier);
  }

  /**
   * Starts the loop's thread, which calls no handler until {@link #start}: that can then not fail
   * because the host has no more threads.
   */
  public void prepare() {
    lock.lock();
    try {
      if (stopping) {
        throw new IllegalStateException("event loop " + name + " is closed");
      }
      if (!prepared) {
        turns.prepare();
        prepared = true;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Starts to call handlers; may be called once. */
  public void start() {
    lock.lock();
    try {
      prepare();
      turns.start();
    } finally {
      lock.unlock();
    }
  }

  /** {@return whether the calling thread is in a handler, a task or a timer of this loop} */
  public boolean inLoop() {
    return turns.inTurn();
  }

  /** {@return whether the loop may call handlers: it was started and has not ended} */
  public boolean isRunning() {
    return turns.isRunning();
  }

  /**
   * {@return whether the loop shares the thread of a carrier, which its handlers must not block}
   */
  public boolean isShared() {
    return carried != null;
  }

  /**
   * Stops a {@link #isShared shared} loop from calling handlers, tasks and timers until {@link
   * #resume}; the carrier's other loops continue.
   *
   * @param whenSuspended called on the carrier's thread, after tasks that were submitted earlier,
   *     or when the carrier ends
   * @throws RejectedExecutionException if the loop is closed
   */
  public void suspend(Runnable whenSuspended) {
    if (stopping) {
      throw new RejectedExecutionException("event loop " + name + " is closed");
    }
    carried.suspend(whenSuspended);
  }

  /** Ends {@link #suspend}; does nothing if the loop is closed. */
  public void resume() {
    if (!stopping) {
      carried.resume();
    }
  }

  /**
   * Calls a handler whenever a descriptor is ready. A descriptor can have one watch at a time.
   * Files and directories cannot be watched: they give {@code EPERM}.
   *
   * @param fd the descriptor; its owner closes it, after the watch
   * @param events the bits of this class to wait for; 0 for none yet
   * @param handler called on the loop's thread
   * @return the watch, active until it is closed or its handler throws an exception
   * @throws ErrnoException if the kernel refuses; EPERM for a file or directory, EEXIST for a
   *     descriptor that is already watched
   * @throws IllegalStateException if the loop is closed
   */
  public Watch watch(Fd fd, int events, Handler handler) throws ErrnoException {
    if (stopping) {
      throw new IllegalStateException("event loop " + name + " is closed");
    }
    DescriptorWatch watch = watches.add(this, fd, handler);
    long result = watch.change(events);
    if (result < 0) {
      watch.close();
      throw new ErrnoException("watch " + fd, (int) -result);
    }
    return watch;
  }

  /** {@return the number of watches that are not closed} */
  public int watchCount() {
    return watches.count();
  }

  /**
   * Runs a task on the loop's thread, after tasks submitted earlier and never within this call.
   *
   * @param task called once
   * @throws RejectedExecutionException if the loop is closed; tasks that are waiting when it closes
   *     are dropped, see {@link #execute(Runnable, Runnable)}
   */
  public void execute(Runnable task) {
    if (tasks.add(task)) {
      wake();
    }
  }

  /**
   * Runs a task as {@link #execute(Runnable)} does, or another one if the loop ends before that.
   * The other one closes what the task was to take over, or completes what others wait for.
   *
   * @param task called once, unless the loop ends before
   * @param dropped called instead, after all handlers and tasks, on the thread that ends the loop;
   *     on the calling thread within this call if the loop has ended already
   */
  public void execute(Runnable task, Runnable dropped) {
    if (tasks.addOrElse(task, dropped)) {
      wake();
    }
  }

  /**
   * Runs a task on the loop's thread once the loop is idle: no watched descriptor is ready, no
   * other task is waiting and no timer is due. A loop that is never idle never runs it.
   *
   * @param task called once
   * @throws RejectedExecutionException if the loop is closed
   */
  public void executeWhenIdle(Runnable task) {
    tasks.addIdle(task);
    wake();
  }

  /**
   * Runs a task on the loop's thread when a delay has passed. The loop waits in whole milliseconds,
   * rounded up.
   *
   * @param delayNanos the delay in nanoseconds; 0 or less means as soon as possible
   * @param task called once, unless the timer is cancelled before
   * @return the timer, which can be cancelled
   * @throws RejectedExecutionException if the loop is closed
   */
  public Timer schedule(long delayNanos, Runnable task) {
    Timer timer = tasks.schedule(delayNanos, task);
    wake();
    return timer;
  }

  /**
   * Stops the loop and waits up to five seconds for its thread. If the thread does not end, its
   * name and stack trace are logged and its descriptors stay open. Called on the loop's own thread,
   * this only requests the stop. Later calls do nothing.
   */
  @Override
  public void close() {
    boolean wasPrepared;
    lock.lock();
    try {
      if (stopping) {
        return;
      }
      stopping = true;
      wasPrepared = prepared;
    } finally {
      lock.unlock();
    }
    tasks.close();
    turns.close(wasPrepared);
  }

  private void wake() {
    // The loop's own thread checks tasks and timers before it waits again.
    if (!inLoop()) {
      turns.request();
    }
  }

  /**
   * Serves descriptors that are ready and tasks that wait, on the thread that the turns are taken
   * on. A failure does not end the loop, since what it serves depends on it.
   *
   * @param most how many descriptors
   * @param timeoutMillis how long to wait for the first; -1 for no limit
   */
  void turn(int most, int timeoutMillis) {
    try {
      serve(most, timeoutMillis);
    } catch (RuntimeException | Error failure) {
      failures++;
      if (Long.bitCount(failures) == 1) {
        LoopLog.error("a turn of event loop {} failed ({} times)", name, failures, failure);
      }
      // A failure that lasts must not keep a processor busy.
      LockSupport.parkNanos(FAILURE_PAUSE_NANOS);
    }
  }

  private void serve(int most, int timeoutMillis) {
    int count = (int) epoll.await(most, timeoutMillis);
    if (count < 0 && count != -Errno.EINTR) {
      LOG.error("event loop {} stops: epoll_wait failed: {}", name, Errno.name(-count));
      stopping = true;
    }
    for (int i = 0; i < count && !stopping; i++) {
      int slot = epoll.slot(i);
      if (slot == WAKE_UP) {
        turns.acknowledge();
      } else {
        watches.fire(slot, epoll.id(i), epoll.bits(i));
      }
    }
    if (!tasks.run() && count == 0) {
      tasks.runIdle();
    }
  }

  /** In how many milliseconds the next turn is due if no descriptor is ready; -1 for never. */
  int timeoutMillis() {
    return tasks.timeoutMillis();
  }

  /** Whether {@link #close} was called. */
  boolean isStopping() {
    return stopping;
  }

  /** Returns the loop's name. */
  String name() {
    return name;
  }

  /** Drops all watches and tasks and closes the epoll set; the turns have ended. */
  void release() {
    stopping = true;
    tasks.close();
    watches.close();
    epoll.close();
    // Last, since these tasks close descriptors, which must not be watched any more.
    tasks.release();
  }
}
