package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.microvm.devices.virtio.blk.BlkStatistics;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.virtioserial.SerialDevice;

/** What the control socket controls: a machine, or a substitute for one in tests. */
public interface QmpTarget {
  /** The state of the guest; the names are those of QMP. */
  enum RunState {
    /** The guest is not started yet, or waits for host programs before it starts. */
    PRELAUNCH,
    /** The guest runs. */
    RUNNING,
    /** The guest was paused and can be resumed. */
    PAUSED,
    /** The guest was paused because a request of a disk has failed on the host. */
    IO_ERROR,
    /** The guest was paused because its kernel has panicked. */
    GUEST_PANICKED,
    /** The guest is awaited from another process. */
    INMIGRATE,
    /** The guest has migrated to another process. */
    POSTMIGRATE,
    /** The guest has ended. */
    SHUTDOWN
  }

  /** {@return the name of the machine; empty if it was given none} */
  Optional<String> name();

  /** {@return the UUID that the machine was given; a UUID of zeros if it was given none} */
  default UUID uuid() {
    return new UUID(0, 0);
  }

  /** {@return the identifier of the guest's generation; empty without ACPI} */
  default Optional<UUID> generation() {
    return Optional.empty();
  }

  /** {@return the state of the guest} */
  RunState state();

  /**
   * Pauses the guest until {@link #resume}; returns once no vCPU runs.
   *
   * @throws IOException if it cannot be paused
   */
  void pause() throws IOException;

  /**
   * Resumes the guest.
   *
   * @throws IOException if it cannot be resumed
   */
  void resume() throws IOException;

  /**
   * Saves the machine to a directory; afterwards it is in the same state as before.
   *
   * @param directory created if it does not exist
   * @param options see {@code Machine.snapshot}
   * @throws IOException if it cannot be saved now or there
   */
  void snapshot(Path directory, UnaryOperator<List<String>> options) throws IOException;

  /**
   * Saves only what has changed since another snapshot; otherwise like {@link #snapshot}.
   *
   * @param directory created if it does not exist; not {@code base}
   * @param base the directory of the last snapshot
   * @param options as for {@link #snapshot}
   * @throws IOException if it cannot be saved now or there, or {@code base} is not the last
   *     snapshot
   */
  void snapshotDiff(Path directory, Path base, UnaryOperator<List<String>> options)
      throws IOException;

  /**
   * Saves the machine, all of it or what has changed, and ends the guest, which does not run in
   * between; it continues if it cannot be saved.
   *
   * @param directory created if it does not exist; not {@code base}
   * @param base the directory of the last snapshot, or null to save all of the machine
   * @param options as for {@link #snapshot}
   * @param onSaved called when the snapshot is complete, before the guest ends
   * @throws IOException as {@link #snapshot} and {@link #snapshotDiff} do
   */
  void snapshotAndQuit(
      Path directory, Path base, UnaryOperator<List<String>> options, Runnable onSaved)
      throws IOException;

  /**
   * Writes the guest's memory as an ELF core file; afterwards the guest is in the same state as
   * before.
   *
   * @param file an empty file; not closed
   * @throws IOException if the memory cannot be dumped now or there
   */
  void dumpMemory(Fd file) throws IOException;

  /**
   * Starts a migration of the guest to another process.
   *
   * @param destination the address at which that process waits
   * @param limits when the guest is stopped, and when the migration fails
   * @param memory whether the guest's memory is copied or handed over
   * @throws IOException if it cannot start
   */
  void migrate(MigrationAddress destination, MigrationLimits limits, MigrationMemory memory)
      throws IOException;

  /**
   * Chooses the address at which a machine that was started for an incoming migration waits.
   *
   * @param address where the other process connects to
   * @throws IOException if the machine does not wait for an address, or cannot listen there
   */
  default void migrateIncoming(MigrationAddress address) throws IOException {
    throw new IOException("'-incoming' was not specified on the command line");
  }

  /** {@return the descriptions of the chardevs that belong to no channel, by their ids} */
  default Map<String, String> serialLines() {
    return Map.of();
  }

  /**
   * {@return whether clients expect QEMU's behaviour where this program differs: migrations over
   * TCP need no TLS unless a client asks for it, and the power button of a guest without ACPI does
   * nothing}
   */
  default boolean isAsQemu() {
    return false;
  }

  /** {@return the current migration, or the last one; empty if none was started} */
  Optional<Migration> migration();

  /** Resets the guest, like a reset button. */
  void reset();

  /**
   * Presses the power button.
   *
   * @return false if the guest has no power button
   * @throws IOException if the guest is being handed over to another process
   */
  boolean pressPowerButton() throws IOException;

  /** Ends the guest at once, without a guest shutdown. */
  void quit();

  /** {@return what can be done with the guest while it runs} */
  GuestAccess access();

  /** {@return the device with the channels} */
  SerialDevice channels();

  /** {@return the event loop of the channels' host ends} */
  EventLoop eventLoop();

  /** {@return the parts of the machine} */
  MachineFacts facts();

  /**
   * {@return the statistics of each disk, in the order of the disks; empty if there is no guest
   * yet}
   */
  default List<BlkStatistics> diskStatistics() {
    return List.of();
  }

  /**
   * {@return the operating system's thread id of each vCPU; that of the process for a vCPU that has
   * not run yet}
   */
  List<Integer> vcpuThreads();

  /** {@return the statistics of the machine so far} */
  JsonNode statistics();
}
