package org.microvm.devices.legacy;

import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * The state of an {@link I8042}.
 *
 * @param configuration the configuration byte
 * @param stale number of stale bytes not yet drained
 * @param output the byte in the output buffer, or -1
 * @param awaitsData the command that waits for its operand, or 0
 */
record I8042State(int configuration, int stale, int output, int awaitsData) {
  private static final int BYTE = 0xff;

  void write(StateOutput output) {
    output.putByte(configuration).putByte(stale).putInt(this.output).putByte(awaitsData);
  }

  static I8042State read(StateInput input) throws StateException {
    I8042State state =
        new I8042State(
            input.getByte(),
            input.getByte(I8042.STALE_BYTES),
            input.getInt(-1, BYTE),
            input.getByte());
    input.end();
    if (state.awaitsData != 0 && !I8042.hasOperand(state.awaitsData)) {
      throw input.damaged("command 0x%x has no operand".formatted(state.awaitsData));
    }
    return state;
  }
}
