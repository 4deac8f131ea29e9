package org.microvm.virtioserial;

/**
 * A task on the event loop that may be requested any number of times before it runs, and then runs
 * once, after the tasks that are already queued. So every port gets a turn before any port gets
 * another. Guarded by the device lock.
 */
final class CoalescedTask {
  private static final long RETRY_NANOS = 1_000_000_000;

  private final DeviceContext context;
  private final Runnable task;
  private boolean requested;

  CoalescedTask(DeviceContext context, DeviceContext.Step step) {
    this.context = context;
    DeviceContext.Step once =
        () -> {
          requested = false;
          try {
            step.run();
          } catch (Error e) {
            // For example a lack of memory: nothing else would request the step again.
            context.clock().schedule(RETRY_NANOS, () -> context.locked(this::request));
            throw e;
          }
        };
    task = () -> context.locked(once);
  }

  /** Whether the task is scheduled. */
  boolean isRequested() {
    return requested;
  }

  void request() {
    if (!requested) {
      requested = true;
      context.execute(task);
    }
  }
}
