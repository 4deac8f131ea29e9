package org.microvm.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import org.microvm.virtioserial.options.SocketSpec;

/** The options of a machine as a snapshot stores them: each option is followed by its value. */
final class SavedOptions {
  private SavedOptions() {}

  /**
   * Returns the options with the unix sockets of all chardevs in another directory, under their
   * names.
   *
   * @throws UsageException if a chardev has an option that is not accepted
   */
  static List<String> withSocketsIn(List<String> options, Path directory) {
    List<String> moved = new ArrayList<>(options);
    for (int i = 0; i + 1 < moved.size(); i += 2) {
      if (moved.get(i).equals("--chardev")) {
        String chardev = moved.get(i + 1);
        moved.set(
            i + 1,
            ChannelOptions.read(
                "--chardev", chardev, arguments -> moved(chardev, arguments, directory)));
      }
    }
    return moved;
  }

  private static String moved(String chardev, OptionList arguments, Path directory)
      throws OptionException {
    String id = arguments.need("id");
    return ChardevOptions.read(arguments) instanceof SocketSpec socket
        ? ChardevOptions.write(id, socket.inDirectory(directory))
        : chardev;
  }
}
