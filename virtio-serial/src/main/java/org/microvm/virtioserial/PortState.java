package org.microvm.virtioserial;

import java.util.Optional;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.virtio.Virtqueue;
import org.microvm.virtioserial.backend.ConsoleSize;

/**
 * The saved state of a port. Bytes in the guest's rings are part of guest memory, and bytes in a
 * socket stay in the socket; neither is in here.
 *
 * @param name the port's name
 * @param console whether the port is a console
 * @param ready whether the guest has set it up
 * @param guestOpen whether a program in the guest has it open
 * @param hostOpen whether a host program is connected
 * @param sendingOffset bytes of the oldest transmit buffer in flight that have been sent
 * @param lastBuffers transmit buffers still to be sent on a connection that ends because the guest
 *     closed the port; negative if the connection is not ending
 * @param fromGuest bytes from the guest that the VMM keeps
 * @param toGuest bytes from the host program that the VMM keeps
 * @param size the console's size, if it was set
 */
record PortState(
    Optional<String> name,
    boolean console,
    boolean ready,
    boolean guestOpen,
    boolean hostOpen,
    long sendingOffset,
    int lastBuffers,
    byte[] fromGuest,
    byte[] toGuest,
    Optional<ConsoleSize> size) {

  void write(StateOutput output) {
    output.putBoolean(name.isPresent());
    name.ifPresent(output::putString);
    output.putBoolean(console).putBoolean(ready).putBoolean(guestOpen).putBoolean(hostOpen);
    output.putLong(sendingOffset).putInt(lastBuffers).putBytes(fromGuest).putBytes(toGuest);
    output.putBoolean(size.isPresent());
    size.ifPresent(known -> output.putShort(known.columns()).putShort(known.rows()));
  }

  static PortState read(StateInput input) throws StateException {
    PortState state =
        new PortState(
            input.getBoolean() ? Optional.of(readName(input)) : Optional.empty(),
            input.getBoolean(),
            input.getBoolean(),
            input.getBoolean(),
            input.getBoolean(),
            input.getLong(0, Virtqueue.MAX_CHAIN_BYTES),
            input.getInt(-1, QueueLayout.DATA_SIZE),
            input.getBytes(PortConfig.MAX_LIMIT),
            input.getBytes(PortConfig.MAX_LIMIT + PortConnection.MAX_DRAINED_BYTES),
            input.getBoolean()
                ? Optional.of(new ConsoleSize(input.getShort(), input.getShort()))
                : Optional.empty());
    if (!state.ready && (state.guestOpen || state.sendingOffset != 0 || state.lastBuffers > 0)) {
      throw input.damaged("a port that the guest has not set up is in use");
    }
    if (state.size.isPresent() && !state.console) {
      throw input.damaged("a port that is not a console has a size");
    }
    return state;
  }

  private static String readName(StateInput input) throws StateException {
    String name = input.getString(PortConfig.MAX_NAME_BYTES);
    if (!PortConfig.isName(name)) {
      throw input.damaged("the name of a port is invalid");
    }
    return name;
  }
}
