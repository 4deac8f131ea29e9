package org.microvm.syscall;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.Linux;

/**
 * The system calls by which a process gives up rights. They return their result, or {@code -errno}.
 * The numbers are those of asm/unistd_64.h.
 */
public final class SandboxCalls {
  private static final int SYS_PRCTL = 157;
  private static final int SYS_PRLIMIT64 = 302;
  private static final int SYS_SECCOMP = 317;
  private static final int SYS_LANDLOCK_CREATE_RULESET = 444;
  private static final int SYS_LANDLOCK_ADD_RULE = 445;

  /** O_PATH of asm-generic/fcntl.h: a descriptor that only names a file. */
  private static final int O_PATH = 0x20_0000;

  private SandboxCalls() {}

  /** {@code prctl(option, argument, 0, 0, 0)}. */
  public static long prctl(int option, long argument) {
    return Syscalls.call(SYS_PRCTL, option, argument, 0, 0, 0, 0);
  }

  /**
   * {@code prlimit(0, resource, NULL, old)}.
   *
   * @return the hard limit, or -1 for none
   */
  public static long hardLimit(int resource) {
    MemorySegment old = Syscalls.scratch(2 * Long.BYTES);
    Syscalls.call(SYS_PRLIMIT64, 0, resource, 0, old.address(), 0, 0);
    return old.get(ValueLayout.JAVA_LONG, Long.BYTES);
  }

  /** {@code prlimit(0, resource, {limit, limit}, NULL)}. */
  public static long setLimit(int resource, long limit) {
    MemorySegment both = Syscalls.scratch(2 * Long.BYTES);
    both.set(ValueLayout.JAVA_LONG, 0, limit);
    both.set(ValueLayout.JAVA_LONG, Long.BYTES, limit);
    return Syscalls.call(SYS_PRLIMIT64, 0, resource, both.address(), 0, 0, 0);
  }

  /** {@code seccomp(operation, flags, argument)}. */
  public static long seccomp(int operation, int flags, long argument) {
    return Syscalls.call(SYS_SECCOMP, operation, flags, argument, 0, 0, 0);
  }

  /** {@code landlock_create_ruleset(attributes, size, flags)}. */
  public static long landlockCreateRuleset(long attributes, long size, int flags) {
    return Syscalls.call(SYS_LANDLOCK_CREATE_RULESET, attributes, size, flags, 0, 0, 0);
  }

  /** {@code landlock_add_rule(ruleset, type, rule, 0)}. */
  public static long landlockAddRule(int ruleset, int type, long rule) {
    return Syscalls.call(SYS_LANDLOCK_ADD_RULE, ruleset, type, rule, 0, 0, 0);
  }

  /** {@code open(path, O_PATH)}, close-on-exec. */
  public static long openPath(String path) {
    try (Arena arena = Arena.ofConfined()) {
      long text = arena.allocateFrom(path).address();
      int flags = O_PATH | Linux.O_CLOEXEC();
      return Syscalls.call(Linux.SYS_openat(), Linux.AT_FDCWD(), text, flags, 0, 0, 0);
    }
  }
}
