package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.OptionalInt;
import org.microvm.bindings.Linux;
import org.microvm.syscall.Syscalls;

/**
 * The processes that may be the peer of a unix socket. A peer must pass two checks: the permissions
 * of the socket's file, and the user of the peer's process, as the kernel recorded it when the
 * process connected or listened (SO_PEERCRED of unix(7)). This process's user and root pass the
 * second.
 *
 * @param mode the permissions of the file that a server creates; of no importance to a client
 * @param user number of another user whose processes pass
 * @param group number of a group whose members' processes pass
 */
public record SocketAccess(SocketMode mode, OptionalInt user, OptionalInt group) {
  /** Only this process's user, and root. */
  public static final SocketAccess OWNER = of(SocketMode.OWNER);

  /** From asm-generic/socket.h, which the generated constants do not include. */
  private static final int SO_PEERCRED = 17;

  private static final int SO_PEERGROUPS = 59;

  /** NGROUPS_MAX of linux/limits.h. */
  private static final int MAX_GROUPS = 65536;

  private static final int NO_GROUP = -1;

  /** Checks that nothing is null. */
  public SocketAccess {
    Objects.requireNonNull(mode);
    Objects.requireNonNull(user);
    Objects.requireNonNull(group);
  }

  /**
   * Restricts the peers by the permissions of the file only. If these are the owner's alone,
   * processes of other users are refused even if they reach the socket by another way.
   *
   * @param mode the permissions of the file
   * @return access without another user or group
   */
  public static SocketAccess of(SocketMode mode) {
    return new SocketAccess(mode, OptionalInt.empty(), OptionalInt.empty());
  }

  /**
   * {@return whether the peer passes the check of its user}
   *
   * @param socket a connected unix socket
   * @throws ErrnoException if the descriptor is closed or not a unix socket
   */
  public boolean admits(Fd socket) throws ErrnoException {
    if (user.isEmpty() && group.isEmpty() && !mode.isOwners()) {
      return true;
    }
    try (Arena arena = Arena.ofConfined()) {
      // struct ucred: pid, uid, gid
      MemorySegment credentials = arena.allocate(3L * Integer.BYTES, Integer.BYTES);
      ErrnoException.check(option(socket, SO_PEERCRED, credentials), "getsockopt", socket);
      int peer = credentials.getAtIndex(ValueLayout.JAVA_INT, 1);
      int peersGroup = credentials.getAtIndex(ValueLayout.JAVA_INT, 2);
      return peer == 0
          || peer == Syscalls.geteuid()
          || (user.isPresent() && peer == user.getAsInt())
          || (group.isPresent() && (peersGroup == group.getAsInt() || isMember(socket, arena)));
    }
  }

  /** Whether the group is among the supplementary groups of the peer. */
  private boolean isMember(Fd socket, Arena arena) throws ErrnoException {
    MemorySegment groups = arena.allocate((long) MAX_GROUPS * Integer.BYTES, Integer.BYTES);
    // The kernel writes only as many as there are; no group has the number that is here before.
    groups.fill((byte) NO_GROUP);
    ErrnoException.check(option(socket, SO_PEERGROUPS, groups), "getsockopt", socket);
    for (long i = 0; i < MAX_GROUPS; i++) {
      int member = groups.getAtIndex(ValueLayout.JAVA_INT, i);
      if (member == group.getAsInt() || member == NO_GROUP) {
        return member == group.getAsInt();
      }
    }
    return false;
  }

  private static long option(Fd socket, int option, MemorySegment value) {
    return socket.with(n -> Syscalls.getsockopt(n, Linux.SOL_SOCKET(), option, value));
  }
}
