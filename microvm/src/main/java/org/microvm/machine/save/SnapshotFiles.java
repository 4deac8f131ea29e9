package org.microvm.machine.save;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.machine.memory.MemoryFile;
import org.microvm.machine.snapshot.Snapshot;

/**
 * The files of a snapshot that is being written. They have temporary names until {@link #complete},
 * so that an older snapshot in the directory stays intact until then.
 *
 * <p>They are created before the guest is stopped, and the files that they replace are deleted
 * while it runs: freeing a memory file's pages and blocks takes longer than writing the state. Used
 * by one thread.
 */
public final class SnapshotFiles implements AutoCloseable {
  private static final int PART = 1 << 20;
  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rwx------");

  private final Path directory;
  private final boolean newDirectory;
  private final Path newMemory;
  private final Path newState;
  private final Fd memory;
  private final Fd state;
  private Fd replaced;
  private boolean complete;

  private SnapshotFiles(Path directory, boolean newDirectory, String ending) throws IOException {
    this.directory = directory;
    this.newDirectory = newDirectory;
    newMemory = directory.resolve(Snapshot.MEMORY_FILE + ending);
    newState = directory.resolve(Snapshot.STATE_FILE + ending);
    memory = Fd.open(newMemory, Fd.READ_WRITE, Fd.CREATE, Fd.EXCLUSIVE);
    try {
      state = Fd.open(newState, Fd.WRITE_ONLY, Fd.CREATE, Fd.EXCLUSIVE);
    } catch (IOException | RuntimeException | Error e) {
      memory.close();
      Files.deleteIfExists(newMemory);
      throw e;
    }
  }

  /**
   * Creates the directory, if needed, and empty files.
   *
   * @param identity the identity of the new snapshot, which makes the temporary names unique
   * @throws IOException if that fails, the directory has no name, or a file in it that the snapshot
   *     would replace is not a snapshot's
   */
  public static SnapshotFiles create(Path directory, Snapshot.Identity identity)
      throws IOException {
    if (directory.toString().isEmpty()) {
      throw new IOException("the name of the directory is empty");
    }
    checkReplaceable(directory);
    boolean isNew = !Files.isDirectory(directory);
    if (isNew) {
      // Independent of the umask, so that no other user can replace the files.
      Files.createDirectories(directory, PosixFilePermissions.asFileAttribute(PRIVATE));
    }
    try {
      return new SnapshotFiles(directory, isNew, "." + identity.id() + ".new");
    } catch (IOException e) {
      if (isNew) {
        Files.deleteIfExists(directory);
      }
      throw e;
    }
  }

  /** Refuses a directory with files of the same names that another program has written. */
  private static void checkReplaceable(Path directory) throws IOException {
    Path state = directory.resolve(Snapshot.STATE_FILE);
    Path memory = directory.resolve(Snapshot.MEMORY_FILE);
    boolean hasState = Files.exists(state, LinkOption.NOFOLLOW_LINKS);
    if (hasState && !isState(state)) {
      throw new IOException(state + " is not part of a snapshot and would be overwritten");
    }
    if (Files.exists(memory, LinkOption.NOFOLLOW_LINKS)
        && !(hasState && Files.isRegularFile(memory, LinkOption.NOFOLLOW_LINKS))) {
      throw new IOException(
          "%s would be overwritten, and there is no %s to show that it belongs to a snapshot"
              .formatted(memory, state));
    }
  }

  private static boolean isState(Path file) throws IOException {
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    try (InputStream bytes = Files.newInputStream(file)) {
      return StateReader.isState(bytes.readNBytes(StateReader.MAGIC_BYTES));
    }
  }

  Path directory() {
    return directory;
  }

  /** The file for guest RAM. */
  public Fd memory() {
    return memory;
  }

  /** The saved state. */
  @FunctionalInterface
  interface Content {
    void writeTo(StateWriter.Sink sink) throws IOException;
  }

  /** Writes the state and gives both files their final names; the memory must have been written. */
  void complete(Content content) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      StateFile file = new StateFile(arena.allocate(PART));
      content.writeTo(file::put);
      file.flush();
    }
    Path memoryFile = directory.resolve(Snapshot.MEMORY_FILE);
    Path stateFile = directory.resolve(Snapshot.STATE_FILE);
    // Delete the state first: a crash in between then leaves no snapshot instead of a mixture of
    // two.
    Files.deleteIfExists(stateFile);
    replaced = openIfThere(memoryFile);
    // Delete, then rename: renaming over a file makes ext4 allocate its blocks at once
    // (auto_da_alloc).
    Files.deleteIfExists(memoryFile);
    Files.move(newMemory, memoryFile, StandardCopyOption.ATOMIC_MOVE);
    Files.move(newState, stateFile, StandardCopyOption.ATOMIC_MOVE);
    complete = true;
  }

  /** Writes the pieces of a state through memory outside the heap, which the kernel can read. */
  private final class StateFile {
    private final MemorySegment memory;
    private final ByteBuffer part;
    private long written;

    StateFile(MemorySegment memory) {
      this.memory = memory;
      part = memory.asByteBuffer();
    }

    void put(ByteBuffer piece) throws IOException {
      while (piece.hasRemaining()) {
        if (!part.hasRemaining()) {
          flush();
        }
        int length = Math.min(piece.remaining(), part.remaining());
        part.put(piece.slice(piece.position(), length));
        piece.position(piece.position() + length);
      }
    }

    void flush() throws IOException {
      MemoryFile.writeAll(state, memory.asSlice(0, part.position()), written);
      written += part.position();
      part.clear();
    }
  }

  /** Opens a file, so that its content stays until the descriptor is closed; null if that fails. */
  private static Fd openIfThere(Path file) {
    try {
      return Fd.open(file, Fd.READ_ONLY, Fd.NON_BLOCKING);
    } catch (ErrnoException e) {
      return null;
    }
  }

  /** Deletes the files if they are not complete. */
  @Override
  public void close() throws IOException {
    memory.close();
    state.close();
    closeReplaced();
    if (!complete) {
      Files.deleteIfExists(newMemory);
      Files.deleteIfExists(newState);
      if (newDirectory) {
        Files.delete(directory);
      }
    }
  }

  private void closeReplaced() {
    if (replaced == null) {
      return;
    }
    try {
      Thread.ofPlatform().daemon().name("replaced-snapshot").start(replaced::close);
    } catch (OutOfMemoryError noThread) {
      replaced.close();
    }
  }
}
