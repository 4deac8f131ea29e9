package org.microvm.agent;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * Reads and writes files in the guest. Paths are strings, because they follow the guest's rules.
 */
public final class GuestFiles {
  /** The most bytes that {@link #read(String)} accepts: 64 MiB. */
  public static final int MAX_READ = 64 << 20;

  /**
   * The most bytes that {@code copyOut} accepts without another limit: 16 GiB. A file of a hostile
   * guest may have no end.
   */
  public static final long MAX_COPIED = 16L << 30;

  private final GuestAgent agent;

  GuestFiles(GuestAgent agent) {
    this.agent = agent;
  }

  /**
   * Opens a file.
   *
   * @param path in the guest
   * @param mode whether to read or write, and what happens to an existing file
   * @return the file, which the caller closes
   * @throws AgentException if the file cannot be opened, or the agent does not answer
   */
  public GuestFile open(String path, OpenMode mode) throws IOException {
    long handle =
        agent
            .ask(
                "guest-file-open",
                AgentClient.arguments().put("path", path).put("mode", mode.word()))
            .asNumber();
    return new GuestFile(agent, path, handle);
  }

  /**
   * Creates an empty file, unless there is a file. Without this, qemu-ga gives a new file a mode by
   * which all users of the guest may write it (0666).
   *
   * @param path in the guest
   * @param permissions of the new file; an existing one keeps its own
   * @return false if there is no file and none could be created, for instance because the agent may
   *     not run programs in the guest
   * @throws AgentException if the agent does not answer
   */
  public boolean create(String path, Set<PosixFilePermission> permissions) throws IOException {
    return new GuestModes(agent).create(path, permissions);
  }

  /**
   * Copies a file of the host into the guest; an existing file there is overwritten. A new file
   * gets the agent's owner, and the permissions of {@code source} except that only the owner may
   * write it; if the agent cannot run programs in the guest, the mode is the agent's (0666).
   *
   * @param source file of the host
   * @param target path in the guest, with the name of the file
   * @throws IOException if {@code source} cannot be read, or {@code target} not written
   */
  public void copyIn(Path source, String target) throws IOException {
    try (InputStream input = Files.newInputStream(source)) {
      create(target, permissionsInTheGuest(source));
      copyIn(input, target);
    }
  }

  /**
   * Returns the permissions that a new file in the guest gets if it is copied from a file of the
   * host.
   *
   * @param source file of the host
   * @return its permissions, except that only the owner may write, as with a umask of 022
   * @throws IOException if they cannot be read
   */
  public static Set<PosixFilePermission> permissionsInTheGuest(Path source) throws IOException {
    Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(source);
    permissions.remove(PosixFilePermission.GROUP_WRITE);
    permissions.remove(PosixFilePermission.OTHERS_WRITE);
    return permissions;
  }

  /**
   * Writes the rest of the stream to a file in the guest; an existing file is overwritten. A new
   * file gets the agent's mode; see {@link #create}.
   *
   * @param source read to its end, and not closed
   * @param target path in the guest
   * @throws IOException if {@code source} cannot be read, or {@code target} not written
   */
  public void copyIn(InputStream source, String target) throws IOException {
    try (GuestFile file = open(target, OpenMode.WRITE)) {
      byte[] chunk = new byte[PieceSize.MAX];
      // The available bytes, not a whole chunk, because the source may be a pipe whose writer is
      // slow.
      for (int count = source.read(chunk); count >= 0; count = source.read(chunk)) {
        file.writePieces(chunk, count);
      }
    }
  }

  /**
   * Copies a file of the guest to the host. It appears there, or replaces an existing file, once it
   * is complete. Up to {@link #MAX_COPIED} bytes are accepted.
   *
   * <p>A new file gets the permissions that the file has in the guest, less the umask of this
   * process; those of any new file if the agent cannot run programs. An existing file keeps its
   * permissions. What is not a regular file, such as a device or a FIFO, is not replaced but
   * written to.
   *
   * @param source path in the guest
   * @param target file of the host, whose directory must exist
   * @throws IOException if {@code source} cannot be read or is larger, or {@code target} not
   *     written
   */
  public void copyOut(String source, Path target) throws IOException {
    copyOut(source, target, output -> output);
  }

