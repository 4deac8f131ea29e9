package org.microvm.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A process {@code bin/microvm run}, with its control socket and the sockets of its channels in a
 * directory.
 */
final class MicrovmProcess implements AutoCloseable {
  private static final long END_SECONDS = 20;

  private final Path directory;
  private final String name;
  private final Process process;

  private MicrovmProcess(Path directory, String name, Process process) {
    this.directory = directory;
    this.name = name;
    this.process = process;
  }

  /** Returns the project's directory. */
  static Path home() {
    return Path.of(System.getProperty("microvm.home", ".")).toAbsolutePath();
  }

  /** Starts a process and waits until its sockets exist. */
  static MicrovmProcess start(Path directory, String name, String... channels) throws IOException {
    List<String> command = new ArrayList<>();
    command.addAll(List.of(home().resolve("bin/microvm").toString(), "run", "--no-console"));
    for (String channel : channels) {
      Path socket = directory.resolve(name + "." + channel);
      command.addAll(
          List.of(
              "--chardev",
              "socket,id=" + channel + ",path=" + socket + ",server=on,wait=off",
              "--device",
              "virtserialport,chardev=" + channel + ",name=" + channel));
    }
    command.addAll(
        List.of("--qmp", "unix:" + directory.resolve(name + ".qmp") + ",server=on,wait=off"));
    Path log = directory.resolve(name + ".log");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    MicrovmProcess started = new MicrovmProcess(directory, name, process);
    // The control socket is created last.
    while (!Files.exists(started.control())) {
      if (!process.isAlive()) {
        throw new IOException("microvm run ended at once: " + Files.readString(log));
      }
      Thread.onSpinWait();
    }
    return started;
  }

  /** Returns the socket of a channel. */
  Path channel(String channel) {
    return directory.resolve(name + "." + channel);
  }

  /** Returns the control socket. */
  Path control() {
    return directory.resolve(name + ".qmp");
  }

  /** Returns the process. */
  Process process() {
    return process;
  }

  /** Ends the process by SIGTERM, and by SIGKILL if it does not end in time. */
  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
      Files.deleteIfExists(directory.resolve(name + ".log"));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      System.err.println(e.getMessage());
    }
  }
}
