package org.microvm.virtioserial;

import java.util.ArrayList;
import java.util.List;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * The saved state of the serial device, besides its registers and queues.
 *
 * @param driverReady whether the driver accepts control messages
 * @param outbox control messages that wait for buffers of the driver, in sending order
 * @param slots the port numbers' states, one for each number that the device can have
 */
record SerialState(boolean driverReady, List<ControlMessage> outbox, List<SlotState> slots) {
  static final int VERSION = 1;

  /** Upper bound for a saved outbox, which holds only a few messages for each port. */
  private static final int MAX_MESSAGES = 16 * SerialConfig.MAX_PORTS;

  void write(StateOutput output) {
    output.putBoolean(driverReady).putInt(outbox.size());
    for (ControlMessage message : outbox) {
      output.putInt(message.nr()).putShort(message.event()).putShort(message.value());
      output.putBytes(message.payload());
    }
    output.putInt(slots.size());
    slots.forEach(slot -> slot.write(output));
  }

  static SerialState read(StateInput input) throws StateException {
    boolean driverReady = input.getBoolean();
    List<ControlMessage> outbox = new ArrayList<>();
    for (int left = input.getInt(0, MAX_MESSAGES); left > 0; left--) {
      outbox.add(readMessage(input));
    }
    List<SlotState> slots = new ArrayList<>();
    for (int left = input.getInt(1, SerialConfig.MAX_PORTS); left > 0; left--) {
      slots.add(SlotState.read(input));
    }
    input.end();
    if (outbox.stream().anyMatch(message -> message.nr() >= slots.size())) {
      throw input.damaged("a control message is about a port number that the device cannot have");
    }
    return new SerialState(driverReady, outbox, slots);
  }

  private static ControlMessage readMessage(StateInput input) throws StateException {
    ControlMessage message =
        new ControlMessage(
            input.getInt(0, SerialConfig.MAX_PORTS - 1),
            input.getShort(),
            input.getShort(),
            input.getBytes(PortConfig.MAX_NAME_BYTES));
    int length = message.payload().length;
    boolean valid =
        switch (message.event()) {
          case ControlEvent.PORT_NAME -> length > 0;
          case ControlEvent.RESIZE -> length == ControlMessage.RESIZE_BYTES;
          case ControlEvent.PORT_ADD,
              ControlEvent.PORT_REMOVE,
              ControlEvent.CONSOLE_PORT,
              ControlEvent.PORT_OPEN ->
              length == 0;
          default -> false;
        };
    if (!valid || message.value() > 1) {
      throw input.damaged("a control message is not one that a device sends");
    }
    return message;
  }
}