  /**
   * Copies a file of the guest to the host, as {@link #copyOut(String, Path)} does.
   *
   * @param source path in the guest
   * @param target file of the host, whose directory must exist
   * @param through returns the stream that gets the content, which writes to the given one; it may
   *     count the bytes, for example
   * @throws IOException if {@code source} cannot be read or is larger, or {@code target} not
   *     written
   */
  public void copyOut(String source, Path target, UnaryOperator<OutputStream> through)
      throws IOException {
    try (GuestFile file = open(source, OpenMode.READ)) {
      if (Files.exists(target) && !Files.isRegularFile(target)) {
        try (OutputStream output = HostFile.existing(target)) {
          copy(file, source, through.apply(output), MAX_COPIED);
        }
        return;
      }
      // A symbolic link stays, and the file that it points to is replaced.
      Path real = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath();
      Path partial = HostFile.beside(real);
      try {
        try (OutputStream output = HostFile.named(target, () -> create(partial, real, source))) {
          copy(file, source, through.apply(output), MAX_COPIED);
        }
        HostFile.move(partial, real, target);
      } finally {
        // Not Files.deleteIfExists, whose exception would take the place of the first one.
        partial.toFile().delete();
      }
    }
  }

  /** Creates a file of the host that is to replace another one, or to be a new one. */
  private OutputStream create(Path file, Path target, String source) throws IOException {
    boolean replaces = Files.exists(target);
    Set<PosixFilePermission> permissions =
        replaces
            ? Files.getPosixFilePermissions(target)
            : new GuestModes(agent).of(source).orElse(PosixFilePermissions.fromString("rw-rw-rw-"));
    // The kernel takes the umask's bits off.
    OutputStream output =
        Channels.newOutputStream(
            Files.newByteChannel(
                file,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(permissions)));
    if (replaces) {
      Files.setPosixFilePermissions(file, permissions);
    }
    return output;
  }

  /**
   * Reads a file of the guest into memory, up to {@link #MAX_READ} bytes.
   *
   * @param path in the guest
   * @return its whole content
   * @throws AgentException if it cannot be read or is larger, or the agent does not answer
   */
  public byte[] read(String path) throws IOException {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    copyOut(path, content, MAX_READ);
    return content.toByteArray();
  }

  /**
   * Writes a file in the guest; an existing file is overwritten. A new file gets the agent's mode;
   * see {@link #create}.
   *
   * @param path in the guest
   * @param content the file's whole content
   * @throws AgentException if the file cannot be written, or the agent does not answer
   */
  public void write(String path, byte[] content) throws IOException {
    copyIn(new ByteArrayInputStream(content), path);
  }

  /**
   * Copies a file of the guest to a stream, up to {@link #MAX_COPIED} bytes.
   *
   * @param source path in the guest
   * @param target receives the content; not flushed or closed
   * @throws IOException if {@code source} cannot be read or is larger, or {@code target} not
   *     written
   */
  public void copyOut(String source, OutputStream target) throws IOException {
    copyOut(source, target, MAX_COPIED);
  }

  /**
   * Copies a file of the guest to a stream, up to a number of bytes.
   *
   * @param source path in the guest
   * @param target receives the content; not flushed or closed
   * @param most the most bytes to accept
   * @throws IOException if {@code source} cannot be read or is larger, or {@code target} not
   *     written
   */
  public void copyOut(String source, OutputStream target, long most) throws IOException {
    try (GuestFile file = open(source, OpenMode.READ)) {
      copy(file, source, target, most);
    }
  }

  private static void copy(GuestFile file, String source, OutputStream target, long most)
      throws IOException {
    GuestFile.Chunk chunk;
    long copied = 0;
    do {
      chunk = file.readPiece();
      copied += chunk.bytes().length;
      if (copied > most) {
        throw new AgentProtocolException(
            "guest-file-read: %s has more than %d bytes".formatted(source, most));
      }
      target.write(chunk.bytes());
    } while (!chunk.endOfFile() && chunk.bytes().length > 0);
  }
}
