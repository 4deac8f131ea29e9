package org.microvm.devices.legacy;

import java.util.ArrayList;
import java.util.List;

/** Records the guest's requests to its machine. */
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

  @Override
  public void panicked() {
    seen.add("panicked");
  }

  @Override
  public void crashKernelLoaded() {
    seen.add("crash kernel loaded");
  }
}
