package org.microvm.sandbox;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.syscall.LandlockThreads;
import org.microvm.syscall.SandboxCalls;
import org.microvm.syscall.Syscalls;

/**
 * Landlock: the kernel checks each opened path against rules, only for this process (landlock(7)).
 */
final class Landlock implements AutoCloseable {
  /** Of linux/landlock.h. */
  private static final int CREATE_RULESET_VERSION = 1;

  private static final int RULE_PATH_BENEATH = 1;
  private static final int RULE_NET_PORT = 2;
  private static final long NET_BIND_AND_CONNECT = 3;
  private static final long SCOPE_ABSTRACT_UNIX_SOCKET = 1;

  /** The versions that added TCP ports and scopes. */
  private static final int VERSION_NET = 4;

  private static final int VERSION_SCOPES = 6;

  /** The number of the ruleset's descriptor. */
  private final int ruleset;

  private final LandlockThreads threads;

  private Landlock(int ruleset, LandlockThreads threads) {
    this.ruleset = ruleset;
    this.threads = threads;
  }

  /** Returns the kernel's version of Landlock, 0 if it has none or none is enabled. */
  static int version() {
    return (int) Math.max(0, SandboxCalls.landlockCreateRuleset(0, 0, CREATE_RULESET_VERSION));
  }

  /**
   * Creates a ruleset, which restricts no thread yet.
   *
   * @param ports whether TCP ports are restricted too, if the version can
   */
  static Landlock prepare(int version, FileRules rules, boolean ports) throws ErrnoException {
    boolean restrictsPorts = ports && version >= VERSION_NET;
    int ruleset = create(version, restrictsPorts);
    try {
      for (Map.Entry<Path, FileAccess> rule : rules.paths().entrySet()) {
        allow(ruleset, rule.getKey(), rule.getValue().rights() & FileAccess.known(version));
      }
      for (int port : restrictsPorts ? rules.ports() : Set.<Integer>of()) {
        allow(ruleset, port);
      }
      long page =
          ErrnoException.check(
              LandlockThreads.map(ruleset), "map the code for", "landlock_restrict_self");
      return new Landlock(ruleset, LandlockThreads.prepare(page));
    } catch (ErrnoException | RuntimeException | Error failure) {
      Syscalls.close(ruleset);
      throw failure;
    }
  }

  /** Restricts all threads of this process permanently. */
  void restrict() throws ErrnoException {
    long result = threads.restrict();
    if (result == -Errno.ETIMEDOUT) {
      throw new ErrnoException(
          "landlock_restrict_self",
          Errno.ETIMEDOUT,
          "a thread does not receive the signal that applies the ruleset; the parent"
              + " process may have blocked it");
    }
    ErrnoException.check(result, "landlock_restrict_self");
  }

  /** Closes the ruleset; threads that it restricts stay restricted. */
  @Override
  public void close() {
    Syscalls.close(ruleset);
  }

  /** The attributes are {@code struct landlock_ruleset_attr}: as much of it as the version has. */
  private static int create(int version, boolean ports) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(3 * Long.BYTES, Long.BYTES);
      attributes.setAtIndex(ValueLayout.JAVA_LONG, 0, FileAccess.known(version));
      attributes.setAtIndex(ValueLayout.JAVA_LONG, 1, ports ? NET_BIND_AND_CONNECT : 0);
      attributes.setAtIndex(
          ValueLayout.JAVA_LONG, 2, version >= VERSION_SCOPES ? SCOPE_ABSTRACT_UNIX_SOCKET : 0);
      long words = version >= VERSION_SCOPES ? 3 : version >= VERSION_NET ? 2 : 1;
      long result = SandboxCalls.landlockCreateRuleset(attributes.address(), words * Long.BYTES, 0);
      return (int) ErrnoException.check(result, "landlock_create_ruleset");
    }
  }

  /**
   * Adds a rule for a path. One that does not exist needs none, and neither does a pipe or another
   * file of no mounted file system, such as /dev/fd/63, which Landlock does not restrict.
   */
  private static void allow(int ruleset, Path path, long rights) throws ErrnoException {
    long file = SandboxCalls.openPath(path.toString());
    if (file < 0) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      // struct landlock_path_beneath_attr, which is packed.
      MemorySegment rule = arena.allocate(Long.BYTES + Integer.BYTES, Long.BYTES);
      long possible = Files.isDirectory(path) ? rights : rights & FileAccess.OF_FILES;
      rule.set(ValueLayout.JAVA_LONG, 0, possible);
      rule.set(ValueLayout.JAVA_INT, Long.BYTES, (int) file);
      long result = SandboxCalls.landlockAddRule(ruleset, RULE_PATH_BENEATH, rule.address());
      if (result != -Errno.EBADFD) {
        ErrnoException.check(result, "landlock_add_rule", path);
      }
    } finally {
      Syscalls.close((int) file);
    }
  }

  private static void allow(int ruleset, int port) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rule = arena.allocate(2 * Long.BYTES, Long.BYTES);
      rule.setAtIndex(ValueLayout.JAVA_LONG, 0, NET_BIND_AND_CONNECT);
      rule.setAtIndex(ValueLayout.JAVA_LONG, 1, port);
      long result = SandboxCalls.landlockAddRule(ruleset, RULE_NET_PORT, rule.address());
      ErrnoException.check(result, "landlock_add_rule port", port);
    }
  }
}
