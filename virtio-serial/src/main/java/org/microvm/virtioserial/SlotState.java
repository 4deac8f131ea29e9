package org.microvm.virtioserial;

import java.util.Optional;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * The saved state of a port number: its state in the guest's driver, and its port.
 *
 * @param driverState the number's state in the guest's driver
 * @param unanswered number of PORT_ADD messages that the guest has not answered
 * @param replaced whether the port that the guest remembers has been removed
 * @param hasStaleData whether the transmit ring may hold data for an earlier port of this number
 * @param port the port, if the number is in use
 */
record SlotState(
    PortSlot.DriverState driverState,
    int unanswered,
    boolean replaced,
    boolean hasStaleData,
    Optional<PortState> port) {

  /** Limit of a count that grows whenever a port is added, so that it cannot overflow here. */
  private static final int MAX_UNANSWERED = 1 << 30;

  void write(StateOutput output) {
    output.putByte(driverState.ordinal()).putInt(unanswered);
    output.putBoolean(replaced).putBoolean(hasStaleData).putBoolean(port.isPresent());
    port.ifPresent(state -> state.write(output));
  }

  static SlotState read(StateInput input) throws StateException {
    int driverState = input.getByte();
    if (driverState >= PortSlot.DriverState.values().length) {
      throw input.damaged("unknown code for the guest's view of a port: " + driverState);
    }
    SlotState state =
        new SlotState(
            PortSlot.DriverState.values()[driverState],
            input.getInt(0, MAX_UNANSWERED),
            input.getBoolean(),
            input.getBoolean(),
            input.getBoolean() ? Optional.of(PortState.read(input)) : Optional.empty());
    // Only a port that was replaced may be known to the guest without being in the saved state.
    if (state.driverState != PortSlot.DriverState.ABSENT
        && state.port.isEmpty()
        && !state.replaced) {
      throw input.damaged("the guest knows a port that is not in the saved state");
    }
    if (state.replaced && state.driverState != PortSlot.DriverState.REMEMBERED) {
      throw input.damaged("a port that the guest does not know was replaced");
    }
    return state;
  }
}
