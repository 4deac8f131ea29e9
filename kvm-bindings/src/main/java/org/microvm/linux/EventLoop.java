package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.bindings.Linux;
import org.microvm.bindings.epoll_event;
import org.microvm.syscall.Syscalls;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Waits for descriptors, timers and tasks, and calls their handlers one at a time, on a thread of
 * its own or in turn with other loops on the thread of a carrier; see {@link #openOn}.
 *
 * <p>Readiness is level-triggered: a handler that leaves work behind is called again. Handlers,
 * tasks and timers run on the loop's thread and must not block. If one throws, the exception is
 * logged and the loop continues. A watch whose handler throws an exception is closed. After an
 * {@link Error}, such as a lack of memory, the watch rests for a second, and then its handler is
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

  /** The peer is gone; reported whether requested or not. */
  public static final int HUP = Linux.EPOLLHUP();

  /** The descriptor has an error; reported whether requested or not. */
  public static final int ERR = Linux.EPOLLERR();

  private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);
  private static final int BATCH = 64;

  /** Most descriptors that are served in one turn of a loop that shares its thread with others. */
  private static final int SHARED_BATCH = 8;

  private static final long EVENT_BYTES = epoll_event.layout().byteSize();
  private static final long DATA = epoll_event.data$offset();
  private static final int WAKE_UP = -1;
  private static final long JOIN_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final long REST_NANOS = TimeUnit.SECONDS.toNanos(1);

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
     * descriptor whose peer has gone does not make the loop spin.
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
  private final Fd epoll;

  /** Wakes the thread; null if a carrier does that. */
  private final EventFd wakeUp;

  /** The loop's own thread; null if it has a carrier. */
  private final Thread thread;

  /** The turns on a carrier's thread; null if the loop has its own thread. */
  private final CarriedTurns turns;

  private final LoopTasks tasks;
  private final MemorySegment events = Arena.ofAuto().allocate(BATCH * EVENT_BYTES, 16);

  /** Guards everything below except where a field says otherwise. Never held in a callback. */
  private final ReentrantLock lock = new ReentrantLock();

  private int lastWatchId;
  private int watchCount;
  private boolean started;

  /** By slot; replaced as a whole when it grows. Elements are written under the lock. */
  private volatile DescriptorWatch[] watches = new DescriptorWatch[16];

  private volatile boolean stopping;

  private EventLoop(String threadName, Fd epoll, EventFd wakeUp) {
    this.name = threadName;
    this.epoll = epoll;
    this.wakeUp = wakeUp;
    this.tasks = new LoopTasks(threadName);
    this.thread = Thread.ofPlatform().name(threadName).unstarted(this::run);
    this.turns = null;
  }

  private EventLoop(String name, Fd epoll, EventLoop carrier) throws ErrnoException {
    this.name = name;
    this.epoll = epoll;
    this.wakeUp = null;
    this.tasks = new LoopTasks(name);
    this.thread = null;
    this.turns = new CarriedTurns(this, epoll, carrier);
  }

  /**
   * Creates a loop; {@link #start} starts it.
   *
   * @param threadName name of the loop's thread, for logs and thread dumps
   * @return the loop, not started; the caller closes it
   * @throws ErrnoException if the process or the host has too many open files
   */
  public static EventLoop open(String threadName) throws ErrnoException {
    long number = ErrnoException.check(Syscalls.epollCreate(Linux.EPOLL_CLOEXEC()), "epoll_create");
    Fd epoll = Fd.own(number, "epoll");
    EventFd wakeUp = null;
    try {
      wakeUp = EventFd.open();
      long result = control(epoll, Linux.EPOLL_CTL_ADD(), wakeUp.fd(), IN, WAKE_UP, 0);
      ErrnoException.check(result, "watch eventfd");
      return new EventLoop(threadName, epoll, wakeUp);
    } catch (ErrnoException failure) {
      if (wakeUp != null) {
        wakeUp.close();
      }
      epoll.close();
      throw failure;
    }
  }

  /**
   * Creates a loop that runs on the thread of another one, its carrier, in turn with the carrier's
   * other work. In a turn it serves up to {@value #SHARED_BATCH} descriptors and the tasks that
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
    long number = ErrnoException.check(Syscalls.epollCreate(Linux.EPOLL_CLOEXEC()), "epoll_create");
    Fd epoll = Fd.own(number, "epoll");
    try {
      return new EventLoop(name, epoll, carrier);
    } catch (ErrnoException | RuntimeException failure) {
      epoll.close();
      throw failure;
    }
  }

  /** Starts to call handlers; may be called once. */
  public void start() {
    lock.lock();
    try {
      if (stopping) {
        throw new IllegalStateException("event loop " + name + " is closed");
      }
      started = true;
      if (turns != null) {
        turns.start();
      } else {
        thread.start();
      }
    } finally {
      lock.unlock();
    }
  }

  /** {@return whether the calling thread is in a handler, a task or a timer of this loop} */
  public boolean inLoop() {
    return turns != null ? turns.inTurn() : Thread.currentThread() == thread;
  }

  /** {@return whether the loop may call handlers: it was started and has not ended} */
  public boolean isRunning() {
    return turns != null ? turns.isRunning() : thread.isAlive();
  }

  /**
   * {@return whether the loop shares the thread of a carrier, which its handlers must not block}
   */
  public boolean isShared() {
    return turns != null;
  }

  /**
   * Stops a {@link #isShared shared} loop from calling handlers, tasks and timers until {@link
   * #resume}; the carrier's other loops continue.
   *
   * @param whenSuspended called on the carrier's thread, after tasks that were submitted earlier
   * @throws RejectedExecutionException if the loop is closed
   */
  public void suspend(Runnable whenSuspended) {
    if (stopping) {
      throw new RejectedExecutionException("event loop " + name + " is closed");
    }
    turns.suspend(whenSuspended);
  }

  /** Ends {@link #suspend}; does nothing if the loop is closed. */
  public void resume() {
    if (!stopping) {
      turns.resume();
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
    DescriptorWatch watch;
    lock.lock();
    try {
      if (stopping) {
        throw new IllegalStateException("event loop " + name + " is closed");
      }
      watch = new DescriptorWatch(fd, handler, freeSlot(), ++lastWatchId);
      DescriptorWatch[] table = watches;
      table[watch.slot] = watch;
      watches = table; // A volatile write, so that the loop's read of the table sees the element.
      watchCount++;
    } finally {
      lock.unlock();
    }
    long result = watch.change(events);
    if (result < 0) {
      watch.close();
      throw new ErrnoException("watch " + fd, (int) -result);
    }
    return watch;
  }

  /** {@return the number of watches that are not closed} */
  public int watchCount() {
    lock.lock();
    try {
      return watchCount;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Runs a task on the loop's thread, after tasks submitted earlier and never within this call.
   *
   * @param task called once
   * @throws RejectedExecutionException if the loop is closed; tasks that are waiting when it closes
   *     are dropped
   */
  public void execute(Runnable task) {
    if (tasks.add(task)) {
      wake();
    }
  }

  /**
   * Runs a task on the loop's thread once the loop has nothing else to do: no watched descriptor is
   * ready, no other task is waiting and no timer is due. A loop that is never idle never runs it.
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
    boolean wasStarted;
    lock.lock();
    try {
      if (stopping) {
        return;
      }
      stopping = true;
      wasStarted = started;
    } finally {
      lock.unlock();
    }
    tasks.close();
    if (turns != null) {
      turns.close();
      return;
    }
    wakeUp.signal();
    if (!wasStarted) {
      release();
    } else if (!inLoop()) {
      join();
    }
  }

  private void join() {
    boolean interrupted = false;
    long deadline = System.nanoTime() + JOIN_NANOS;
    long left = JOIN_NANOS;
    while (thread.isAlive() && left > 0) {
      try {
        TimeUnit.NANOSECONDS.timedJoin(thread, left);
      } catch (InterruptedException wait) {
        interrupted = true;
      }
      left = deadline - System.nanoTime();
    }
    if (thread.isAlive()) {
      LOG.error(
          "thread {} has not stopped within 5 seconds; it is at {}",
          thread.getName(),
          Arrays.toString(thread.getStackTrace()));
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void wake() {
    // The loop's own thread checks tasks and timers before it waits again.
    if (!inLoop()) {
      if (turns != null) {
        turns.request();
      } else {
        wakeUp.signal();
      }
    }
  }

  /**
   * Takes one turn on a carrier's thread.
   *
   * @return in how many milliseconds the next turn is due even if no descriptor is ready; -1 for
   *     never
   */
  int turn() {
    long count = waitForEvents(SHARED_BATCH, 0);
    dispatch((int) count);
    if (!tasks.run() && count == 0) {
      tasks.runIdle();
    }
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

  private void run() {
    try {
      while (!stopping) {
        long count = waitForEvents(BATCH, tasks.timeoutMillis());
        if (count < 0 && count != -Errno.EINTR) {
          LOG.error(
              "event loop {} stops: epoll_wait failed: {}",
              thread.getName(),
              Errno.name((int) -count));
          stopping = true;
        }
        dispatch((int) count);
        if (!tasks.run() && count == 0) {
          tasks.runIdle();
        }
      }
    } finally {
      stopping = true;
      release();
    }
  }

  private long waitForEvents(int most, int timeout) {
    int number = epoll.descriptor().acquire();
    if (number < 0) {
      return -Errno.EBADF;
    }
    try {
      return Syscalls.epollWait(number, events.address(), most, timeout);
    } finally {
      epoll.descriptor().release();
    }
  }

  private void dispatch(int count) {
    for (int i = 0; i < count && !stopping; i++) {
      long at = i * EVENT_BYTES;
      int bits = events.get(ValueLayout.JAVA_INT_UNALIGNED, at);
      int slot = events.get(ValueLayout.JAVA_INT_UNALIGNED, at + DATA);
      int id = events.get(ValueLayout.JAVA_INT_UNALIGNED, at + DATA + Integer.BYTES);
      if (slot == WAKE_UP) {
        wakeUp.drain();
        continue;
      }
      DescriptorWatch watch = watches[slot];
      // The slot may hold a new watch since the event was fetched; the id shows which one is meant.
      if (watch != null && watch.id == id) {
        watch.fire(bits);
      }
    }
  }

  /** Drops all watches and closes the loop's own descriptors. */
  void release() {
    tasks.close();
    lock.lock();
    try {
      Arrays.fill(watches, null);
      watchCount = 0;
    } finally {
      lock.unlock();
    }
    epoll.close();
    if (wakeUp != null) {
      wakeUp.close();
    }
  }

  private int freeSlot() {
    for (int i = 0; i < watches.length; i++) {
      if (watches[i] == null) {
        return i;
      }
    }
    int slot = watches.length;
    watches = Arrays.copyOf(watches, slot * 2);
    return slot;
  }

  private static long control(Fd epoll, int operation, Fd fd, int events, int slot, int id) {
    int number = fd.descriptor().acquire();
    if (number < 0) {
      return -Errno.EBADF;
    }
    try {
      int epollNumber = epoll.descriptor().acquire();
      if (epollNumber < 0) {
        return -Errno.EBADF;
      }
      try {
        return Syscalls.epollCtl(epollNumber, operation, number, events, slot, id);
      } finally {
        epoll.descriptor().release();
      }
    } finally {
      fd.descriptor().release();
    }
  }

  /** A watch and its place in the table. */
  private final class DescriptorWatch implements Watch {
    private final Fd fd;
    private final Handler handler;
    private final int slot;
    private final int id;

    /** The events registered with the kernel; 0 if the descriptor is not in the epoll set. */
    private volatile int registered;

    private boolean closed;

    /** Whether the watch waits after an error, and the events to wait for after that. */
    private boolean resting;

    private int afterRest;

    /** The number of errors; for the loop's thread only. */
    private long errors;

    DescriptorWatch(Fd fd, Handler handler, int slot, int id) {
      this.fd = fd;
      this.handler = handler;
      this.slot = slot;
      this.id = id;
    }

    void fire(int bits) {
      int wanted = registered;
      // Masked, because the event may have been fetched before a handler changed the interest.
      int ready = wanted == 0 ? 0 : bits & (wanted | HUP | ERR);
      if (ready == 0) {
        return;
      }
      try {
        handler.ready(ready);
      } catch (RuntimeException failure) {
        LOG.error("the handler of {} failed; it is no longer watched", fd, failure);
        close();
      } catch (Error failure) {
        rest(ready, failure);
      }
    }

    /** Stops waiting for events for a while, then calls the handler with these events again. */
    private void rest(int ready, Error failure) {
      try {
        errors++;
        if (Long.bitCount(errors) == 1) {
          LOG.error("the handler of {} failed ({} times); it is tried again", fd, errors, failure);
        }
        schedule(REST_NANOS, () -> wakeUp(ready));
        synchronized (this) {
          int wanted = registered;
          change(0);
          afterRest = wanted;
          resting = !closed;
        }
      } catch (RuntimeException | Error another) {
        // Without a rest the loop reports the descriptor again at once, unless it is closed.
        errors++;
      }
    }

    private void wakeUp(int ready) {
      synchronized (this) {
        if (!resting) {
          return;
        }
        resting = false;
        interest(afterRest);
      }
      // The handler may have taken the event before it failed, so it is called in any case.
      fire(ready);
    }

    @Override
    public void interest(int events) {
      long result = change(events);
      if (result < 0 && result != -Errno.EBADF) {
        // Adding a descriptor back fails only if the kernel is out of memory. It is logged,
        // because nothing else would report it.
        LOG.error("cannot watch {}: {}", fd, Errno.name((int) -result));
      }
    }

    synchronized long change(int events) {
      if (resting) {
        afterRest = events;
        return 0;
      }
      if (closed || events == registered) {
        return 0;
      }
      int operation =
          registered == 0
              ? Linux.EPOLL_CTL_ADD()
              : events == 0 ? Linux.EPOLL_CTL_DEL() : Linux.EPOLL_CTL_MOD();
      long result = control(epoll, operation, fd, events, slot, id);
      if (result >= 0) {
        registered = events;
      }
      return result;
    }

    @Override
    public void close() {
      synchronized (this) {
        if (closed) {
          return;
        }
        resting = false;
        // If the descriptor is already closed, the kernel has removed it from the set.
        change(0);
        registered = 0;
        closed = true;
      }
      lock.lock();
      try {
        if (watches[slot] == this) {
          watches[slot] = null;
          watchCount--;
        }
      } finally {
        lock.unlock();
      }
    }
  }
}
