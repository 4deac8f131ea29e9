package org.microvm.machine;

import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.jfr.FlightRecording;

/** Writes flight recorder events of pauses, resumes and resets, while a recording runs. */
final class RecordedLife implements MachineListener {
  @Override
  public void paused() {
    FlightRecording.tell("paused", "");
  }

  @Override
  public void resumed() {
    FlightRecording.tell("resumed", "");
  }

  @Override
  public void reset(MachineEnd.Reset how, boolean byHost) {
    FlightRecording.tell("reset", byHost ? "by the host" : how.how());
  }
}
