package org.microvm.machine;

import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.jfr.FlightRecording;

/** Records what a machine's listeners hear, if somebody records this process. */
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
