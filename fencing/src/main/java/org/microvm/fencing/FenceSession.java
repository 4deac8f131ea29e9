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

/**
 * The requests of one guest. A thread reads them while another one answers: answers have no number,
 * so a client takes the first one for its own. If another request has come meanwhile, the client of
 * the former one has given up, and its answer is dropped. Only the newest request is kept.
 */
final class FenceSession {
  /** What arrives sooner was sent before this service connected. */
  static final Duration STALE = Duration.ofMillis(500);

  /** A guest that floods its channel gets an answer this often. */
  private static final long PACE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private static final int PIECE_BYTES = 4096;

  private final FenceService service;
  private final String guest;
  private final ByteChannel channel;
  private final LimitedLog log;
  private final Duration stale;
  private volatile boolean open;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private FenceRequest newest;
  private boolean ended;
  private IOException failure;

  FenceSession(
      FenceService service,
      String guest,
      ByteChannel channel,
      Consumer<String> log,
      Duration stale) {
    this.service = service;
    this.guest = guest;
    this.channel = channel;
    this.log = new LimitedLog(guest, log);
    this.stale = stale;
  }

  /** Serves until the channel ends, and closes it. */
  void run() throws IOException, InterruptedException {
    Thread reader = Thread.ofVirtual().name("fence-" + guest).start(this::read);
    try (channel) {
      Thread.sleep(stale);
      open = true;
      log.line("requests are answered now");
      for (FenceRequest request = take(); request != null; request = take()) {
        long start = System.nanoTime();
        ByteBuffer answer = answer(request);
        if (isNewest()) {
          write(answer);
        } else {
          log.line("the answer to " + request.action() + " is dropped: its client asks again");
        }
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

  private void write(ByteBuffer answer) throws IOException {
    while (answer.hasRemaining()) {
      channel.write(answer);
    }
  }

  private ByteBuffer answer(FenceRequest request) throws InterruptedException {
    if (request.action() == FenceAction.LIST) {
      return Replies.list(service.list(guest));
    }
    FenceResult result;
    String reason = "";
    try {
      result = service.answer(guest, request);
    } catch (IOException e) {
      result = FenceResult.FAILURE;
      reason = ": " + e.getMessage();
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
  private FenceRequest take() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (newest == null && !ended) {
        changed.await();
      }
      FenceRequest request = newest;
      newest = null;
      return request;
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
    RequestParser parser = new RequestParser();
    ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
    try {
      while (channel.read(piece) >= 0) {
        long now = System.nanoTime();
        piece.flip();
        if (open) {
          for (FenceRequest r = parser.next(piece, now); r != null; r = parser.next(piece, now)) {
            put(r);
          }
        }
        piece.clear();
      }
      end(null);
    } catch (ClosedChannelException closed) {
      end(null);
    } catch (IOException e) {
      end(e);
    }
  }

  private void put(FenceRequest request) {
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
