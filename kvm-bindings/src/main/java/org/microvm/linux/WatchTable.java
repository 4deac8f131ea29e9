package org.microvm.linux;

import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The watches of an {@link EventLoop} by slot. Any thread adds and removes, the loop's thread looks
 * up without a lock.
 */
final class WatchTable {
  private final EpollSet epoll;

  /** Guards everything below; readers of the table do not need it. */
  private final ReentrantLock lock = new ReentrantLock();

  /** By slot; replaced as a whole when it grows. Elements are written under the lock. */
  private volatile DescriptorWatch[] watches = new DescriptorWatch[16];

  private int lastId;
  private int count;
  private boolean closed;

  WatchTable(EpollSet epoll) {
    this.epoll = epoll;
  }

  /** The set that has the watched descriptors. */
  EpollSet epoll() {
    return epoll;
  }

  /**
   * Adds a watch that has no events yet.
   *
   * @throws IllegalStateException if the table is closed
   */
  DescriptorWatch add(EventLoop loop, Fd fd, EventLoop.Handler handler) {
    lock.lock();
    try {
      if (closed) {
        throw new IllegalStateException("event loop " + loop.name() + " is closed");
      }
      DescriptorWatch watch = new DescriptorWatch(loop, this, fd, handler, freeSlot(), ++lastId);
      DescriptorWatch[] table = watches;
      table[watch.slot] = watch;
      watches = table; // A volatile write, so that the loop's read of the table sees the element.
      count++;
      return watch;
    } finally {
      lock.unlock();
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

  /** Removes a watch; does nothing if it is not in the table. */
  void remove(DescriptorWatch watch) {
    lock.lock();
    try {
      if (watches[watch.slot] == watch) {
        watches[watch.slot] = null;
        count--;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Calls the handler that an event is for, unless its watch was closed since it was fetched. */
  void fire(int slot, int id, int bits) {
    DescriptorWatch watch = watches[slot];
    // The slot may hold a new watch since the event was fetched; the id shows which of the two it
    // belongs to.
    if (watch != null && watch.id == id) {
      watch.fire(bits);
    }
  }

  /** The number of watches that are not closed. */
  int count() {
    lock.lock();
    try {
      return count;
    } finally {
      lock.unlock();
    }
  }

  /** Drops all watches and refuses new ones. */
  void close() {
    lock.lock();
    try {
      closed = true;
      Arrays.fill(watches, null);
      count = 0;
    } finally {
      lock.unlock();
    }
  }
}
