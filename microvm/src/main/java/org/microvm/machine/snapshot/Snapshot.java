package org.microvm.machine.snapshot;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.FailureText;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.memory.MemoryFile;

/**
 * A saved machine: a directory with the file {@code state}, in the format of the package {@link
 * org.microvm.devices.state}, and the file {@code memory}, the guest's RAM in the layout of {@link
 * org.microvm.memory.MemoryRegion#fileOffset}, with holes for zero pages.
 *
 * <p>A diff snapshot has only the pages that were written since another snapshot, its base. The
 * base must stay unchanged, and at the same path relative to the diff.
 *
 * <p>Any number of machines can be restored from a snapshot, also at the same time; they share the
 * pages that they only read. The files must not change while such a machine runs. Immutable.
 *
 * <p>In a restored machine the host ends of channels are new. Each channel of the saved machine
 * must exist under its number and name; if its host program was connected, the guest sees it
 * disconnect. Channels that the saved machine did not have are announced to the guest. The guest's
 * own clocks continue where they stopped, plus at most a tenth of a second ({@link
 * RestoreClock#SAVED}); the CMOS clock has the host's time plus what the guest has set. Guest
 * memory is unchanged. That includes the state of random number generators, until the guest reads
 * new entropy from the virtio-rng device.
 */
public final class Snapshot {
  /** The name of the file with the state. */
  public static final String STATE_FILE = "state";

  /** The name of the file with guest RAM. */
  public static final String MEMORY_FILE = "memory";

  /** Limit of the number of diffs in a chain, so that a cycle ends. */
  private static final int LONGEST_CHAIN = 256;

  private final Path directory;
  private final byte[] state;
  private final SnapshotHeader header;

  /** The base of this snapshot, or null if it is a full one. */
  private Snapshot base;

  /**
   * The identity of a snapshot.
   *
   * @param id a random id, or null in a snapshot of a version that had none
   * @param checksum the checksum of its state
   */
  public record Identity(UUID id, int checksum) {
    /**
     * Creates an identity with a random id. The id comes from the kernel, because loading Java's
     * random number generators takes as long as writing a small guest's memory.
     *
     * @return an identity without a checksum, which is 0 until the state is written
     * @throws IOException if {@code /dev/urandom} cannot be read
     */
    public static Identity random() throws IOException {
      try (Fd source = Fd.open(Path.of("/dev/urandom"), Fd.READ_ONLY);
          Arena arena = Arena.ofConfined()) {
        MemorySegment bits = arena.allocate(2 * Long.BYTES, Long.BYTES);
        long read = ErrnoException.check(source.read(bits), "read", source);
        if (read != bits.byteSize()) {
          throw new IOException("read %s: only %d bytes".formatted(source, read));
        }
        // RFC 9562, section 5.4: version 4 and the variant.
        long high = bits.get(ValueLayout.JAVA_LONG, 0) & ~0xf000L | 0x4000L;
        long low = bits.get(ValueLayout.JAVA_LONG, Long.BYTES) & -1L >>> 2 | 1L << 63;
        return new Identity(new UUID(high, low), 0);
      }
    }
  }

  private Snapshot(Path directory, byte[] state) throws StateException {
    this.directory = directory;
    this.state = state;
    header = SnapshotHeader.take(StateReader.of(state), state);
  }

  /**
   * Opens a snapshot and checks the checksums of its state, and its bases in the same way. Of the
   * memory only the size is checked, so that pages need not be read before the guest touches them.
   *
   * @param directory where the snapshot was written
   * @return the snapshot, with all its bases
   * @throws MachineException if it is not a snapshot, is of another version, truncated or damaged,
   *     or its base is missing or has been replaced
   */
  public static Snapshot open(Path directory) throws MachineException {
    return open(directory, LONGEST_CHAIN, StateReader.MAX_BYTES);
  }

  /**
   * Opens a snapshot and its bases.
   *
   * @param longest the most bases
   * @param most the most bytes that the states of all of them have, since all are in memory
   */
  private static Snapshot open(Path directory, int longest, int most) throws MachineException {
    Snapshot snapshot = openAlone(directory, most);
    if (snapshot.header.ownPages() != null) {
      if (longest == 0) {
        throw new MachineException(
            snapshot + ": more than %d diffs in a chain".formatted(LONGEST_CHAIN));
      }
      Path other = directory.resolve(snapshot.header.ownPages().path()).normalize();
      try {
        snapshot.base = open(other, longest - 1, most - snapshot.state.length);
      } catch (MachineException e) {
        throw new MachineException(
            "the base of %s cannot be used: %s".formatted(snapshot, e.getMessage()), e);
      }
      snapshot.checkBase();
    }
    return snapshot;
  }

  private void checkBase() throws MachineException {
    Identity wanted = new Identity(header.ownPages().id(), header.ownPages().checksum());
    if (!wanted.equals(base.identity()) || base.memoryBytes() != memoryBytes()) {
      throw new MachineException(
          "%s needs its base, but %s now has another snapshot".formatted(this, base.directory));
    }
  }

