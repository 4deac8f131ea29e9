package org.microvm.machine.jfr;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.microvm.kvm.ExitReason;
import org.microvm.kvm.VcpuRun;

/** A sample of the exits to user space; its duration is the time that serving took. */
@Name("org.microvm.Exit")
@Label("Exit")
@Description("One in 64 exits of a vCPU to user space")
@Category({"microvm", "vCPU"})
@StackTrace(false)
public final class ExitEvent extends Event {
  /** A power of two. */
  private static final long ONE_IN = 64;

  /** Kept for its question alone. */
  private static final ExitEvent PROBE = new ExitEvent();

  @Label("vCPU")
  int vcpu;

  @Label("Reason")
  String reason;

  @Label("Port or address")
  String at;

  @Label("Bytes")
  int bytes;

  @Label("Write")
  boolean write;

  @Label("Time in KVM_RUN before")
  @Timespan(Timespan.NANOSECONDS)
  long guestTime;

  /** How many nanoseconds the guest ran before it. */
  public ExitEvent after(long nanos) {
    guestTime = nanos;
    return this;
  }

  /** Whether exit number {@code count} is one to tell of, and somebody listens. */
  public static boolean isDue(long count) {
    return (count & (ONE_IN - 1)) == 0 && PROBE.isEnabled();
  }

  /** An event that says what the exit is. */
  public static ExitEvent of(int vcpu, VcpuRun run) {
    ExitEvent event = new ExitEvent();
    int reason = run.exitReason();
    event.vcpu = vcpu;
    event.reason = ExitReason.name(reason);
    if (reason == ExitReason.IO) {
      event.at = "0x" + Integer.toHexString(run.ioPort());
      event.bytes = run.ioSize() * run.ioCount();
      event.write = run.ioIsWrite();
    } else if (reason == ExitReason.MMIO) {
      event.at = "0x" + Long.toHexString(run.mmioAddress());
      event.bytes = run.mmioLength();
      event.write = run.mmioIsWrite();
    }
    return event;
  }
}
