package org.microvm.devices.testing;

import java.util.concurrent.atomic.AtomicInteger;
import org.microvm.devices.Interrupt;

/** Counts edges. */
public final class RecordingInterrupt implements Interrupt {
  private final AtomicInteger count = new AtomicInteger();

  @Override
  public void raise() {
    count.incrementAndGet();
  }

  /** The number of edges so far. */
  public int count() {
    return count.get();
  }
}
