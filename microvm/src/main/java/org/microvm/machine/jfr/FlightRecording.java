package org.microvm.machine.jfr;

import jdk.jfr.FlightRecorder;

/**
 * Reports whether the flight recorder has been used in this process. Until then no event class may
 * be loaded: the JVM would initialize the flight recorder, which takes a tenth of a restore's time.
 */
public final class FlightRecording {
  private FlightRecording() {}

  /** Whether the JVM's flight recorder has been initialized. */
  public static boolean isOn() {
    return FlightRecorder.isInitialized();
  }

  /** Records an event in the life of a machine, if the flight recorder has been initialized. */
  public static void emitLifecycle(String what, String how) {
    if (isOn()) {
      LifecycleEvent.emit(what, how);
    }
  }
}
