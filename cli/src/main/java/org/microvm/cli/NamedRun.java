package org.microvm.cli;

import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Instant;
import org.microvm.cli.named.Background;
import org.microvm.cli.named.ConsoleHub;
import org.microvm.cli.named.ConsoleServer;
import org.microvm.cli.named.Description;
import org.microvm.cli.named.MachineFiles;
import org.microvm.cli.named.MachineName;
import org.microvm.cli.named.Machines;
import org.microvm.cli.named.Registration;
import org.microvm.linux.FailureText;
import org.microvm.machine.Machine;
import org.microvm.machine.config.MachineConfig;

/** The resources of a machine with a name; none if it has no name. */
final class NamedRun implements AutoCloseable {
  private final boolean served;
  private Registration registration;
  private ConsoleHub hub;
  private ConsoleServer server;
  private boolean running;

  private NamedRun(Registration registration, boolean served) {
    this.registration = registration;
    this.served = served;
  }

  /**
   * Registers the name.
   *
   * @param name the value of {@code --name}, or null
   * @throws UsageException if it is not acceptable
   * @throws IOException if another machine has it
   */
  static NamedRun begin(String name) throws IOException {
    Background.begin();
    return new NamedRun(
        name == null ? null : Machines.ofUser().register(name("--name", name)), false);
  }

  /**
   * Registers the name of a machine in a process that hosts others as well.
   *
   * @throws IOException if another machine has it
   */
  static NamedRun serve(Machines machines, MachineName name) throws IOException {
    return new NamedRun(machines.register(name, true), true);
  }

  /** Prepares to take over a machine of another process, whose console continues here. */
  static NamedRun incoming(MachineFiles files) throws IOException {
    NamedRun run = new NamedRun(null, true);
    run.hub = ConsoleHub.continued(files);
    return run;
  }

  /** Takes the name over, after {@link #incoming}. */
  void adopt(Registration adopted) {
    registration = adopted;
  }

  /**
   * Disconnects the viewers, and lets another process have the name and the files.
   *
   * @param adoption makes that process take them
   */
  synchronized void handOver(Registration.Adoption adoption) throws IOException {
    Registration given = registration;
    ConsoleServer closing = server;
    registration = null;
    server = null;
    hub = null;
    try (Closeable _ = () -> given.handOver(adoption)) {
      closing.close();
    }
  }

  /** Reads a name; the message of an error begins with where it was given. */
  static MachineName name(String where, String text) {
    try {
      return new MachineName(text);
    } catch (IllegalArgumentException e) {
      throw new UsageException(where + ": " + e.getMessage());
    }
  }

  /** The files of the machine; null if it has no name. */
  MachineFiles files() {
    return registration == null ? null : registration.files();
  }

  /** Returns where the console goes, so that viewers see it. */
  OutputStream console(OutputStream stream) throws IOException {
    if (hub != null) {
      return hub;
    }
    if (registration == null) {
      return stream;
    }
    hub = new ConsoleHub(files(), stream);
    return hub;
  }

  /**
   * Sets whether the console's stream is a terminal.
   *
   * @return what is called when its user types
   */
  Runnable typing(boolean terminal) {
    if (hub == null || !terminal) {
      return () -> {};
    }
    hub.streamIsTerminal();
    return hub::typed;
  }

  private void describe(MachineConfig config) throws IOException {
    Path kernel = config.kernel().toAbsolutePath();
    registration.describe(
        new Description(
            ProcessHandle.current().pid(),
            Instant.now(),
            config.memoryBytes(),
            config.cpus(),
            kernel.toString(),
            served || Background.isThisProcess()));
  }

  /** Starts to serve the viewers of the machine's console. */
  void serve(Machine machine) throws IOException {
    if (registration != null) {
      ConsoleServer.Host host = served ? ConsoleServer.Host.SHARED : ConsoleServer.Host.ALONE;
      server = ConsoleServer.listen(files().console(), hub, machine::type, host);
    }
  }

  /**
   * Describes the machine for {@code microvm list}, and notifies the process that started this one
   * in the background that it runs. A second call does nothing.
   */
  void runs(MachineConfig config) throws IOException {
    if (registration != null && !running) {
      running = true;
      describe(config);
      if (!served) {
        Background.runs(files().log());
      }
    }
  }

  /** Disconnects the viewers and removes the files; a second call does nothing. */
  @Override
  public synchronized void close() {
    // The name is free even if the viewers' socket cannot be removed.
    try (Registration _ = registration) {
      if (server != null) {
        server.close();
      } else if (hub != null) {
        hub.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(FailureText.of(e), e);
    }
  }
}
