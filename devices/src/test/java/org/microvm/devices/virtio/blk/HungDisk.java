package org.microvm.devices.virtio.blk;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.microvm.linux.IovecArray;

/** Storage of 8 MiB whose first read blocks until a test ends it. */
public final class HungDisk implements BlkBackend {
  private final CountDownLatch entered = new CountDownLatch(1);
  private final CountDownLatch answer = new CountDownLatch(1);
  private volatile int calls;
  private volatile long most;

  /** Waits until the read has begun. */
  public void awaitRead() throws InterruptedException {
    if (!entered.await(10, TimeUnit.SECONDS)) {
      throw new AssertionError("nothing was read");
    }
  }

  /** Ends the read, and all further ones. */
  public void answer() {
    answer.countDown();
  }

  /** The number of calls so far. */
  public int calls() {
    return calls;
  }

  /** The most bytes of one call. */
  public long most() {
    return most;
  }

  @Override
  public long size() {
    return 8 << 20;
  }

  @Override
  public long read(IovecArray target, long offset) {
    calls++;
    most = Math.max(most, target.bytes());
    entered.countDown();
    try {
      answer.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return target.bytes();
  }

  @Override
  public long write(IovecArray source, long offset) {
    return source.bytes();
  }

  @Override
  public long flush() {
    return 0;
  }

  @Override
  public void close() {}
}
