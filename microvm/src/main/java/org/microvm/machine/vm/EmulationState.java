package org.microvm.machine.vm;

import java.util.List;
import java.util.Optional;
import org.microvm.devices.state.SectionPolicy;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.machine.emulation.SystemCalls;
import org.microvm.machine.vcpu.VcpuAccount;

/**
 * Saves the address of the breakpoint at which a guest's system calls are completed, because a
 * restored guest does not execute again the INT3 at which it is set. A guest without the breakpoint
 * has no section.
 */
final class EmulationState {
  private static final String SECTION = "emulation.system-calls";
  private static final int VERSION = 1;

  private EmulationState() {}

  static void save(StateWriter writer, List<VcpuAccount> vcpus) {
    List<Long> handlers = vcpus.stream().map(vcpu -> systemCalls(vcpu).handler()).toList();
    if (handlers.stream().allMatch(handler -> handler == 0)) {
      return;
    }
    StateOutput output = writer.section(SECTION, VERSION, SectionPolicy.REQUIRED);
    handlers.forEach(output::putLong);
  }

  static void load(StateReader reader, List<VcpuAccount> vcpus) throws StateException {
    Optional<StateInput> input = reader.takeIfPresent(SECTION, VERSION);
    if (input.isEmpty()) {
      return;
    }
    for (VcpuAccount vcpu : vcpus) {
      long handler = input.get().getLong();
      if (handler != 0) {
        systemCalls(vcpu).restore(handler);
      }
    }
    input.get().end();
  }

  private static SystemCalls systemCalls(VcpuAccount vcpu) {
    return vcpu.emulator().systemCalls();
  }
}
