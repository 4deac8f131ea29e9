package org.microvm.cli;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.microvm.cli.named.MachineFiles;
import org.microvm.cli.named.MachineName;
import org.microvm.cli.named.Machines;
import org.microvm.cli.named.Registration;
import org.microvm.machine.IncomingMigration;
import org.microvm.machine.Machine;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.runtime.VmmRuntime;
import org.microvm.machine.snapshot.Snapshot;

/** A machine in a server, with its control socket and its console. */
final class ServedMachine {
  private final ServedOptions options;
  private final NamedRun named;
  private final MachineFiles files;
  private final MachineConfig config;
  private final Room room;
  private IncomingMigration listening;
  private Machine machine;
  private boolean finished;
  private boolean moving;

  /** The machine's share of the server's limits. */
  interface Room {
    /**
     * Reserves the guest's share of the limits, or throws an exception that names the exceeded one.
     */
    void take(long guestBytes) throws IOException;

    /** Gives the room back. */
    void give(long guestBytes);
  }

  private ServedMachine(
      ServedOptions options, NamedRun named, MachineFiles files, MachineConfig config, Room room) {
    this.options = options;
    this.named = named;
    this.files = files;
    this.config = config;
    this.room = room;
  }

  /** Starts a machine. */
  static ServedMachine start(ServedOptions options, Machines machines, Shared shared)
      throws IOException, MachineException {
    NamedRun named = NamedRun.serve(machines, options.name());
    try {
      ServedMachine served =
          prepare(options, named, named.files(), shared, addsAgent(options.snapshot()));
      served.run();
      return served;
    } catch (IOException | MachineException | RuntimeException | Error e) {
      // An Error, too, such as a lack of threads: the server runs on.
      named.close();
      throw e;
    }
  }

  private static boolean addsAgent(Path snapshot) throws MachineException {
    try (SnapshotReadLock _ = SnapshotReadLock.acquire()) {
      return AgentChannel.isAdded(snapshot);
    }
  }

  /**
   * Prepares to receive a machine of another server. The caller then calls {@link #receive}, and
   * {@link #adopt} when that server gives the name.
   */
  static ServedMachine await(ServedOptions options, MachineFiles files, Shared shared)
      throws IOException, MachineException {
    NamedRun named = NamedRun.incoming(files);
    try {
      ServedMachine served = prepare(options, named, files, shared, false);
      try {
        served.listening =
            IncomingMigration.listen(new MigrationAddress.Unix(move(files)), served.config);
        return served;
      } catch (IOException | MachineException | RuntimeException | Error e) {
        served.room.give(served.config.memoryBytes());
        throw e;
      }
    } catch (IOException | MachineException | RuntimeException | Error e) {
      named.close();
      throw e;
    }
  }

  /** The resources that the machines of a server share. */
  record Shared(VmmRuntime runtime, Room room) {}

  private static ServedMachine prepare(
      ServedOptions options, NamedRun named, MachineFiles files, Shared shared, boolean addsAgent)
      throws IOException {
    options.control().name(files);
    options.control().prepare();
    MachineOptions machine = options.machine();
    machine.name(files, addsAgent);
    MachineConfig config =
        machine.toBuilder(named.files() == null)
            .runtime(shared.runtime())
            .console(named.console(OutputStream.nullOutputStream()))
            .build();
    shared.room().take(config.memoryBytes());
    return new ServedMachine(options, named, files, config, shared.room());
  }

  private void run() throws IOException, MachineException {
    try {
      Path snapshot = options.snapshot();
      machine =
          MachineStart.make(() -> snapshot == null ? Machine.create(config) : restore(snapshot));
      try {
        open();
        machine.start();
      } catch (IOException | RuntimeException | Error e) {
        try (Machine _ = machine) {
          options.control().close();
        }
        throw e;
      }
    } catch (IOException | MachineException | RuntimeException | Error e) {
      room.give(config.memoryBytes());
      throw e;
    }
  }

