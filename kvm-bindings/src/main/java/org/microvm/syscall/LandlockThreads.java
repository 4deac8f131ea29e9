package org.microvm.syscall;

import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.microvm.bindings.Linux;

/**
 * Puts all threads of this process under a Landlock ruleset, including those of the JVM.
 *
 * <p>The kernel restricts only the calling thread and the threads that it creates later. So each
 * thread gets a signal, whose handler makes the two system calls in it: {@code
 * prctl(PR_SET_NO_NEW_PRIVS)} and {@code landlock_restrict_self}. The handler is machine code in a
 * mapping that is never writable. libc's {@code setuid} reaches all threads in the same way.
 */
public final class LandlockThreads {
  /** From asm-generic/mman-common.h, which the generated constants do not include. */
  private static final int PROT_EXEC = 4;

  /** From asm-generic/errno.h. */
  private static final int ETIMEDOUT = 110;

  private static final int PAGE = 4096;
  private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final long PAUSE_NANOS = 20_000;
  private static final File TASKS = new File("/proc/self/task");

  /** Where the handler's parameters are in {@link #CODE}. */
  private static final int RULESET = 31;

  private static final int RESULT = 41;

  private static final byte[] CODE =
      HexFormat.of()
          .parseHex(
              "b89d000000" // mov eax, SYS_prctl
                  + "bf26000000" // mov edi, PR_SET_NO_NEW_PRIVS
                  + "be01000000" // mov esi, 1
                  + "31d2" // xor edx, edx
                  + "4531d2" // xor r10d, r10d
                  + "4531c0" // xor r8d, r8d
                  + "0f05" // syscall
                  + "b8be010000" // mov eax, SYS_landlock_restrict_self
                  + "bf00000000" // mov edi, the ruleset
                  + "31f6" // xor esi, esi
                  + "0f05" // syscall
                  + "48ba0000000000000000" // mov rdx, the result
                  + "4885c0" // test rax, rax
                  + "7404" // jz counted
                  + "894204" // mov [rdx + 4], eax
                  + "90" // nop
                  + "f0ff02" // counted: lock inc dword [rdx]
                  + "c3"); // ret

  /** A real-time signal that neither the JVM nor {@link KickSignal} uses. */
  private static final int SIGNAL = Syscalls.firstRealTimeSignal() + 1;

  /** How many handlers have run, and the last error as a negative number. */
  private static final MemorySegment RESULTS = Arena.global().allocate(8, 8);

  private LandlockThreads() {}

  /**
   * Installs the handler; nothing is restricted yet.
   *
   * @param page the address of its code, from {@link #map}
   * @return the handler
   */
  public static LandlockThreads prepare(long page) {
    SignalAction.install(SIGNAL, page);
    return new LandlockThreads();
  }

  /**
   * Restricts all threads, one after the other.
   *
   * @return how many threads were restricted, or {@code -errno}; ETIMEDOUT if a thread does not
   *     take the signal, which it may have blocked
   */
  public long restrict() {
    try {
      return restrictAll();
    } finally {
      // The page stays: the last thread may not have returned from it yet.
      SignalAction.install(SIGNAL, Syscalls.function("abs").address());
    }
  }

  /**
   * Maps the code of the handler permanently.
   *
   * @param ruleset the descriptor of the ruleset, which must stay open until {@link #restrict} has
   *     returned
   * @return the address of the page, or {@code -errno}
   */
  public static long map(int ruleset) {
    ByteBuffer code = ByteBuffer.wrap(CODE.clone()).order(ByteOrder.LITTLE_ENDIAN);
    code.putInt(RULESET, ruleset).putLong(RESULT, RESULTS.address());
    long file = Syscalls.memfdCreate("landlock-threads", Linux.MFD_CLOEXEC());
    if (file < 0) {
      return file;
    }
    try {
      MemorySegment bytes = Syscalls.scratch(CODE.length);
      bytes.copyFrom(MemorySegment.ofArray(code.array()));
      long written = Syscalls.pwrite((int) file, bytes.address(), CODE.length, 0);
      int protection = Linux.PROT_READ() | PROT_EXEC;
      return written < 0
          ? written
          : Syscalls.mmap(PAGE, protection, Linux.MAP_PRIVATE(), (int) file, 0);
    } finally {
      Syscalls.close((int) file);
    }
  }

  /**
   * Repeats until a list of the threads shows no new one. A thread that creates another one after
   * that is restricted already, and the new thread inherits the restriction.
   */
  private static long restrictAll() {
    RESULTS.fill((byte) 0);
    Set<String> done = new HashSet<>();
    boolean isNew = true;
    while (isNew) {
      isNew = false;
      for (String tid : threads()) {
        if (done.add(tid)) {
          isNew = true;
          long error = restrictOne(Integer.parseInt(tid));
          if (error < 0) {
            return error;
          }
        }
      }
    }
    return done.size();
  }

  private static String[] threads() {
    String[] tids = TASKS.list();
    if (tids == null) {
      throw new IllegalStateException(TASKS + " cannot be read: is /proc mounted?");
    }
    return tids;
  }

  private static long restrictOne(int tid) {
    int before = handled();
    long deadline = System.nanoTime() + LIMIT_NANOS;
    if (Syscalls.tgkill(Syscalls.getpid(), tid, SIGNAL) < 0) {
      return 0; // the thread has ended
    }
    while (handled() == before) {
      if (Syscalls.tgkill(Syscalls.getpid(), tid, 0) < 0) {
        return 0;
      }
      if (System.nanoTime() > deadline) {
        return -ETIMEDOUT;
      }
      LockSupport.parkNanos(PAUSE_NANOS);
    }
    VarHandle.acquireFence();
    return RESULTS.get(ValueLayout.JAVA_INT, Integer.BYTES);
  }

  private static int handled() {
    VarHandle.fullFence();
    return RESULTS.get(ValueLayout.JAVA_INT, 0);
  }
}
