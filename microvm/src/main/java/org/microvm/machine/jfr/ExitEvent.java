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

/** An exit to user space, one in 64; its duration is the time to handle the exit. */
@Name("org.microvm.Exit")
@Label("Exit")
@Description("One in 64 exits of a vCPU to user space")
@Category({"microvm", "vCPU"})
@StackTrace(false)
public final class ExitEvent extends Event {
  /** A power of two. */
  private static final long ONE_IN = 64;

  /** Used only to ask whether the event is enabled. */
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

  /** Sets the nanoseconds in KVM_RUN before the exit. */
  public ExitEvent after(long nanos) {
    guestTime = nanos;
    return this;
  }

  /** Whether to record exit number {@code count}: it is one in 64, and the event is enabled. */
  public static boolean isDue(long count) {
    return (count & (ONE_IN - 1)) == 0 && PROBE.isEnabled();
  }

  /** Creates an event for the exit that {@code run} describes. */
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
