package org.microvm.cli.named;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.microvm.linux.AdvisoryLock;
import org.microvm.linux.FailureText;
import org.microvm.linux.Fd;
import org.microvm.linux.PlainText;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The machines of this user that have names. Each has a directory, with a file that its process
 * locks as long as it lives: a free lock means that the process was killed, and the next command
 * that notices it removes the directory. One process at a time creates and removes directories.
 */
public final class Machines {
  private static final Logger LOG = LoggerFactory.getLogger(Machines.class);

  /** A system property that overrides the directory; for tests. */
  private static final String DIRECTORY = "microvm.machines";

  private static final AtomicBoolean WARNED = new AtomicBoolean();

  private static final String TURN = ".lock";
  private static final String ENDED = ".ended";

  /** The states of a stopped process in /proc: by a signal, or by a debugger. */
  private static final String STOPPED = "Tt";

  private final Path root;

  private Machines(Path root) {
    this.root = root;
  }

  /**
   * {@return the machines of this user}
   *
   * @throws IOException if their directory belongs to another user, or others may write to it
   */
  public static Machines ofUser() throws IOException {
    String given = System.getProperty(DIRECTORY);
    return in(
        given == null ? RuntimeDirectory.of(System.getenv(), Machines::warn) : Path.of(given));
  }

  /** Prints a warning once. */
  private static void warn(String text) {
    if (!WARNED.getAndSet(true)) {
      System.err.println("microvm: " + PlainText.of(text, ""));
    }
  }

  /**
   * {@return the machines whose directories are in a given one; for tests}
   *
   * @param directory is created if it is missing
   * @throws IOException if it belongs to another user, or others may write to it
   */
  static Machines in(Path directory) throws IOException {
    RuntimeDirectory.prepare(directory);
    return new Machines(directory);
  }

  /**
   * A machine whose process lives.
   *
   * @param name its name
   * @param files its files
   * @param pid its process
   * @param served whether the process also hosts other machines
   * @param description empty while it starts
   */
  public record Entry(
      MachineName name,
      MachineFiles files,
      long pid,
      boolean served,
      Optional<Description> description) {
    /** {@return whether the machine's process is stopped, by SIGSTOP or by a debugger} */
    public boolean isStopped() {
      try {
        // The name of the program, which is in parentheses, can contain anything.
        String text = Files.readString(Path.of("/proc", Long.toString(pid), "stat"), ISO_8859_1);
        return STOPPED.indexOf(text.charAt(text.lastIndexOf(')') + 2)) >= 0;
      } catch (IOException | IndexOutOfBoundsException ended) {
        return false;
      }
    }

    /**
     * Waits for the end of the machine's process.
     *
     * @throws IOException if the lock cannot be waited for
     */
    public void awaitEnd() throws IOException {
      files.lock().awaitRelease();
    }
  }

  /**
   * Gives a machine of this process its name.
   *
   * @param name the name, which no other machine has
   * @return the registration, which the caller closes
   * @throws IOException if another machine has the name, or its sockets' paths would be too long
   */
  public Registration register(MachineName name) throws IOException {
    return register(name, false);
  }

  /**
   * Gives a machine of this process its name.
   *
   * @param name the name, which no other machine has
   * @param served whether this process also hosts other machines
   * @return the registration, which the caller closes
   * @throws IOException if another machine has the name, or its sockets' paths would be too long
   */
  public Registration register(MachineName name, boolean served) throws IOException {
    MachineFiles files = files(name);
    files.checkLength();
    try (Fd _ = turn()) {
      if (files.lock().isHeld()) {
        throw new IOException(
            "--name %s: a machine of this name runs already: `microvm list` shows all"
                .formatted(name));
      }
      remove(name);
      Files.createDirectory(files.directory());
      Fd lock = files.lock().create();
      try {
        files.lock().write(served);
      } catch (IOException e) {
        // The file system may be full; that exception does not name the file.
        lock.close();
        delete(files.directory());
        throw new IOException(
            "--name %s: %s: %s".formatted(name, files.lock(), FailureText.of(e)), e);
      }
      return new Registration(this, name, files, lock);
    }
  }

  /**
   * Waits until another process gives a name up, and takes it over; see {@link
   * Registration#handOver}.
   *
   * @param name the name of a machine whose guest has moved to this process
   * @return the registration, which the caller closes
   * @throws IOException if the name is gone, because that process has ended and another one has
   *     removed what it left
   */
  public Registration adopt(MachineName name) throws IOException {
    MachineFiles files = files(name);
    Fd lock = files.lock().take();
    try {
      files.lock().write(true);
      return new Registration(this, name, files, lock);
    } catch (IOException | RuntimeException | Error e) {
      lock.close();
      throw e;
    }
  }

  /** {@return the directory that has the machines' directories} */
  public Path directory() {
    return root;
  }

