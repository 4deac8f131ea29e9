package org.microvm.cli;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.microvm.cli.named.HostProgram;
import org.microvm.cli.named.MachineName;
import org.microvm.cli.named.Machines;
import org.microvm.fencing.FenceMachine;
import org.microvm.qmp.QmpClient;

/**
 * A machine with a name that guests may fence. It is on as long as its process lives: a stopped
 * process may continue at any time.
 */
final class FencedMachine implements FenceMachine {
  /** The time limit for the program that starts the machine; fence_virt waits for 30 s. */
  private static final Duration START = Duration.ofSeconds(25);

  private final Machines machines;
  private final MachineName name;
  private final Path starter;

  /**
   * Makes a machine.
   *
   * @param starter the program that starts the machine; null if guests cannot start it
   */
  FencedMachine(Machines machines, MachineName name, Path starter) {
    this.machines = machines;
    this.name = name;
    this.starter = starter;
  }

  private Optional<Machines.Entry> running() throws IOException {
    return machines.list().stream().filter(entry -> entry.name().equals(name)).findFirst();
  }

  @Override
  public boolean isOn() throws IOException {
    return running().isPresent();
  }

  @Override
  public void off() throws IOException {
    Optional<Machines.Entry> machine = running();
    if (machine.isPresent()) {
      new PowerCut(machine.get()).cut();
    }
  }

  @Override
  public void on() throws IOException {
    if (isOn()) {
      return;
    }
    if (starter == null) {
      throw new IOException("no program starts it: --start " + name + "=PROGRAM names one");
    }
    Process process =
        HostProgram.start(
            new ProcessBuilder(starter.toString())
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                .redirectError(ProcessBuilder.Redirect.INHERIT));
    await(process);
    if (!isOn()) {
      throw new IOException(starter + " did not start a machine with the name " + name);
    }
  }

  private void await(Process process) throws IOException {
    try {
      if (!process.waitFor(START.toSeconds(), TimeUnit.SECONDS)) {
        process.destroy();
        throw new IOException(starter + " did not end within " + START.toSeconds() + " s");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
    if (process.exitValue() != 0) {
      throw new IOException(starter + " ended with status " + process.exitValue());
    }
  }

  /**
   * A reset makes a new virtual machine, once the vCPUs of the old one have ended. A machine that
   * does not answer is powered off, which fences it as well, and started if that is possible.
   */
  @Override
  public void reboot() throws IOException {
    Optional<Machines.Entry> machine = running();
    if (machine.isEmpty()) {
      return;
    }
    try (QmpClient client = QmpClient.connect(machine.get().files().control(), PowerCut.ANSWER)) {
      client.execute("system_reset");
      client.awaitEvent("RESET");
    } catch (IOException noAnswer) {
      new PowerCut(machine.get()).cut();
      if (starter != null) {
        // The machine is fenced. Its start may take longer than the client waits.
        Thread.ofVirtual().name("start-" + name).start(this::startAgain);
      }
    }
  }

  private void startAgain() {
    try {
      on();
    } catch (IOException e) {
      System.err.println("fence: " + name + ": " + e.getMessage());
    }
  }
}
