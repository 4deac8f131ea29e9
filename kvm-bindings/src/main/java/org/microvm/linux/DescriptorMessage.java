package org.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.microvm.bindings.Linux;
import org.microvm.bindings.cmsghdr;
import org.microvm.bindings.msghdr;
import org.microvm.syscall.Syscalls;

/**
 * Sends and receives bytes on a unix socket with file descriptors attached (SCM_RIGHTS, unix(7)).
 * The receiver gets descriptors of its own for the same open files.
 */
public final class DescriptorMessage {
  /** The maximum number of descriptors in one message (SCM_MAX_FD). */
  public static final int MAX_DESCRIPTORS = 253;

  static final int SOL_SOCKET = Linux.SOL_SOCKET();
  static final int SCM_RIGHTS = Linux.SCM_RIGHTS();
  static final int MSG_CMSG_CLOEXEC = Linux.MSG_CMSG_CLOEXEC();

  /** {@code struct msghdr}. */
  static final long MSGHDR_BYTES = msghdr.layout().byteSize();

  static final long MSGHDR_IOV = msghdr.msg_iov$offset();
  static final long MSGHDR_IOVLEN = msghdr.msg_iovlen$offset();
  static final long MSGHDR_CONTROL = msghdr.msg_control$offset();
  static final long MSGHDR_CONTROLLEN = msghdr.msg_controllen$offset();

  /** {@code struct cmsghdr}, followed by its data. */
  static final long CMSGHDR_BYTES = cmsghdr.__cmsg_data$offset();

  static final long CMSGHDR_LEVEL = cmsghdr.cmsg_level$offset();
  static final long CMSGHDR_TYPE = cmsghdr.cmsg_type$offset();

  private DescriptorMessage() {}

  /**
   * Sends at least one byte with descriptors attached; the caller keeps its own descriptors.
   *
   * @param socket a connected unix socket
   * @param bytes what to send, native and not empty
   * @param descriptors what to attach, at most {@link #MAX_DESCRIPTORS}
   * @return the number of bytes sent, together with the descriptors; or -errno
   */
  public static long send(Fd socket, MemorySegment bytes, List<Fd> descriptors) {
    return send(socket, bytes, descriptors, new int[descriptors.size()], 0);
  }

  /** Acquires the descriptor numbers one by one and holds all of them during the system call. */
  private static long send(
      Fd socket, MemorySegment bytes, List<Fd> descriptors, int[] numbers, int held) {
    if (held < numbers.length) {
      return descriptors
          .get(held)
          .with(
              number -> {
                numbers[held] = number;
                return send(socket, bytes, descriptors, numbers, held + 1);
              });
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment control = arena.allocate(CMSGHDR_BYTES + controlData(numbers.length), 8);
      control.set(ValueLayout.JAVA_LONG, 0, CMSGHDR_BYTES + numbers.length * 4L);
      control.set(ValueLayout.JAVA_INT, CMSGHDR_LEVEL, SOL_SOCKET);
      control.set(ValueLayout.JAVA_INT, CMSGHDR_TYPE, SCM_RIGHTS);
      MemorySegment.copy(numbers, 0, control, ValueLayout.JAVA_INT, CMSGHDR_BYTES, numbers.length);
      MemorySegment message = message(arena, bytes, numbers.length == 0 ? null : control);
      return socket.with(number -> Syscalls.sendmsg(number, message.address(), 0));
    }
  }

  /**
   * Receives up to the segment's size of bytes.
   *
   * @param socket a connected unix socket
   * @param bytes native memory that receives the bytes
   * @param received receives the descriptors that came with the bytes; they are close-on-exec
   * @return the number of bytes, 0 at the end of the stream; or -errno
   */
  public static long receive(Fd socket, MemorySegment bytes, List<Fd> received) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment control = arena.allocate(CMSGHDR_BYTES + controlData(MAX_DESCRIPTORS), 8);
      MemorySegment message = message(arena, bytes, control);
      long result =
          socket.with(number -> Syscalls.recvmsg(number, message.address(), MSG_CMSG_CLOEXEC));
      if (result > 0 && message.get(ValueLayout.JAVA_LONG, MSGHDR_CONTROLLEN) >= CMSGHDR_BYTES) {
        received.addAll(descriptors(control));
      }
      return result;
    }
  }

  private static List<Fd> descriptors(MemorySegment control) {
    List<Fd> descriptors = new ArrayList<>();
    if (control.get(ValueLayout.JAVA_INT, CMSGHDR_LEVEL) == SOL_SOCKET
        && control.get(ValueLayout.JAVA_INT, CMSGHDR_TYPE) == SCM_RIGHTS) {
      long end = control.get(ValueLayout.JAVA_LONG, 0);
      for (long at = CMSGHDR_BYTES; at + Integer.BYTES <= end; at += Integer.BYTES) {
        descriptors.add(Fd.own(control.get(ValueLayout.JAVA_INT, at), "received descriptor"));
      }
    }
    return descriptors;
  }

  private static MemorySegment message(Arena arena, MemorySegment bytes, MemorySegment control) {
    MemorySegment iovec = arena.allocate(2L * Long.BYTES, 8);
    iovec.set(ValueLayout.JAVA_LONG, 0, bytes.address());
    iovec.set(ValueLayout.JAVA_LONG, Long.BYTES, bytes.byteSize());
    MemorySegment message = arena.allocate(MSGHDR_BYTES, 8);
    message.set(ValueLayout.JAVA_LONG, MSGHDR_IOV, iovec.address());
    message.set(ValueLayout.JAVA_LONG, MSGHDR_IOVLEN, 1);
    if (control != null) {
      message.set(ValueLayout.JAVA_LONG, MSGHDR_CONTROL, control.address());
      message.set(ValueLayout.JAVA_LONG, MSGHDR_CONTROLLEN, control.byteSize());
    }
    return message;
  }

  /** The size of the descriptors: an int each, rounded up to a multiple of eight bytes. */
  private static long controlData(int descriptors) {
    return (descriptors * 4L + 7) & ~7L;
  }
}
