package org.microvm.devices.virtio.blk;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.microvm.linux.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread that performs disk I/O; it exists permanently, or only while there are requests. Jobs
 * are done in the order in which they were submitted. The thread is a daemon: storage that does not
 * answer does not keep the process from ending.
 *
 * <p>Lock order: its lock may be taken while the device lock is held, never the other way round. It
 * is not held during I/O.
 */
final class BlkWorker implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BlkWorker.class);
  private static final long JOIN_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** How long a thread waits for another job, if the disk has a thread only while it is used. */
  private static final long REST_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final BlkConfig settings;
  private final Runnable onDone;
  private final Consumer<BlkError> onError;
  private final BlkTransfer transfer;

  /**
   * The worker's thread; null while the worker is idle and has none. Guarded by the lock once it is
   * made.
   */
  private Thread thread;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition work = lock.newCondition();
  private final Condition idle = lock.newCondition();
  private final ArrayDeque<BlkJob> waiting = new ArrayDeque<>();
  private final ArrayDeque<BlkJob> done = new ArrayDeque<>();
  private boolean busy;
  private boolean givenUp;

  /** Whether the first waiting job has failed, and all of them wait for {@link #retry}. */
  private boolean stopped;

  /** Whether the job in progress is no longer wanted. */
  private volatile boolean unwanted;

  private volatile boolean closed;

  /** Replaced only by the worker's thread. */
  private volatile BlkStatistics statistics = BlkStatistics.NONE;

  /**
   * @param onDone called on the worker's thread, with no lock held, when {@link #nextDone} has a
   *     job to return
   * @param onError called on the worker's thread, with no lock held, when a job has failed; if its
   *     action is {@link OnError#STOP}, all jobs wait for {@link #retry}
   */
  BlkWorker(BlkConfig settings, BlkBackend backend, Runnable onDone, Consumer<BlkError> onError) {
    this.settings = settings;
    this.onDone = onDone;
    this.onError = onError;
    transfer = new BlkTransfer(backend, settings.policy().discard(), () -> unwanted || closed);
    if (!settings.restsWhenIdle()) {
      startThread();
    }
  }

  private void startThread() {
    thread = Thread.ofPlatform().name("blk-" + settings.name()).daemon().start(this::run);
  }

  /** Continues with the job that has failed, if the jobs wait for that. */
  void retry() {
    lock.lock();
    try {
      stopped = false;
      work.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Whether the jobs wait for {@link #retry}. */
  boolean isStopped() {
    lock.lock();
    try {
      return stopped;
    } finally {
      lock.unlock();
    }
  }

  /** Counters of the requests that the thread has completed. */
  BlkStatistics statistics() {
    return statistics;
  }

  /**
   * Makes sure that there is a thread for the next {@link #submit}. If the host has none, this
   * throws an error, and the caller tries again later.
   */
  void prepare() {
    lock.lock();
    try {
      if (thread == null && !closed) {
        startThread();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Queues a job; never blocks. */
  void submit(BlkJob job) {
    lock.lock();
    try {
      waiting.add(job);
      prepare();
      work.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Returns a job that is done, or null. */
  BlkJob nextDone() {
    lock.lock();
    try {
      return done.poll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Discards all jobs, done or not; never blocks. The job in progress ends after its present system
   * call, until which the worker is not {@link #isQuiesced quiesced}.
   */
  void discard() {
    lock.lock();
    try {
      waiting.clear();
      done.clear();
      stopped = false;
      unwanted = busy;
    } finally {
      lock.unlock();
    }
  }

  /** Whether no job is in progress, so that the worker does not access guest memory. */
  boolean isQuiesced() {
    lock.lock();
    try {
      return !busy;
    } finally {
      lock.unlock();
    }
  }

  /** Whether there is no job that waits or is in progress. */
  boolean isIdle() {
    lock.lock();
    try {
      return !hasJobs();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until no job is in progress; returns false if {@link #giveUp} is called before. */
  boolean awaitQuiesced() {
    lock.lock();
    try {
      while (busy && !givenUp) {
        idle.awaitUninterruptibly();
      }
      return !busy;
    } finally {
      lock.unlock();
    }
  }

  /** Waits for a limited time until all jobs are done; returns whether they are. */
  boolean awaitIdle(long nanos) {
    lock.lock();
    try {
      long deadline = System.nanoTime() + nanos;
      boolean interrupted = false;
      while (hasJobs() && !stopped && !givenUp && deadline - System.nanoTime() > 0) {
        try {
          idle.awaitNanos(deadline - System.nanoTime());
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      return !hasJobs();
    } finally {
      lock.unlock();
    }
  }

  private boolean hasJobs() {
    return busy || (!waiting.isEmpty() && !closed);
  }

  /** Ends all waits for the worker, now and later. */
  void giveUp() {
    lock.lock();
    try {
      givenUp = true;
      idle.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Whether the thread has not ended. */
  boolean isRunning() {
    lock.lock();
    try {
      return thread != null && thread.isAlive();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Ends the thread after the system call in progress and waits up to five seconds for it; if the
   * thread does not end, its name and stack trace are logged.
   */
  @Override
  public void close() {
    Thread last;
    lock.lock();
    try {
      closed = true;
      waiting.clear();
      work.signal();
      last = thread;
    } finally {
      lock.unlock();
    }
    try {
      if (last != null && !last.join(Duration.ofNanos(JOIN_NANOS))) {
        LOG.error(
            "thread {} has not stopped within 5 seconds; it is at {}",
            last.getName(),
            Arrays.toString(last.getStackTrace()));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    for (BlkJob job = take(); job != null; job = take()) {
      long start = System.nanoTime();
      try {
        job.result = transfer.perform(job);
      } catch (RuntimeException | Error e) {
        // Also a lack of memory: without this thread the disk would no longer answer.
        LOG.error("blk-{}: {} failed", settings.name(), job.request, e);
        job.result = -Errno.EIO;
      }
      statistics = statistics.plus(job.request, job.result >= 0, System.nanoTime() - start);
      try {
        notifyOfError(finish(job));
      } catch (RuntimeException | Error e) {
        LOG.error("blk-{}: the completion callback of a request failed", settings.name(), e);
      }
    }
  }

  private void notifyOfError(Optional<BlkError> error) {
    try {
      error.ifPresent(onError);
    } finally {
      if (error.isEmpty() || error.get().action() != OnError.STOP) {
        onDone.run();
      }
    }
  }

  private BlkJob take() {
    lock.lock();
    try {
      while ((waiting.isEmpty() || stopped) && !closed) {
        if (!awaitWork()) {
          thread = null;
          return null;
        }
      }
      BlkJob job = waiting.poll();
      busy = job != null;
      unwanted = false;
      return job;
    } finally {
      lock.unlock();
    }
  }

  /** Waits for work, in a loop; returns false if the thread is to end because there was none. */
  @SuppressWarnings("WaitNotInLoop")
  private boolean awaitWork() {
    if (!settings.restsWhenIdle() || stopped) {
      work.awaitUninterruptibly();
      return true;
    }
    try {
      return work.awaitNanos(REST_NANOS) > 0 || !waiting.isEmpty();
    } catch (InterruptedException e) {
      return true; // Nothing interrupts this thread; an interrupt would only make it check again.
    }
  }

  /** Passes a job on, or puts it back if it has failed and is to be repeated. */
  private Optional<BlkError> finish(BlkJob job) {
    lock.lock();
    try {
      busy = false;
      idle.signalAll();
      if (unwanted || closed) {
        return Optional.empty();
      }
      Optional<BlkError> error = errorOf(job);
      stopped = error.isPresent() && error.get().action() == OnError.STOP;
      if (stopped) {
        waiting.addFirst(job);
      } else {
        done.add(job);
      }
      return error;
    } finally {
      lock.unlock();
    }
  }

  private Optional<BlkError> errorOf(BlkJob job) {
    if (job.result >= 0) {
      return Optional.empty();
    }
    int errno = (int) -job.result;
    boolean write = job.request.isWrite();
    OnError policy = write ? settings.policy().write() : settings.policy().read();
    job.action = policy.of(errno);
    return Optional.of(new BlkError(settings.name(), write, errno, job.action));
  }
}
