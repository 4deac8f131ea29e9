package org.microvm.devices.virtio.blk;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.linux.Errno;
import org.microvm.linux.IovecArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread that performs disk I/O. Jobs are done in the order in which they were submitted, in
 * pieces of up to 1 MiB, so that a job that is no longer wanted ends soon. The thread is a daemon:
 * storage that does not answer does not keep the process.
 *
 * <p>Lock order: its lock may be taken while the device lock is held, never the other way round. It
 * is not held during I/O.
 */
final class BlkWorker implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BlkWorker.class);
  private static final long JOIN_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** Most bytes of one system call. */
  private static final long PIECE_BYTES = 1 << 20;

  private final BlkBackend backend;
  private final Runnable onDone;
  private final Thread thread;
  private final IovecArray ranges = new IovecArray(IovecArray.MAX_CAPACITY);

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition work = lock.newCondition();
  private final Condition idle = lock.newCondition();
  private final ArrayDeque<BlkJob> waiting = new ArrayDeque<>();
  private final ArrayDeque<BlkJob> done = new ArrayDeque<>();
  private boolean busy;
  private boolean givenUp;

  /** Whether the job in progress is no longer wanted. */
  private volatile boolean unwanted;

  private volatile boolean closed;

  /**
   * @param onDone called on the worker's thread, with no lock held, when {@link #nextDone} has a
   *     job to return
   */
  BlkWorker(String threadName, BlkBackend backend, Runnable onDone) {
    this.backend = backend;
    this.onDone = onDone;
    thread = Thread.ofPlatform().name(threadName).daemon().start(this::run);
  }

  /** Queues a job; never blocks. */
  void submit(BlkJob job) {
    lock.lock();
    try {
      waiting.add(job);
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
   * call, until which the worker is not {@link #isQuiet quiet}.
   */
  void discard() {
    lock.lock();
    try {
      waiting.clear();
      done.clear();
      unwanted = busy;
    } finally {
      lock.unlock();
    }
  }

  /** Whether no job is in progress, so that the worker does not access guest memory. */
  boolean isQuiet() {
    lock.lock();
    try {
      return !busy;
    } finally {
      lock.unlock();
    }
  }

  /** Waits until no job is in progress; returns false if {@link #giveUp} is called before. */
  boolean awaitQuiet() {
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
      while (hasJobs() && !givenUp && deadline - System.nanoTime() > 0) {
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
    return thread.isAlive();
  }

  /**
   * Ends the thread after the system call in progress and waits up to five seconds for it; if the
   * thread does not end, its name and stack trace are logged.
   */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      waiting.clear();
      work.signal();
    } finally {
      lock.unlock();
    }
    try {
      if (!thread.join(Duration.ofNanos(JOIN_NANOS))) {
        LOG.error(
            "thread {} has not stopped within 5 seconds; it is at {}",
            thread.getName(),
            Arrays.toString(thread.getStackTrace()));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    for (BlkJob job = take(); job != null; job = take()) {
      try {
        job.result = perform(job);
      } catch (RuntimeException e) {
        LOG.error("{}: {} failed", thread.getName(), job.request, e);
        job.result = -Errno.EIO;
      }
      finish(job);
      onDone.run();
    }
  }

  private BlkJob take() {
    lock.lock();
    try {
      while (waiting.isEmpty() && !closed) {
        work.awaitUninterruptibly();
      }
      BlkJob job = waiting.poll();
      busy = job != null;
      unwanted = false;
      return job;
    } finally {
      lock.unlock();
    }
  }

  private void finish(BlkJob job) {
    lock.lock();
    try {
      if (!unwanted) {
        done.add(job);
      }
      busy = false;
      idle.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private long perform(BlkJob job) {
    return switch (job.request.kind()) {
      case READ -> transfer(job);
      case WRITE -> {
        long moved = transfer(job);
        long flushed = moved >= 0 && job.stable ? backend.flush() : 0;
        yield flushed < 0 ? flushed : moved;
      }
      case FLUSH -> backend.flush();
      case GET_ID, REFUSED, UNSUPPORTED, UNANSWERABLE ->
          throw new IllegalStateException("not a request for the worker: " + job.request);
    };
  }

  /** Repeats the call until all is moved, or the job is no longer wanted. */
  private long transfer(BlkJob job) {
    BlkRequest request = job.request;
    long moved = 0;
    while (moved < request.length()) {
      if (unwanted || closed) {
        return -Errno.EIO;
      }
      ranges.clear();
      long result = request.kind() == BlkRequest.Kind.READ ? read(job, moved) : write(job, moved);
      if (result == 0) {
        // The image has become shorter since the disk's size was determined.
        return -Errno.EIO;
      }
      if (result < 0 && result != -Errno.EINTR) {
        return result;
      }
      moved += Math.max(0, result);
    }
    return moved;
  }

  private long read(BlkJob job, long moved) {
    BlkRequest request = job.request;
    job.chain.gatherWritable(ranges, moved, piece(request, moved));
    return backend.read(ranges, request.offset() + moved);
  }

  private long write(BlkJob job, long moved) {
    BlkRequest request = job.request;
    job.chain.gatherReadable(ranges, BlkRequest.HEADER + moved, piece(request, moved));
    return backend.write(ranges, request.offset() + moved);
  }

  private static long piece(BlkRequest request, long moved) {
    return Math.min(PIECE_BYTES, request.length() - moved);
  }
}
