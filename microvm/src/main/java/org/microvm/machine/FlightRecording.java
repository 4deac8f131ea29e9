package org.microvm.machine;

import jdk.jfr.FlightRecorder;

/**
 * Whether somebody records events in this process, or did. While nobody does, no event's class may
 * be loaded: the JVM sets the flight recorder up for it, which is a tenth of a restore's time.
 */
final class FlightRecording {
  private FlightRecording() {}

  static boolean isOn() {
    return FlightRecorder.isInitialized();
  }

  /** Tells of something in the life of a machine. */
  static void tell(String what, String how) {
    if (isOn()) {
      LifecycleEvent.tell(what, how);
    }
  }

  /** Tells of what a machine's listeners hear. */
  static MachineListener listener() {
    return new MachineListener() {
      @Override
      public void paused() {
        tell("paused", "");
      }

      @Override
      public void resumed() {
        tell("resumed", "");
      }

      @Override
      public void reset(MachineEnd.Reset how, boolean byHost) {
        tell("reset", byHost ? "by the host" : how.how());
      }
    };
  }
}