  private static Snapshot openAlone(Path directory, int most) throws MachineException {
    if (Files.exists(directory) && !Files.isDirectory(directory)) {
      throw new MachineException("snapshot %s: is not a directory".formatted(directory));
    }
    try {
      Snapshot snapshot = new Snapshot(directory, readState(directory.resolve(STATE_FILE), most));
      long memory = Files.size(directory.resolve(MEMORY_FILE));
      if (memory != snapshot.memoryBytes()) {
        throw new StateException(
            "the memory file has %d bytes, expected are %d"
                .formatted(memory, snapshot.memoryBytes()));
      }
      return snapshot;
    } catch (NoSuchFileException e) {
      throw new MachineException("snapshot %s: %s is missing".formatted(directory, e.getFile()), e);
    } catch (IOException e) {
      throw new MachineException("snapshot %s: %s".formatted(directory, FailureText.of(e)), e);
    }
  }

  /** Reads a file whose size is not trusted and may change meanwhile. */
  private static byte[] readState(Path file, int most) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
    if (!attributes.isRegularFile()) {
      throw new StateException("the state is not a regular file");
    }
    if (attributes.size() > most) {
      throw new StateException(
          most == StateReader.MAX_BYTES
              ? "the state has %d bytes, more than %d".formatted(attributes.size(), most)
              : "the states of the chain have more than %d bytes".formatted(StateReader.MAX_BYTES));
    }
    byte[] state = new byte[(int) attributes.size()];
    try (InputStream input = Files.newInputStream(file)) {
      if (input.readNBytes(state, 0, state.length) < state.length || input.read() >= 0) {
        throw new StateException("the state file changed while it was being read");
      }
    }
    return state;
  }

  /**
   * Writes the sections about the machine as a whole.
   *
   * @param config its memory size and number of vCPUs are saved, and the present time
   * @param options the command-line options that the snapshot keeps; empty if there is no command
   *     line
   * @param identity its id is saved; the checksum is not, since the state ends with it
   * @param writer receives three sections
   */
  public static void describe(
      MachineConfig config, List<String> options, Identity identity, StateWriter writer) {
    SnapshotHeader.write(config, options, identity, writer);
  }

  /** {@return the identity of this snapshot} */
  public Identity identity() {
    return header.identity();
  }

  /** {@return the directory of this snapshot's base; empty if it is a full one} */
  public Optional<Path> base() {
    return Optional.ofNullable(base).map(other -> other.directory);
  }

  /** {@return the bytes of heap that the state and those of its bases take} */
  public long stateBytes() {
    return state.length + (base == null ? 0 : base.stateBytes());
  }

  /** {@return the files of this snapshot, and of those that it needs as its base} */
  public List<Path> files() {
    List<Path> files = new ArrayList<>();
    for (Snapshot part = this; part != null; part = part.base) {
      files.add(part.directory.resolve(STATE_FILE));
      files.add(part.directory.resolve(MEMORY_FILE));
    }
    return files;
  }

  /** {@return the size of guest RAM in bytes} */
  public long memoryBytes() {
    return header.memoryBytes();
  }

  /** {@return the number of vCPUs} */
  public int cpus() {
    return header.cpus();
  }

  /** {@return when the snapshot was taken, by the host's clock} */
  public Instant taken() {
    return header.taken();
  }

  /**
   * {@return the command-line options of the saved machine; empty if it was not created from a
   * command line}
   */
  public List<String> options() {
    return header.options();
  }

  @Override
  public String toString() {
    return "snapshot " + directory;
  }

  /**
   * Reads the state to restore: all sections but those about the machine as a whole.
   *
   * @param config what the state is restored into
   * @return a new reader at the start of the state
   * @throws MachineException if the configuration has another memory size, or another number or
   *     grouping of vCPUs
   */
  public StateReader state(MachineConfig config) throws MachineException {
    if (config.memoryBytes() != memoryBytes() || config.cpus() != cpus()) {
      throw new MachineException(
          "%s has %d vCPUs and %d bytes of memory, this machine %d and %d"
              .formatted(this, cpus(), memoryBytes(), config.cpus(), config.memoryBytes()));
    }
    if (!config.topology().equals(header.topology())) {
      throw new MachineException(
          "%s has vCPUs that are grouped as %s, this machine's are grouped as %s"
              .formatted(this, header.topology(), config.topology()));
    }
    try {
      StateReader reader = StateReader.of(state);
      SnapshotHeader.take(reader, state);
      return reader;
    } catch (StateException e) {
      throw new MachineException(this + ": " + e.getMessage(), e);
    }
  }

  /**
   * Maps the memory for one machine: the full snapshot at the start of the chain, into which the
   * pages of each diff are read.
   *
   * @return private memory, which the caller closes; what is written to it does not reach the files
   * @throws ErrnoException if a file cannot be opened, mapped or read
   */
  public GuestRam mapMemory() throws ErrnoException {
    if (header.ownPages() == null) {
      return mapFile();
    }
    GuestRam ram = base.mapMemory();
    try (Fd file = Fd.open(directory.resolve(MEMORY_FILE), Fd.READ_ONLY)) {
      for (SnapshotBase.Run run : header.ownPages().runs()) {
        MemoryFile.read(ram, file, run.offset(), run.length());
      }
      return ram;
    } catch (ErrnoException | RuntimeException | Error e) {
      ram.close();
      throw e;
    }
  }

  private GuestRam mapFile() throws ErrnoException {
    return GuestRam.copyOnWrite(
        Fd.open(directory.resolve(MEMORY_FILE), Fd.READ_ONLY), memoryBytes());
  }
}
