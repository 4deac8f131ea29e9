package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.Linux;
import org.microvm.syscall.Syscalls;

/** Checks of sockets that another process has made and sent to this one. */
public final class PassedDescriptor {
  /** From asm-generic/socket.h, which the generated constants do not include. */
  private static final int SO_ACCEPTCONN = 30;

  private static final int SO_DOMAIN = 39;

  private PassedDescriptor() {}

  /**
   * Checks that a descriptor is a socket of the expected kind.
   *
   * @param socket the descriptor; closed if this fails
   * @param listening whether it must be a listening socket; otherwise one that does not listen
   * @return the same descriptor
   * @throws ErrnoException if it is not such a socket
   */
  public static Fd check(Fd socket, boolean listening) throws ErrnoException {
    return check(
        socket,
        SO_ACCEPTCONN,
        listening ? 1 : 0,
        listening
            ? "with server=on it must be a listening socket"
            : "without server=on it must not be a listening socket");
  }

  /**
   * Checks that a descriptor is a unix socket.
   *
   * @param socket the descriptor; closed if this fails
   * @return the same descriptor
   * @throws ErrnoException if it is no unix socket
   */
  public static Fd checkUnix(Fd socket) throws ErrnoException {
    return check(socket, SO_DOMAIN, Linux.AF_UNIX(), "it must be a unix socket");
  }

  private static Fd check(Fd socket, int option, int wanted, String advice) throws ErrnoException {
    MemorySegment value = Arena.ofAuto().allocate(ValueLayout.JAVA_INT);
    try {
      long result = socket.with(n -> Syscalls.getsockopt(n, Linux.SOL_SOCKET(), option, value));
      ErrnoException.check(result, "use", socket);
      if (value.get(ValueLayout.JAVA_INT, 0) != wanted) {
        throw new ErrnoException("use " + socket, Errno.EINVAL, advice);
      }
      return socket;
    } catch (ErrnoException | RuntimeException | Error e) {
      socket.close();
      throw e;
    }
  }
}
