package org.microvm.fencing;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * The requests of one guest. A thread reads them while another one answers: answers have no number,
 * so a client takes the first one for its own. If another request has arrived meanwhile, or the
 * answer is late, the client of the first request has given up, and its answer is dropped. Only the
 * newest request is kept.
 */
final class FenceSession {
  /** Requests that arrive within this time were sent before the service connected. */
  private static final Duration STALE = Duration.ofMillis(500);

  /** {@code fence_virt} waits 30 s for an answer, and then the next client may ask. */
  private static final long GIVEN_UP_NANOS = TimeUnit.SECONDS.toNanos(28);

  /**
   * The time limit for a request that waits for another one about the same machine, so that a
   * failure is answered in time.
   */
  private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(25);

  /** The interval at which a guest that floods its channel gets an answer. */
  private static final long PACE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private static final int PIECE_BYTES = 4096;

  private final FenceService service;
  private final String guest;
  private final ByteChannel channel;
  private final LimitedLog log;
  private final Timing timing;
  private volatile boolean open;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private Arrived newest;
  private boolean ended;
  private IOException failure;

  /** A request, and the time in ns at which it came. */
  private record Arrived(FenceRequest request, long at) {}

  /**
   * When requests are answered.
   *
   * @param stale how long requests are ignored after the start, see {@link #STALE}
   * @param clock the time in ns, from any origin
   */
  record Timing(Duration stale, LongSupplier clock) {
    static final Timing REAL = new Timing(STALE, System::nanoTime);
  }

  FenceSession(
      FenceService service,
      String guest,
      ByteChannel channel,
      Consumer<String> log,
      Timing timing) {
    this.service = service;
    this.guest = guest;
    this.channel = channel;
    this.log = new LimitedLog(guest, log);
    this.timing = timing;
  }

  /** Serves until the channel ends, and closes it. */
  void run() throws IOException, InterruptedException {
    Thread reader = Thread.ofVirtual().name("fence-" + guest).unstarted(this::read);
    try (channel) {
      reader.start();
      Thread.sleep(timing.stale());
      open = true;
      log.line("requests are answered now");
      for (Arrived next = take(); next != null; next = take()) {
        long start = System.nanoTime();
        serve(next);
        TimeUnit.NANOSECONDS.sleep(PACE_NANOS - (System.nanoTime() - start));
      }
    } finally {
      channel.close();
      reader.join();
    }
    if (failure != null) {
      throw failure;
    }
  }

  private void serve(Arrived next) throws IOException, InterruptedException {
    FenceAction action = next.request().action();
    if (left(next, GIVEN_UP_NANOS) <= 0) {
      log.line(action + " is not carried out: its client has given up");
      return;
    }
    ByteBuffer answer = answer(next);
    if (!isNewest()) {
      log.line("the answer to " + action + " is dropped: its client asks again");
    } else if (left(next, GIVEN_UP_NANOS) <= 0) {
      log.line("the answer to " + action + " is dropped: its client has given up");
    } else {
      write(answer);
    }
  }

  /** Returns how much of a time limit in ns is left since a request arrived. */
  private long left(Arrived request, long nanos) {
    return nanos - (timing.clock().getAsLong() - request.at());
  }

  private void write(ByteBuffer answer) throws IOException {
    while (answer.hasRemaining()) {
      channel.write(answer);
    }
  }

  private ByteBuffer answer(Arrived next) throws InterruptedException {
    FenceRequest request = next.request();
    LongSupplier left = () -> left(next, WAIT_NANOS);
    if (request.action() == FenceAction.LIST) {
      return Replies.list(service.list(guest, log::line, left));
    }
    FenceResult result;
    String reason = "";
    try {
      result = service.answer(guest, request, left);
    } catch (IOException e) {
      result = FenceResult.FAILURE;
      reason = ": " + e.getMessage();
    } catch (RuntimeException | Error e) {
      result = FenceResult.FAILURE;
      reason = ": " + e;
    }
    if (isNotable(request.action(), result)) {
      log.line(request.action() + " " + request.machine() + ": " + result + reason);
    }
    return Replies.of(result);
  }

  private static boolean isNotable(FenceAction action, FenceResult result) {
    return action == FenceAction.OFF
        || action == FenceAction.ON
        || action == FenceAction.REBOOT
        || result == FenceResult.DENIED
        || result == FenceResult.FAILURE;
  }

  /** Waits for a request; null at the end of the channel. */
  private Arrived take() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (newest == null && !ended) {
        changed.await();
      }
      Arrived next = newest;
      newest = null;
      return next;
    } finally {
      lock.unlock();
    }
  }

  private boolean isNewest() {
    lock.lock();
    try {
      return newest == null;
    } finally {
      lock.unlock();
    }
  }

  private void read() {
    IOException reason = null;
    try {
      readRequests();
    } catch (ClosedChannelException closed) {
      // The end of the session.
    } catch (IOException e) {
      reason = e;
    } catch (RuntimeException | Error e) {
      reason = new IOException("the channel failed: " + e, e);
    } finally {
      // In any case the answering thread must stop waiting.
      end(reason);
    }
  }

  private void readRequests() throws IOException {
    RequestParser parser = new RequestParser();
    ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
    while (channel.read(piece) >= 0) {
      long now = timing.clock().getAsLong();
      piece.flip();
      if (open) {
        for (FenceRequest r = parser.next(piece, now); r != null; r = parser.next(piece, now)) {
          put(new Arrived(r, now));
        }
      }
      piece.clear();
    }
  }

  private void put(Arrived request) {
    lock.lock();
    try {
      newest = request;
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  private void end(IOException reason) {
    lock.lock();
    try {
      ended = true;
      failure = reason;
      changed.signal();
    } finally {
      lock.unlock();
    }
  }
}
