package org.microvm.machine.snapshot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.microvm.devices.state.SectionPolicy;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.linux.GuestRam;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.Topology;

/**
 * The sections of a snapshot about the machine as a whole: what a machine must have to take the
 * guest, and what describes the snapshot.
 *
 * @param memoryBytes the size of guest RAM
 * @param cpus the number of vCPUs
 * @param topology their grouping
 * @param taken when the snapshot was taken, by the host's clock
 * @param options the command-line options of the machine; empty if it has no command line
 * @param identity the snapshot's identity
 * @param ownPages the base and the pages of a diff snapshot; null for a full one
 */
record SnapshotHeader(
    long memoryBytes,
    int cpus,
    Topology topology,
    Instant taken,
    List<String> options,
    Snapshot.Identity identity,
    SnapshotBase ownPages) {
  /** Names of the sections about the machine as a whole. */
  private static final String MACHINE = "machine";

  private static final String TOPOLOGY = "topology";

  /** The options of the command line; the section keeps the name that older files have. */
  private static final String OPTIONS = "words";

  private static final String IDENTITY = "identity";
  private static final int VERSION = 1;

  private static final int MAX_OPTIONS = 4096;

  /** The last millisecond of the year 9999. The time that passed since 1970 has nanoseconds. */
  private static final long MAX_MILLIS = 253_402_300_799_999L;

  private static final int MAX_OPTION_BYTES = 1 << 16;

  /** Writes all sections but that of a diff, which {@link SnapshotBase} writes. */
  static void write(
      MachineConfig config, List<String> options, Snapshot.Identity identity, StateWriter writer) {
    writer
        .section(MACHINE, VERSION, SectionPolicy.REQUIRED)
        .putLong(config.memoryBytes())
        .putShort(config.cpus())
        .putLong(System.currentTimeMillis());
    if (!config.topology().isCoresOnly()) {
      // Required: a version that does not know the section would build other CPUID tables.
      config.topology().write(writer.section(TOPOLOGY, VERSION, SectionPolicy.REQUIRED));
    }
    StateOutput output = writer.section(OPTIONS, VERSION, SectionPolicy.OPTIONAL);
    output.putInt(options.size());
    options.forEach(output::putString);
    writer
        .section(IDENTITY, VERSION, SectionPolicy.OPTIONAL)
        .putLong(identity.id().getMostSignificantBits())
        .putLong(identity.id().getLeastSignificantBits());
  }

  /**
   * Takes the sections from a reader.
   *
   * @param reader is left with the sections of the machine's parts
   * @param state all of the state, which ends with its checksum
   */
  static SnapshotHeader take(StateReader reader, byte[] state) throws StateException {
    StateInput machine = reader.take(MACHINE, VERSION);
    long memoryBytes = machine.getLong(0, GuestRam.MAX_SIZE);
    int cpus = machine.getShort();
    Instant taken = Instant.ofEpochMilli(machine.getLong(0, MAX_MILLIS));
    machine.end();
    return new SnapshotHeader(
        memoryBytes,
        cpus,
        readTopology(reader, cpus),
        taken,
        readOptions(reader),
        readIdentity(reader, state),
        SnapshotBase.read(reader, memoryBytes));
  }

  private static Topology readTopology(StateReader reader, int cpus) throws StateException {
    StateInput input = reader.takeIfPresent(TOPOLOGY, VERSION).orElse(null);
    try {
      Topology topology = input == null ? Topology.ofCores(cpus) : Topology.read(input);
      if (input != null) {
        input.end();
      }
      if (topology.cpus() != cpus) {
        throw new StateException(
            "%s are not the %d vCPUs of the saved guest".formatted(topology, cpus));
      }
      return topology;
    } catch (IllegalArgumentException e) {
      throw new StateException(e.getMessage());
    }
  }

  private static List<String> readOptions(StateReader reader) throws StateException {
    List<String> options = new ArrayList<>();
    StateInput input = reader.takeIfPresent(OPTIONS, VERSION).orElse(null);
    if (input != null) {
      for (int left = input.getInt(0, MAX_OPTIONS); left > 0; left--) {
        options.add(input.getString(MAX_OPTION_BYTES));
      }
      input.end();
    }
    return List.copyOf(options);
  }

  private static Snapshot.Identity readIdentity(StateReader reader, byte[] state)
      throws StateException {
    StateInput input = reader.takeIfPresent(IDENTITY, VERSION).orElse(null);
    UUID id = input == null ? null : new UUID(input.getLong(), input.getLong());
    if (input != null) {
      input.end();
    }
    // The state ends with its checksum.
    int checksum =
        ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN).getInt(state.length - Integer.BYTES);
    return new Snapshot.Identity(id, checksum);
  }
}
