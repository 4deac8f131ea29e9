package org.microvm.virtioserial;

import java.util.Optional;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * A port number: what the guest believes about it, and the port that has it.
 *
 * @param belief what the guest believes
 * @param unanswered PORT_ADD messages that the guest has not answered
 * @param replaced whether the port that the guest remembers is gone
 * @param leftovers whether data for an earlier port of this number may be in the ring
 * @param port the port, if there is one
 */
record SlotState(
    PortSlot.Belief belief,
    int unanswered,
    boolean replaced,
    boolean leftovers,
    Optional<PortState> port) {

  void write(StateOutput output) {
    output.putByte(belief.ordinal()).putInt(unanswered);
    output.putBoolean(replaced).putBoolean(leftovers).putBoolean(port.isPresent());
    port.ifPresent(state -> state.write(output));
  }

  static SlotState read(StateInput input) throws StateException {
    int belief = input.getByte();
    if (belief >= PortSlot.Belief.values().length) {
      throw input.damaged("there is no belief " + belief);
    }
    return new SlotState(
        PortSlot.Belief.values()[belief],
        input.getInt(0, Integer.MAX_VALUE),
        input.getBoolean(),
        input.getBoolean(),
        input.getBoolean() ? Optional.of(PortState.read(input)) : Optional.empty());
  }
}
