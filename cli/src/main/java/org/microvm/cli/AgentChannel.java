package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.microvm.cli.named.MachineFiles;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.DeviceOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import org.microvm.virtioserial.options.SocketSpec;

/**
 * The guest agent's channel of a machine with a name, unless its options have one. A snapshot
 * contains the channel; a machine restored from it has the socket under its own name, or none
 * without a name.
 */
final class AgentChannel {
  /** The name of the channel. */
  static final String NAME = "org.qemu.guest_agent.0";

  /** The id of the chardev and the device. */
  private static final String ID = "microvm-agent";

  /** The chardev of a machine without a name. */
  private static final String NO_SOCKET = "null,id=" + ID;

  private AgentChannel() {}

  /**
   * Whether the channel is added to a machine with a name: not if its snapshot lacks it.
   *
   * @param snapshot the directory of a snapshot, or null
   */
  static boolean isAdded(Path snapshot) throws MachineException {
    return snapshot == null || isIn(Snapshot.open(snapshot).options());
  }

  /** Whether a snapshot's options contain the channel. */
  static boolean isIn(List<String> options) {
    return options.stream().anyMatch(AgentChannel::isChardev);
  }

  /**
   * Removes the socket of the channel from a snapshot's options, because it belongs to the saved
   * machine's name.
   */
  static List<String> withoutSocket(List<String> options) {
    List<String> without = new ArrayList<>(options);
    for (int i = 1; i < without.size(); i++) {
      if (without.get(i - 1).equals("--chardev") && isChardev(without.get(i))) {
        without.set(i, NO_SOCKET);
      }
    }
    return without;
  }

  private static boolean isChardev(String text) {
    return List.of(text.split(",")).contains("id=" + ID);
  }

  /**
   * Completes the options of the channels.
   *
   * @param chardevs the values of {@code --chardev}
   * @param devices the values of {@code --device}
   * @param files of the machine; null if it has no name
   * @param add whether a channel is added if there is none
   */
  static void complete(List<String> chardevs, List<String> devices, MachineFiles files, boolean add)
      throws IOException {
    String chardev =
        files == null
            ? NO_SOCKET
            : ChardevOptions.write(
                ID,
                new SocketSpec(new SocketSpec.Unix(files.agent()), new SocketSpec.Server(false)));
    boolean present = isIn(chardevs);
    chardevs.replaceAll(text -> isChardev(text) ? chardev : text);
    if (present || files == null) {
      return;
    }
    Optional<String> given =
        devices.stream().map(AgentChannel::agent).flatMap(Optional::stream).findFirst();
    if (given.isPresent()) {
      link(given.get(), chardevs, files);
    } else if (add) {
      chardevs.add(chardev);
      devices.add("virtserialport,chardev=" + ID + ",id=" + ID + ",name=" + NAME);
    }
  }

  /** Links the socket of the options in the directory of the machine. */
  private static void link(String id, List<String> chardevs, MachineFiles files)
      throws IOException {
    for (String text : chardevs) {
      Path socket = socket(text, id);
      if (socket != null && !MachineOptions.isThere(files.agent())) {
        Files.createSymbolicLink(files.agent(), socket.toAbsolutePath());
      }
    }
  }

  /** The chardev of the device, if it is the agent's channel. */
  private static Optional<String> agent(String device) {
    try {
      OptionList options = OptionList.parse(device);
      boolean agents =
          DeviceOptions.isPort(options.kind())
              && options.take("name").filter(NAME::equals).isPresent();
      return agents ? options.take("chardev") : Optional.empty();
    } catch (OptionException e) {
      // Is reported when the devices are added.
      return Optional.empty();
    }
  }

  /** The path of the chardev if it has the id and is a unix server, else null. */
  private static Path socket(String chardev, String id) {
    try {
      OptionList options = OptionList.parse(chardev);
      return options.need("id").equals(id)
              && ChardevOptions.read(options) instanceof SocketSpec socket
              && socket.address() instanceof SocketSpec.Unix unix
              && socket.role() instanceof SocketSpec.Server
          ? unix.path()
          : null;
    } catch (OptionException e) {
      return null;
    }
  }
}
