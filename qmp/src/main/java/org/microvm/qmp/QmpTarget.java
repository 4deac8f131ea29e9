package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.microvm.linux.EventLoop;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.virtioserial.SerialDevice;

/** What the control socket controls: a machine, or in tests something that stands for one. */
public interface QmpTarget {
  /** How far the guest's life has come; the names are QMP's. */
  enum RunState {
    /** It is not started yet. */
    PRELAUNCH,
    /** It runs. */
    RUNNING,
    /** It was stopped and can go on. */
    PAUSED,
    /** It has ended. */
    SHUTDOWN
  }

  /** The name its owner gave it. */
  Optional<String> name();

  /** How far it is. */
  RunState state();

  /**
   * Stops the guest until {@link #resume}; returns when no vCPU runs any more.
   *
   * @throws IOException if it cannot be stopped
   */
  void pause() throws IOException;

  /**
   * Lets the guest go on.
   *
   * @throws IOException if it cannot go on
   */
  void resume() throws IOException;

  /**
   * Saves the machine to a directory; it goes on afterwards as it was.
   *
   * @param words as {@code Machine.snapshot} takes it
   * @throws IOException if it cannot be saved now or there
   */
  void snapshot(Path directory, UnaryOperator<List<String>> words) throws IOException;

  /**
   * The same, with no more than what has changed since another snapshot.
   *
   * @throws IOException if it cannot be saved now or there, or that snapshot is not the last one
   */
  void snapshotDiff(Path directory, Path base, UnaryOperator<List<String>> words)
      throws IOException;

  /**
   * Begins to move the guest to another process.
   *
   * @param destination where that process waits
   * @param memory how the guest's memory gets there
   * @throws IOException if it cannot begin
   */
  void migrate(MigrationAddress destination, MigrationLimits limits, MigrationMemory memory)
      throws IOException;

  /** The migration that goes on, or the last one. */
  Optional<Migration> migration();

  /** Resets the guest as if the button were pressed. */
  void reset();

  /** Ends the guest as if the power were cut. */
  void quit();

  /** The device with the channels. */
  SerialDevice channels();

  /** The loop on which host ends of channels live. */
  EventLoop eventLoop();

  /** What the machine has done so far, as JSON. */
  JsonNode statistics();
}
