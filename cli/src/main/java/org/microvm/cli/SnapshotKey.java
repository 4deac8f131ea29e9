package org.microvm.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.microvm.linux.FailureText;
import org.microvm.linux.ProcessUser;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The secret with which this user's snapshots are sealed: a file that only the user can read. A
 * snapshot's options name files and sockets that a restore opens. The seal says that this user's
 * own {@code microvm} wrote them, and not the author of a snapshot from elsewhere.
 */
final class SnapshotKey {
  /** The last option of a sealed snapshot; its value is the seal. */
  static final String SEAL = "--seal";

  private static final Logger LOG = LoggerFactory.getLogger(SnapshotKey.class);
  private static final int KEY_BYTES = 16;
  private static final int PRIVATE_MODE = 0600;
  private static final int MODE_BITS = 07777;

  /** Null if there is no key. */
  private final byte[] key;

  /** Why there is no key; null once it was reported. */
  private final AtomicReference<String> failure;

  /**
   * @param key 16 bytes, or null for none
   */
  SnapshotKey(byte[] key) {
    this(key, null);
  }

  private SnapshotKey(byte[] key, String failure) {
    this.key = key;
    this.failure = new AtomicReference<>(failure);
  }

  /** Returns the user's key, which is created if it does not exist. */
  static SnapshotKey ofUser() {
    Path file = file(System.getenv());
    try {
      return new SnapshotKey(readOrCreate(file));
    } catch (IOException e) {
      return without(file, e);
    }
  }

  /** Returns no key; {@link #seal} prints why. */
  static SnapshotKey without(Path file, IOException why) {
    String text = FailureText.of(why);
    String reason = text.startsWith("/") ? text : file + ": " + text;
    return new SnapshotKey(
        null, "the snapshot gets no seal, so `restore` treats it as a foreign one: " + reason);
  }

  /** Returns the user's key, or none if it does not exist or cannot be used. */
  static SnapshotKey ofUserIfThere() {
    try {
      return new SnapshotKey(read(file(System.getenv())));
    } catch (IOException e) {
      LOG.debug("{}", e.toString());
      return new SnapshotKey(null);
    }
  }

  /**
   * Returns the path of the key. As the XDG Base Directory Specification says, an empty variable is
   * one that is not set, and a relative path is ignored: each working directory would have another
   * key.
   *
   * @param environment the environment variables of the process
   */
  static Path file(Map<String, String> environment) {
    Path base =
        absolute(environment.get("XDG_STATE_HOME"))
            .orElseGet(
                () ->
                    absolute(environment.get("HOME"))
                        .orElseGet(() -> Path.of(System.getProperty("user.home")))
                        .resolve(".local/state"));
    return base.resolve("microvm/snapshot-key");
  }

  private static Optional<Path> absolute(String directory) {
    return Optional.ofNullable(directory).map(Path::of).filter(Path::isAbsolute);
  }

  /**
   * Reads a key, and creates it if it does not exist.
   *
   * @throws IOException if it cannot be created, or somebody else could know it
   */
  static byte[] readOrCreate(Path file) throws IOException {
    try {
      return read(file);
    } catch (NoSuchFileException e) {
      create(file);
      return read(file);
    }
  }

  private static byte[] read(Path file) throws IOException {
    int mode = (Integer) Files.getAttribute(file, "unix:mode") & MODE_BITS;
    int owner = (Integer) Files.getAttribute(file, "unix:uid");
    if (mode != PRIVATE_MODE || owner != ProcessUser.id()) {
      throw new IOException("the file must be accessible only to this user (mode 0600)");
    }
    try (InputStream input = Files.newInputStream(file)) {
      byte[] bytes = input.readNBytes(KEY_BYTES + 1);
      if (bytes.length != KEY_BYTES) {
        throw new IOException("the file does not have %d bytes".formatted(KEY_BYTES));
      }
      return bytes;
    }
  }

  private static void create(Path file) throws IOException {
    Path parent = file.getParent();
    Files.createDirectories(
        parent, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    byte[] bytes;
    try (InputStream random = Files.newInputStream(Path.of("/dev/urandom"))) {
      bytes = random.readNBytes(KEY_BYTES);
    }
    Path whole = parent.resolve("snapshot-key." + ProcessHandle.current().pid());
    // A process of this id that was killed may have left it.
    Files.deleteIfExists(whole);
    try {
      write(whole, bytes);
      // Another process may create the key as well: the first one's is used by both.
      Files.createLink(file, whole);
    } catch (FileAlreadyExistsException e) {
      LOG.debug("{} exists by now", file);
    } finally {
      Files.deleteIfExists(whole);
    }
  }

  private static void write(Path whole, byte[] bytes) throws IOException {
    try (var channel =
        Files.newByteChannel(
            whole,
            EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
      channel.write(ByteBuffer.wrap(bytes));
    }
  }

  /**
   * Returns the options of a machine with their seal at the end; unchanged if there is no key,
   * which a message reports once.
   */
  List<String> seal(List<String> options) {
    if (options.isEmpty()) {
      return options;
    }
    if (key == null) {
      String untold = failure.getAndSet(null);
      if (untold != null) {
        System.err.println("microvm: " + GuestText.line(untold));
      }
      return options;
    }
    List<String> sealed = new ArrayList<>(options);
    sealed.add(SEAL);
    sealed.add("%016x".formatted(SipHash.of(key, message(options))));
    return sealed;
  }

  /** Returns whether the options end with a seal that was made with this key. */
  boolean isSealed(List<String> options) {
    int end = options.size() - 2;
    return key != null
        && end > 0
        && options.get(end).equals(SEAL)
        && seal(options.subList(0, end)).equals(options);
  }

  /** Returns whether the options have a seal, of whichever user. */
  static boolean hasSeal(List<String> options) {
    return withoutSeal(options).size() < options.size();
  }

  /** Returns the options without their seal. */
  static List<String> withoutSeal(List<String> options) {
    int end = options.size() - 2;
    return end >= 0 && options.get(end).equals(SEAL) ? options.subList(0, end) : options;
  }

  /** The options, each with its length in front, so that no two lists are the same message. */
  private static byte[] message(List<String> options) {
    ByteArrayOutputStream message = new ByteArrayOutputStream();
    for (String option : options) {
      byte[] bytes = option.getBytes(StandardCharsets.UTF_8);
      message.writeBytes((bytes.length + ":").getBytes(StandardCharsets.UTF_8));
      message.writeBytes(bytes);
    }
    return message.toByteArray();
  }
}
