package org.microvm.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** {@code microvm run} as people run it, with a control socket and channels in a directory. */
final class MicrovmProcess {
  private MicrovmProcess() {}

  /** The project's directory. */
  static Path home() {
    return Path.of(System.getProperty("microvm.home", "..")).toAbsolutePath();
  }

  /**
   * Starts one; returns when its sockets, DIRECTORY/NAME.qmp and DIRECTORY/NAME.CHANNEL, are there.
   */
  static Process start(Path directory, String name, String... channels) throws IOException {
    Path control = directory.resolve(name + ".qmp");
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Dmicrovm.images=" + System.getProperty("microvm.images"),
                "-cp",
                System.getProperty("java.class.path"),
                "org.microvm.cli.Main",
                "run",
                "--no-console",
                "--qmp",
                "unix:" + control + ",server=on,wait=off"));
    for (String channel : channels) {
      Path socket = directory.resolve(name + "." + channel);
      command.addAll(
          List.of(
              "--chardev",
              "socket,id=" + channel + ",path=" + socket + ",server=on,wait=off",
              "--device",
              "virtserialport,chardev=" + channel + ",name=" + channel));
    }
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve(name + ".log").toFile())
            .start();
    // The control socket is the last one made.
    while (!Files.exists(control)) {
      if (!process.isAlive()) {
        throw new IOException(
            "it ended at once: " + Files.readString(directory.resolve(name + ".log")));
      }
      Thread.onSpinWait();
    }
    return process;
  }
}
