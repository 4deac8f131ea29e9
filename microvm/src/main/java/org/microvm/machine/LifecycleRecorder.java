package org.microvm.machine;

import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.jfr.FlightRecording;

/** Writes flight recorder events of pauses, resumes, panics and resets, while a recording runs. */
final class LifecycleRecorder implements MachineListener {
  @Override
  public void paused() {
    FlightRecording.emitLifecycle("paused", "");
  }

  @Override
  public void resumed() {
    FlightRecording.emitLifecycle("resumed", "");
  }

  @Override
  public void panicked(MachineEnd.Panicked panic, OnPanic action) {
    FlightRecording.emitLifecycle("panicked", panic.how() + ": " + panic.message());
  }

  @Override
  public void crashKernelLoaded() {
    FlightRecording.emitLifecycle("panicked", "the guest's crash kernel takes over");
  }

  @Override
  public void reset(MachineEnd.Reset how, boolean byHost) {
    FlightRecording.emitLifecycle("reset", byHost ? "by the host" : how.how());
  }
}
