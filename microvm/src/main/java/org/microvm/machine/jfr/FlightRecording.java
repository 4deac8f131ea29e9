package org.microvm.machine.jfr;

import jdk.jfr.FlightRecorder;

/**
 * Whether somebody records events in this process, or did. While nobody does, no event's class may
 * be loaded: the JVM sets the flight recorder up for it, which is a tenth of a restore's time.
 */
public final class FlightRecording {
  private FlightRecording() {}

  /** Whether the JVM's flight recorder has been set up. */
  public static boolean isOn() {
    return FlightRecorder.isInitialized();
  }

  /** Tells of something in the life of a machine. */
  public static void tell(String what, String how) {
    if (isOn()) {
      LifecycleEvent.tell(what, how);
    }
  }
}
