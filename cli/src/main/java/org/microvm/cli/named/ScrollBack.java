package org.microvm.cli.named;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The last bytes of a console, numbered from the machine's start. Writing never waits for a reader:
 * a slow one misses bytes. Any thread may call.
 */
final class ScrollBack {
  private final byte[] bytes;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private long written;
  private boolean ended;

  /**
   * @param capacity how many bytes are kept
   */
  ScrollBack(int capacity) {
    bytes = new byte[capacity];
  }

  /**
   * What a reader has got.
   *
   * @param from number of the first byte
   * @param data the bytes; empty only at the end
   */
  record Piece(long from, byte[] data) {}

  /** Adds bytes. */
  void write(byte[] source, int offset, int length) {
    lock.lock();
    try {
      int skipped = Math.max(0, length - bytes.length);
      for (int i = skipped; i < length; ) {
        int at = (int) ((written + i) % bytes.length);
        int count = Math.min(length - i, bytes.length - at);
        System.arraycopy(source, offset + i, bytes, at, count);
        i += count;
      }
      written += length;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Returns the number of the next byte to be written. */
  long written() {
    lock.lock();
    try {
      return written;
    } finally {
      lock.unlock();
    }
  }

  /** Marks the end: nothing more is written. */
  void end() {
    lock.lock();
    try {
      ended = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Wakes all readers, so that they check their own limits. */
  void wake() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Where a reader stops; may become smaller while the reader waits. */
  @FunctionalInterface
  interface Limit {
    long get();
  }

  /**
   * Waits for bytes after a position.
   *
   * @param position the number of the first byte that is wanted
   * @param limit the number of the byte before which the reader stops
   * @return what is there; begins later than wanted if that is lost; empty if there is no more
   */
  Piece read(long position, Limit limit) throws InterruptedException {
    lock.lock();
    try {
      while (written <= position && !ended && position < limit.get()) {
        changed.await();
      }
      long from = Math.max(position, written - bytes.length);
      byte[] data = new byte[(int) Math.max(0, Math.min(written, limit.get()) - from)];
      for (int i = 0; i < data.length; ) {
        int at = (int) ((from + i) % bytes.length);
        int count = Math.min(data.length - i, bytes.length - at);
        System.arraycopy(bytes, at, data, i, count);
        i += count;
      }
      return new Piece(from, data);
    } finally {
      lock.unlock();
    }
  }
}
