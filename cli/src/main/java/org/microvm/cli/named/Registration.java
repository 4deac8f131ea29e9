package org.microvm.cli.named;

import java.io.IOException;
import org.microvm.linux.FailureText;
import org.microvm.linux.Fd;

/** The name of a machine of this process: its directory and the lock on it. */
public final class Registration implements AutoCloseable {
  private final Machines machines;
  private final MachineName name;
  private final MachineFiles files;
  private final Fd lock;
  private boolean closed;

  /** Makes another process take the name over. */
  @FunctionalInterface
  public interface Adoption {
    /**
     * Returns once that process has called {@link Machines#adopt}.
     *
     * @throws IOException if it does not
     */
    void run() throws IOException;
  }

  Registration(Machines machines, MachineName name, MachineFiles files, Fd lock) {
    this.machines = machines;
    this.name = name;
    this.files = files;
    this.lock = lock;
  }

  /** {@return the machine's name} */
  public MachineName name() {
    return name;
  }

  /** {@return the machine's files} */
  public MachineFiles files() {
    return files;
  }

  /**
   * Stores what {@code microvm list} shows. From now on the logs are kept after the machine's end.
   *
   * @param description of the machine
   * @throws IOException if it cannot be written
   */
  public void describe(Description description) throws IOException {
    try {
      description.write(files.description());
    } catch (IOException e) {
      throw new IOException(
          "--name %s: %s: %s".formatted(name, files.description(), FailureText.of(e)), e);
    }
  }

  /**
   * Gives the name and its directory to the process that the guest has moved to.
   *
   * @param adoption makes that process take it
   * @throws IOException if it does not; the next command then removes the directory
   */
  public synchronized void handOver(Adoption adoption) throws IOException {
    if (!closed) {
      closed = true;
      machines.handOver(lock, adoption);
    }
  }

  /**
   * Removes the directory, and keeps the logs of a machine that ran. A second call does nothing.
   *
   * @throws IOException if something cannot be removed
   */
  @Override
  public synchronized void close() throws IOException {
    if (!closed) {
      closed = true;
      machines.end(this, lock);
    }
  }
}