  /** Creates or removes files in the directory of the machines. */
  @FunctionalInterface
  public interface Change {
    /**
     * Makes the change.
     *
     * @throws IOException if that fails
     */
    void make() throws IOException;
  }

  /**
   * Makes a change while no other process creates or removes files in the directory.
   *
   * @param change makes it
   * @throws IOException if the change or the lock of the directory fails
   */
  public void exclusively(Change change) throws IOException {
    try (Fd _ = turn()) {
      change.make();
    }
  }

  /**
   * {@return the machines whose processes live, by name} Removes what killed processes have left.
   *
   * @throws IOException if the directory cannot be read
   */
  public List<Entry> list() throws IOException {
    List<Entry> entries = new ArrayList<>();
    try (Fd _ = turn();
        Stream<Path> directories = Files.list(root)) {
      for (Path directory : directories.sorted().toList()) {
        String text = directory.getFileName().toString();
        if (!MachineName.isOne(text)) {
          continue;
        }
        MachineName name = new MachineName(text);
        MachineFiles files = files(name);
        if (files.lock().isHeld()) {
          MachineLock.Holder holder = files.lock().holder();
          entries.add(new Entry(name, files, holder.pid(), holder.served(), description(files)));
        } else {
          removeIfPossible(name);
        }
      }
    }
    return entries;
  }

  /** Removes what a killed process has left; a later command tries again if that is impossible. */
  private void removeIfPossible(MachineName name) {
    try {
      remove(name);
    } catch (IOException e) {
      LOG.debug("{}: {}", name, FailureText.of(e));
    }
  }

  /**
   * Finds a machine.
   *
   * @param name its name
   * @return the machine, whose process lives
   * @throws IOException if there is none; the message has the name that was probably meant
   */
  public Entry find(MachineName name) throws IOException {
    List<Entry> all = list();
    for (Entry entry : all) {
      if (entry.name().equals(name)) {
        return entry;
      }
    }
    StringBuilder message = new StringBuilder("there is no machine '" + name + "'");
    List<MachineName> names = all.stream().map(Entry::name).toList();
    if (names.isEmpty()) {
      message.append("; none of this user's machines has a name (run --name NAME)");
    } else {
      name.nearest(names)
          .ifPresentOrElse(
              near -> message.append("; did you mean '").append(near).append("'?"),
              () -> message.append("; `microvm list` shows all"));
    }
    Path logs = logs(name);
    if (Files.isDirectory(logs)) {
      message.append("; the logs of an earlier one are in ").append(logs);
    }
    throw new IOException(message.toString());
  }

  /**
   * {@return the directory that has the logs of the last machine of a name after its end}
   *
   * @param name the machine's name
   */
  public Path logs(MachineName name) {
    return root.resolve(ENDED).resolve(name.text());
  }

  /** Ends a registration. */
  void end(Registration registration, Fd lock) throws IOException {
    // The name is free even if the directory cannot be removed; the next command tries again.
    try (lock;
        Fd _ = turn()) {
      remove(registration.name());
    }
  }

  /**
   * Hands a name over to another process, while no third process accesses the directory.
   *
   * @param adoption makes that process call {@link #adopt}
   */
  void handOver(Fd lock, Registration.Adoption adoption) throws IOException {
    try (lock;
        Fd _ = turn()) {
      lock.close();
      adoption.run();
    }
  }

  /**
   * {@return the files of a machine}
   *
   * @param name its name
   */
  public MachineFiles files(MachineName name) {
    return new MachineFiles(root.resolve(name.text()));
  }

  /** Waits until no other process creates or removes directories. */
  private Fd turn() throws IOException {
    Fd turn = Fd.open(root.resolve(TURN), Fd.READ_WRITE, Fd.CREATE);
    AdvisoryLock.lock(turn, AdvisoryLock.Mode.EXCLUSIVE);
    return turn;
  }

  private static Optional<Description> description(MachineFiles files) {
    try {
      return Optional.of(Description.read(files.description()));
    } catch (IOException starting) {
      return Optional.empty();
    }
  }

  /** Removes a machine's directory and keeps its logs, if there are any. */
  private void remove(MachineName name) throws IOException {
    MachineFiles files = files(name);
    if (!Files.isDirectory(files.directory(), LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (Files.exists(files.description())) {
      keep(name, files);
    }
    delete(files.directory());
  }

  private void keep(MachineName name, MachineFiles files) throws IOException {
    Path logs = logs(name);
    delete(logs);
    Files.createDirectories(logs);
    for (Path log :
        List.of(files.consoleLog(), BoundedLog.former(files.consoleLog()), files.log())) {
      if (Files.exists(log)) {
        // A copy where the first version of Landlock, in Linux 5.13, forbids a move between
        // directories.
        Files.move(log, logs.resolve(log.getFileName()));
      }
    }
  }

  /** Deletes a directory that has files only. */
  private static void delete(Path directory) throws IOException {
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        Files.deleteIfExists(file);
      }
    }
    Files.deleteIfExists(directory);
  }
}
