package org.microvm.virtioserial;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Arrays;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/** The saved state of a serial device, with any content. */
class SerialStateFuzzTest {
  private static final String NAME = "virtio.0.device";

  /** What is accepted is written again as it was read. */
  @FuzzTest
  void state_anyContent_isRefusedOrReadExactly(byte[] input) {
    SerialState state;
    try {
      StateInput section = new StateInput(NAME, 1, input);
      state = SerialState.read(section);
      section.end();
    } catch (StateException e) {
      return;
    }
    StateOutput output = new StateOutput();
    state.write(output);
    if (!Arrays.equals(input, output.toByteArray())) {
      throw new AssertionError("read as " + state);
    }
  }
}
