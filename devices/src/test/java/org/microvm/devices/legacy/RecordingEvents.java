package org.microvm.devices.legacy;

import java.util.ArrayList;
import java.util.List;

/** Writes down what the guest asked of its machine. */
final class RecordingEvents implements MachineEvents {
  final List<String> seen = new ArrayList<>();

  @Override
  public void resetRequested(String how) {
    seen.add("reset by " + how);
  }

  @Override
  public void powerOffRequested() {
    seen.add("power off");
  }

  @Override
  public void exitRequested(int status) {
    seen.add("exit " + status);
  }
}