  private Machine restore(Path directory) throws IOException, MachineException {
    try (SnapshotReadLock lock = SnapshotReadLock.acquire()) {
      Snapshot snapshot = Snapshot.open(directory);
      lock.releaseIfSmall(snapshot);
      return Machine.restore(snapshot, config, ResumeOptions.clock(options.clock()));
    }
  }

  private void open() throws IOException {
    log("");
    options.control().open(machine, options.machine().channels(), null);
    named.serve(machine);
    named.runs(config);
  }

  /** Messages for the user, with line feeds; may be empty. */
  String warning() {
    return RunCommand.warning(config);
  }

  MachineName name() {
    return options.name();
  }

  /** The machine, which runs. */
  Machine machine() {
    return machine;
  }

  /** The socket on which the other server's guest is awaited. */
  Path address() {
    return move(files);
  }

  private static Path move(MachineFiles files) {
    return files.directory().resolve("move.sock");
  }

  /** Waits for the guest of another server; it runs on return. */
  void receive() throws MachineException {
    try (IncomingMigration waiting = listening) {
      machine = waiting.receive(config);
    } catch (MachineException | RuntimeException | Error e) {
      release();
      throw e;
    }
  }

  /** Gives up what {@link #await} has prepared, instead of {@link #receive}. */
  void abandon() {
    listening.close();
    release();
  }

  private void release() {
    try (NamedRun _ = named) {
      room.give(config.memoryBytes());
    }
  }

  /** Ends {@link #receive}, because the guest stays where it is. */
  void callOff() {
    listening.close();
  }

  /** Gives the machine that was received its name and its sockets. */
  void adopt(Registration registration) throws IOException {
    named.adopt(registration);
    open();
  }

  /**
   * Moves the guest to another server on this host.
   *
   * @param other where it waits
   * @param adoption makes that server take the name
   * @throws IOException if the guest could not move; it then continues here
   */
  void handOver(Path other, Registration.Adoption adoption) throws IOException, MachineException {
    setMoving(true);
    try {
      Migration migration =
          machine.migrate(new MigrationAddress.Unix(other), MigrationLimits.DEFAULT);
      if (migration.result().join().status() != MigrationProgress.Status.COMPLETED) {
        throw new IOException(migration.failure());
      }
    } catch (IOException | MachineException | RuntimeException | Error e) {
      setMoving(false);
      if (machine.end().isDone()) {
        finish();
      }
      throw e;
    }
    close(() -> named.handOver(adoption));
  }

  private synchronized void setMoving(boolean on) {
    moving = on;
  }

  /** Whether everything is released. */
  synchronized boolean isFinished() {
    return finished;
  }

  private synchronized boolean isMoving() {
    return moving;
  }

  /** The words of {@code run} for another server that takes the machine over. */
  List<String> words() {
    List<String> words = new ArrayList<>(config.options());
    words.addAll(List.of("--name", name().text()));
    return words;
  }

  /**
   * Ends the machine if it still runs, and releases everything. Does nothing if that was done, or
   * the guest is moving to another server.
   */
  void finish() throws IOException {
    if (isMoving()) {
      return;
    }
    close(
        () -> {
          try (NamedRun _ = named) {
            log(report(machine.end().getNow(new MachineEnd.Stopped())));
          }
        });
  }

  private synchronized void close(Registration.Adoption last) throws IOException {
    if (finished) {
      return;
    }
    finished = true;
    // In the reverse order, and each step even if an earlier one fails, because nothing repeats it.
    try (Closeable _ = last::run;
        Closeable _ = () -> room.give(config.memoryBytes());
        Machine _ = machine) {
      options.control().close();
    }
  }

  private static String report(MachineEnd end) {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    try (PrintStream out = new PrintStream(text, true, StandardCharsets.UTF_8)) {
      ExitStatus.of(end, out);
    }
    return text.toString(StandardCharsets.UTF_8);
  }

  private void log(String text) throws IOException {
    Files.writeString(files.log(), text, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }
}
