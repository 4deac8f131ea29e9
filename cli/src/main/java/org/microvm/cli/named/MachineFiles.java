package org.microvm.cli.named;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.microvm.linux.UnixSocket;

/**
 * The files of a machine with a name.
 *
 * @param directory the machine's directory
 */
public record MachineFiles(Path directory) {
  /** The longest name of a socket here: the agent's, while a guest migrates here. */
  private static final String LONGEST = "agent.sock.incoming";

  /** {@return the control socket} */
  public Path control() {
    return directory.resolve("qmp.sock");
  }

  /** {@return the socket that viewers of the console connect to} */
  public Path console() {
    return directory.resolve("console.sock");
  }

  /** {@return the socket of the guest agent's channel} */
  public Path agent() {
    return directory.resolve("agent.sock");
  }

  /** {@return the socket of the guest's clipboard} */
  public Path clipboard() {
    return directory.resolve("clip.sock");
  }

  /** {@return what the guest has written to its console} */
  public Path consoleLog() {
    return directory.resolve("console.log");
  }

  /** {@return the standard error of a machine in the background} */
  public Path log() {
    return directory.resolve("log");
  }

  /** What {@code microvm list} shows. */
  Path description() {
    return directory.resolve("machine.json");
  }

  /** The lock of the machine's process. */
  MachineLock lock() {
    return new MachineLock(directory.resolve("lock"));
  }

  /** Checks that the paths of the sockets are short enough for the kernel. */
  void checkLength() throws IOException {
    Path longest = directory.resolve(LONGEST);
    int bytes = longest.toString().getBytes(StandardCharsets.UTF_8).length;
    if (bytes > UnixSocket.MAX_PATH_BYTES) {
      throw new IOException(
          "--name %s: the path of the socket %s has %d bytes, at most %d are possible: choose a shorter name or XDG_RUNTIME_DIR"
              .formatted(directory.getFileName(), longest, bytes, UnixSocket.MAX_PATH_BYTES));
    }
  }
}
