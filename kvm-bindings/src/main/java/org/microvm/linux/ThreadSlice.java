package org.microvm.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.syscall.Syscalls;

/**
 * How long the scheduler lets a thread run before it looks for another one.
 *
 * <p>Since Linux 6.12 a thread with the default policy can ask for its own slice (sched_setattr(2),
 * {@code sched_runtime}). Who asks for a short one gets no more of the processor, but gets it
 * sooner: when it wakes up, it preempts a thread with a longer slice at once. Other threads of the
 * JVM, such as those that compile, keep theirs of some milliseconds, and an event loop or a vCPU
 * that wakes up would wait for the end of it.
 */
public final class ThreadSlice {
  /** The shortest one that the kernel accepts, in nanoseconds. */
  static final long SHORTEST = 100_000;

  /** The size and the fields of {@code struct sched_attr} in linux/sched/types.h. */
  private static final int SIZE = 48;

  private static final int POLICY = 4;
  private static final int FLAGS = 8;
  private static final int RUNTIME = 24;

  /** SCHED_OTHER of linux/sched.h. */
  private static final int DEFAULT_POLICY = 0;

  private ThreadSlice() {}

  /**
   * Asks for the shortest slice for the calling thread. Its nice value stays. Has no effect before
   * Linux 6.12, or if the thread has another policy than the default one.
   */
  public static void shorten() {
    MemorySegment attributes = attributes();
    if (attributes == null || attributes.get(ValueLayout.JAVA_INT, POLICY) != DEFAULT_POLICY) {
      return;
    }
    attributes.set(ValueLayout.JAVA_LONG, FLAGS, 0);
    attributes.set(ValueLayout.JAVA_LONG, RUNTIME, SHORTEST);
    // Without the slice the thread works as well, only later.
    Syscalls.schedSetAttributes(attributes.address());
  }

  /** Returns the slice of the calling thread in nanoseconds; 0 if the kernel does not tell it. */
  static long nanos() {
    MemorySegment attributes = attributes();
    return attributes == null ? 0 : attributes.get(ValueLayout.JAVA_LONG, RUNTIME);
  }

  /** The attributes of the calling thread, valid until its next system call; null if unknown. */
  private static MemorySegment attributes() {
    MemorySegment attributes = Syscalls.scratch(SIZE);
    return Syscalls.schedGetAttributes(attributes.address(), SIZE) < 0 ? null : attributes;
  }
}
