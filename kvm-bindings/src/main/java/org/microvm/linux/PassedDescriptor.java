package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.Linux;
import org.microvm.syscall.Syscalls;

/** Sockets that another process has made: the parent of this one, or a client that sends one. */
public final class PassedDescriptor {
  /** The standard streams have the numbers below. */
  private static final int FIRST = 3;

  /** From asm-generic/socket.h, which the generated constants do not include. */
  private static final int SO_ACCEPTCONN = 30;

  private static final int SO_DOMAIN = 39;

  private PassedDescriptor() {}

  /**
   * Takes over a socket that the parent process has left open for this one. The number is checked,
   * because it may be that of a file of this process if the parent has passed none.
   *
   * @param number the descriptor's number in both processes; closed here
   * @param listening whether it must be a listening socket; otherwise one that does not listen
   * @return the socket, close-on-exec, which the caller closes
   * @throws ErrnoException if the number is not open or not such a socket; it is left open then
   */
  public static Fd take(int number, boolean listening) throws ErrnoException {
    String name = "fd=" + number;
    if (number < FIRST) {
      throw new ErrnoException("use " + name, Errno.EINVAL, "it is a standard stream");
    }
    long result = Syscalls.fcntl(number, Linux.F_DUPFD_CLOEXEC(), 0);
    if (result < 0) {
      throw new ErrnoException(
          "use " + name, (int) -result, "this process was not started with it");
    }
    Fd socket = check(Fd.own(result, name), listening);
    Syscalls.close(number);
    return socket;
  }

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
    } catch (ErrnoException e) {
      socket.close();
      throw e;
    }
  }
}
