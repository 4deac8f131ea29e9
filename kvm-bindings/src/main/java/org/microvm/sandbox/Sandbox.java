package org.microvm.sandbox;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Set;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.syscall.SandboxCalls;
import org.microvm.syscall.Syscalls;

/**
 * The sandbox of this process. It holds for all threads, those of the JVM included, and for the
 * rest of the process's life.
 *
 * <p>{@link #prepare} changes nothing, and {@link #enter} cannot be undone.
 */
public final class Sandbox implements AutoCloseable {
  /** Of linux/prctl.h. */
  private static final int PR_SET_DUMPABLE = 4;

  private static final int PR_SET_NO_NEW_PRIVS = 38;

  /** Of linux/seccomp.h. */
  private static final int SET_MODE_FILTER = 1;

  private static final int GET_ACTION_AVAILABLE = 2;

  private static final int FLAG_TSYNC = 1;

  /**
   * The filter does not change how the processor speculates: older kernels would slow the guest
   * down (spec_store_bypass_disable=seccomp).
   */
  private static final int FLAG_SPEC_ALLOW = 4;

  /** From asm-generic/resource.h. */
  private static final int RLIMIT_CORE = 4;

  private static final int RLIMIT_NOFILE = 7;

  /** Enough for 511 ports with clients, and low enough that a leak does not harm the host. */
  static final long MAX_DESCRIPTORS = 8192;

  /** Null if the kernel has no Landlock. */
  private final Landlock landlock;

  private final BpfProgram filter;

  private Sandbox(Landlock landlock, BpfProgram filter) {
    this.landlock = landlock;
    this.filter = filter;
  }

  /**
   * {@return the names of the directories in the root directory in which {@link SandboxMode#ON}
   * forbids the creation of files, unless a rule allows it}
   */
  public static Set<String> systemDirectories() {
    return BaseFiles.NOT_WRITABLE;
  }

  /** {@return the kernel's version of Landlock; 0 if it has none or it is not enabled} */
  public static int landlockVersion() {
    return Landlock.version();
  }

  /** {@return whether the kernel has filters of system calls} */
  public static boolean hasSeccomp() {
    MemorySegment action = Syscalls.scratch(Integer.BYTES);
    action.set(ValueLayout.JAVA_INT, 0, SystemCallPolicy.KILL_PROCESS);
    return SandboxCalls.seccomp(GET_ACTION_AVAILABLE, 0, action.address()) == 0;
  }

  /**
   * Prepares the sandbox.
   *
   * <p>With {@link SandboxMode#ON} all files can be read, and {@code rules} grant further rights.
   * With {@link SandboxMode#STRICT} only what {@code rules} name can be used, besides the JVM's and
   * libc's own files; the same holds for TCP ports.
   *
   * @param mode what happens at a system call that is not allowed
   * @param rules the files and ports that the machine uses
   * @param pathsComeLater whether a user names further paths while the machine runs; {@link
   *     SandboxMode#ON} then lets files be created outside the system's directories
   * @param tcp whether the machine may create sockets of the internet families
   * @return the sandbox, which the caller closes; that does not leave it
   * @throws ErrnoException if the kernel lacks Landlock with {@link SandboxMode#STRICT}, or refuses
   *     a rule
   */
  public static Sandbox prepare(
      SandboxMode mode, FileRules rules, boolean pathsComeLater, boolean tcp)
      throws ErrnoException {
    int version = Landlock.version();
    if (version == 0 && mode == SandboxMode.STRICT) {
      throw new ErrnoException(
          "landlock_create_ruleset",
          Errno.EOPNOTSUPP,
          "the kernel has no Landlock (Linux 5.13 with lsm=landlock), without which files cannot be"
              + " restricted");
    }
    Landlock landlock = null;
    if (version > 0) {
      addBase(mode, rules, pathsComeLater);
      landlock = Landlock.prepare(version, rules, mode == SandboxMode.STRICT);
    }
    SystemCallPolicy policy = SystemCallPolicy.of(mode, Syscalls.getpid(), tcp);
    return new Sandbox(landlock, SystemCallFilter.compile(policy));
  }

  private static void addBase(SandboxMode mode, FileRules rules, boolean pathsComeLater) {
    BaseFiles.addDevices(rules);
    if (mode == SandboxMode.STRICT) {
      BaseFiles.addProgram(rules);
      return;
    }
    rules.read(Path.of("/"));
    if (pathsComeLater) {
      BaseFiles.addWritableRoot(rules);
    }
  }

  /**
   * Gives up all rights that a machine does not need: privileges of executables, core dumps and
   * debuggers, system calls, files, and more than 8192 descriptors.
   *
   * @return whether access to files is restricted, which takes a kernel with Landlock
   * @throws ErrnoException if the kernel lacks seccomp, or a thread cannot be restricted
   */
  public boolean enter() throws ErrnoException {
    limitDescriptors();
    return enterWithAllDescriptors();
  }

  /**
   * Gives up rights as {@link #enter} does, but keeps the limit of descriptors, for a process with
   * many machines.
   *
   * @return whether access to files is restricted
   * @throws ErrnoException if the kernel lacks seccomp, or a thread cannot be restricted
   */
  public boolean enterWithAllDescriptors() throws ErrnoException {
    limit();
    if (landlock != null) {
      landlock.restrict();
    }
    filter(filter);
    return landlock != null;
  }

  @Override
  public void close() {
    if (landlock != null) {
      landlock.close();
    }
  }

  /** Limits the number of descriptors, so that a leak is bounded. */
  private static void limitDescriptors() throws ErrnoException {
    long hard = SandboxCalls.hardLimit(RLIMIT_NOFILE);
    if (Long.compareUnsigned(hard, MAX_DESCRIPTORS) > 0) {
      ErrnoException.check(
          SandboxCalls.setLimit(RLIMIT_NOFILE, MAX_DESCRIPTORS), "setrlimit RLIMIT_NOFILE");
    }
  }

  /** Disables core dumps, debuggers of the same user and privileges of executables. */
  private static void limit() throws ErrnoException {
    ErrnoException.check(SandboxCalls.setLimit(RLIMIT_CORE, 0), "setrlimit RLIMIT_CORE");
    ErrnoException.check(SandboxCalls.prctl(PR_SET_DUMPABLE, 0), "prctl PR_SET_DUMPABLE");
    ErrnoException.check(SandboxCalls.prctl(PR_SET_NO_NEW_PRIVS, 1), "prctl PR_SET_NO_NEW_PRIVS");
  }

  private static void filter(BpfProgram program) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      long address = program.encode(arena).address();
      int flags = FLAG_TSYNC | FLAG_SPEC_ALLOW;
      long result = SandboxCalls.seccomp(SET_MODE_FILTER, flags, address);
      if (result == -Errno.ENOSYS || result == -Errno.EINVAL) {
        throw new ErrnoException(
            "seccomp", (int) -result, "the kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)");
      }
      if (ErrnoException.check(result, "seccomp") > 0) {
        throw new ErrnoException(
            "seccomp", Errno.EBUSY, "thread " + result + " already has another filter");
      }
    }
  }
}
