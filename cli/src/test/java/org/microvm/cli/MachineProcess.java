package org.microvm.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.microvm.qmp.QmpClient;
import org.microvm.testing.ChildJvm;

/** A process with {@code microvm run} of the echo guest, and a control socket. */
final class MachineProcess implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private final Process process;
  private final Path control;

  private MachineProcess(Process process, Path control) {
    this.process = process;
    this.control = control;
  }

  /**
   * @param directory of the sockets: NAME.qmp, and one for the channel, which all processes share
   * @param more further options
   */
  static MachineProcess start(Path directory, String name, String... more) throws IOException {
    return startCommand("run", directory, name, more);
  }

  /**
   * @param verb a command that has the options of {@code run}
   */
  static MachineProcess startCommand(String verb, Path directory, String name, String... more)
      throws IOException {
    Path home = Path.of(System.getProperty("microvm.home", ".."));
    Path control = directory.resolve(name + ".qmp");
    List<String> options = List.of("-Dmicrovm.exit=direct");
    List<String> command = ChildJvm.command(options, Main.class, verb, "-m", "16M", "--kernel");
    command.add(home.resolve("test-images/target/bare-metal/serial-echo").toString());
    command.addAll(List.of("--append", "mode=echo wait=halt", "--chardev"));
    command.add("socket,id=a,path=" + channel(directory) + ",server=on,wait=off");
    command.addAll(List.of("--device", "virtserialport,chardev=a,name=test", "--qmp"));
    command.add("unix:" + control + ",server=on,wait=off");
    command.addAll(List.of(more));
    Process process =
        new ProcessBuilder(command)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectErrorStream(true)
            .start();
    return new MachineProcess(process, control);
  }

  /** Starts a process with {@code --incoming}; returns once it listens. */
  static MachineProcess awaitGuest(Path directory, String name) throws IOException {
    Path incoming = directory.resolve(name + ".incoming");
    MachineProcess machine = start(directory, name, "--incoming", "unix:" + incoming);
    machine.await(incoming);
    return machine;
  }

  static Path channel(Path directory) {
    return directory.resolve("channel");
  }

  Process process() {
    return process;
  }

  Path control() {
    return control;
  }

  QmpClient qmp() throws IOException {
    await(control);
    return QmpClient.connect(control, LIMIT);
  }

  /** Waits until the process listens at a path. */
  void await(Path socket) throws IOException {
    while (!Listening.at(socket)) {
      if (!process.isAlive()) {
        throw new IOException("the process ended: " + output());
      }
      Thread.onSpinWait();
    }
  }

  /** Everything that the process printed; waits for its end. */
  String output() throws IOException {
    StringBuilder text = new StringBuilder();
    BufferedReader reader = process.inputReader();
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      text.append(line).append('\n');
    }
    return text.toString();
  }

  /** The exit status of the process; waits for its end. */
  int status() throws InterruptedException {
    if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
      throw new AssertionError("the process does not end");
    }
    return process.exitValue();
  }

  /** Kills the process by SIGKILL. */
  void kill() {
    process.destroyForcibly();
  }

  @Override
  public void close() {
    kill();
  }
}
