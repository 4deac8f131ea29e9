package org.microvm.virtioserial;

import java.util.Optional;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.virtioserial.backend.ConsoleSize;

/**
 * What a port and its two ends know of each other. Bytes that sit in the guest's rings are in guest
 * memory, those in a socket are with the socket.
 *
 * @param name what the guest finds it by
 * @param console whether the guest runs a console on it
 * @param ready whether the guest has set it up
 * @param guestOpen whether a program in the guest has it open
 * @param hostOpen whether a host program is connected
 * @param sendingOffset bytes of the oldest transmit buffer in flight that have gone out
 * @param lastBuffers transmit buffers that the connection gets before it ends, because the guest
 *     has closed the port; negative if it does not end
 * @param fromGuest bytes of the guest that the VMM keeps
 * @param toGuest bytes of the host program that the VMM keeps
 * @param size the console's size, if it was ever set
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
