package org.microvm.machine.snapshot;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.List;
import org.microvm.devices.state.SectionPolicy;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.machine.config.Topology;
import org.microvm.machine.x86.CpuFeatures;

/** A saved state of any content: its framing, and the sections behind a right checksum. */
class SnapshotFuzzTest {
  private static final long MEMORY = 1 << 20;

  @FuzzTest
  void state_anyBytes_isRefused(byte[] input) {
    try {
      StateReader.of(input).end();
    } catch (StateException e) {
      return;
    }
  }

  /** The first byte selects the section. */
  @FuzzTest
  void section_anyContent_isRefusedOrRead(byte[] input) {
    List<String> names = List.of("base", "topology", "features");
    if (input.length < 1) {
      return;
    }
    int which = (input[0] & 0xff) % names.size();
    byte[] payload = new byte[input.length - 1];
    System.arraycopy(input, 1, payload, 0, payload.length);
    try {
      switch (which) {
        case 0 -> SnapshotBase.read(StateReader.of(state(names.get(which), payload)), MEMORY);
        case 1 -> Topology.read(new StateInput("topology", 1, payload));
        default -> CpuFeatures.read(new StateInput("features", 1, payload));
      }
    } catch (StateException e) {
      return;
    }
  }

  private static byte[] state(String name, byte[] payload) {
    StateWriter writer = new StateWriter();
    StateOutput section = writer.section(name, 1, SectionPolicy.REQUIRED);
    for (byte value : payload) {
      section.putByte(value);
    }
    return writer.toByteArray();
  }
}
