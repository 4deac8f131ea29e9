package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.microvm.bindings.Linux;
import org.microvm.syscall.Syscalls;

/** Sockets that the process inherited and that its user names by descriptor number. */
public final class InheritedSocket {
  /** From fcntl.h and asm-generic/socket.h, which the generated constants do not include. */
  private static final int F_SETFD = 2;

  private static final int FD_CLOEXEC = 1;
  private static final int SO_TYPE = 3;

  private static final int LAST_STANDARD = 2;

  /** The numbers that were taken: a second owner would close the descriptor of the first. */
  private static final Set<Integer> TAKEN = ConcurrentHashMap.newKeySet();

  private InheritedSocket() {}

  /**
   * Takes ownership of a socket that the process was started with, such as one that a parent
   * process names by its number. It becomes close-on-exec and non-blocking. A number can be taken
   * once.
   *
   * @param number of the descriptor in this process, beyond those of the standard streams
   * @return the socket, which the caller closes
   * @throws ErrnoException EBADF if there is no such descriptor, ENOTSOCK if it is not a socket,
   *     EBUSY if it was taken before
   */
  public static Fd take(int number) throws ErrnoException {
    String name = "descriptor " + number;
    if (number <= LAST_STANDARD) {
      throw new ErrnoException("use " + name, Errno.EBADF, "it is a standard stream");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment type = arena.allocate(ValueLayout.JAVA_INT);
      ErrnoException.check(
          Syscalls.getsockopt(number, Linux.SOL_SOCKET(), SO_TYPE, type), "use", name);
    }
    if (!TAKEN.add(number)) {
      throw new ErrnoException("use " + name, Errno.EBUSY, "it is used twice");
    }
    ErrnoException.check(Syscalls.fcntl(number, F_SETFD, FD_CLOEXEC), "fcntl", name);
    Fd fd = Fd.own(number, name);
    fd.nonBlocking(true);
    return fd;
  }
}
