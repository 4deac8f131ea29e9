package org.microvm.virtioserial;

import java.util.Optional;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
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
    Optional<String> name =
        input.getBoolean()
            ? Optional.of(input.getString(PortConfig.MAX_NAME_BYTES))
            : Optional.empty();
    return new PortState(
        name,
        input.getBoolean(),
        input.getBoolean(),
        input.getBoolean(),
        input.getBoolean(),
        input.getLong(),
        input.getInt(-1, 1 << 15),
        input.getBytes(PortConfig.MAX_LIMIT),
        input.getBytes(PortConfig.MAX_LIMIT),
        input.getBoolean()
            ? Optional.of(new ConsoleSize(input.getShort(), input.getShort()))
            : Optional.empty());
  }
}
