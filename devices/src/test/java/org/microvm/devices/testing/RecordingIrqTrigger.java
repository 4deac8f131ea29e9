package org.microvm.devices.testing;

import java.util.concurrent.atomic.AtomicInteger;
import org.microvm.devices.IrqTrigger;

/** Counts edges. */
public final class RecordingIrqTrigger implements IrqTrigger {
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
