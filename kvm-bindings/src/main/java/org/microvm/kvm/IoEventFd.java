package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.microvm.bindings.Linux;
import org.microvm.bindings.kvm_ioeventfd;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventFd;
import org.microvm.syscall.Descriptor;

/**
 * A binding of guest writes to an eventfd: the kernel signals the eventfd and resumes the guest
 * without an exit to user space (KVM API, KVM_IOEVENTFD).
 *
 * <p>Created by {@link Vm#ioEventFd}. {@link #close} removes the binding; later calls do nothing.
 * Close it before the eventfd, which its owner closes.
 */
public final class IoEventFd implements AutoCloseable {
  private final Vm vm;
  private final Match match;
  private final EventFd signal;
  private boolean closed;

  /**
   * Which writes match.
   *
   * @param address guest-physical address, or port
   * @param length size of the access in bytes: 1, 2, 4 or 8; or 0 for any size, which needs {@link
   *     Capability#IOEVENTFD_ANY_LENGTH}
   * @param port whether the address is a port
   * @param wildcard whether any value matches
   * @param value the value that must be written; ignored for a wildcard
   */
  public record Match(long address, int length, boolean port, boolean wildcard, long value) {

    /**
     * Matches any write of a size to a memory address.
     *
     * @param address guest-physical
     * @param length size of the access in bytes: 1, 2, 4 or 8; or 0 for any size
     * @return the condition, for {@link Vm#ioEventFd}
     */
    public static Match memory(long address, int length) {
      return new Match(address, length, false, true, 0);
    }

    /**
     * Matches the write of one value to a memory address.
     *
     * @param address guest-physical
     * @param length size of the access in bytes: 1, 2, 4 or 8
     * @param value the value; bits beyond the length must be 0
     * @return the condition, for {@link Vm#ioEventFd}
     */
    public static Match memory(long address, int length, long value) {
      return new Match(address, length, false, false, value);
    }

    /**
     * Matches any write of a size to a port.
     *
     * @param port 0 to 65535
     * @param length size of the access in bytes: 1, 2 or 4; or 0 for any size
     * @return the condition, for {@link Vm#ioEventFd}
     */
    public static Match port(int port, int length) {
      return new Match(port, length, true, true, 0);
    }

    /**
     * Matches the write of one value to a port.
     *
     * @param port 0 to 65535
     * @param length size of the access in bytes: 1, 2 or 4
     * @param value the value; bits beyond the length must be 0
     * @return the condition, for {@link Vm#ioEventFd}
     */
    public static Match port(int port, int length, long value) {
      return new Match(port, length, true, false, value);
    }

    private int flags() {
      return (port ? Linux.KVM_IOEVENTFD_FLAG_PIO() : 0)
          | (wildcard ? 0 : Linux.KVM_IOEVENTFD_FLAG_DATAMATCH());
    }
  }

  IoEventFd(Vm vm, Match match, EventFd signal) throws ErrnoException {
    this.vm = vm;
    this.match = match;
    this.signal = signal;
    ErrnoException.check(apply(0), "KVM_IOEVENTFD", match);
  }

  /** {@return which writes signal the eventfd} */
  public Match match() {
    return match;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      // This fails only if the VM or the eventfd is already closed, and then no binding is left.
      apply(Linux.KVM_IOEVENTFD_FLAG_DEASSIGN());
    }
  }

  private long apply(int flag) {
    Descriptor eventFd = signal.fd().descriptor();
    int number = eventFd.acquire();
    if (number < 0) {
      return -Errno.EBADF;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(kvm_ioeventfd.layout());
      kvm_ioeventfd.datamatch(struct, match.value());
      kvm_ioeventfd.addr(struct, match.address());
      kvm_ioeventfd.len(struct, match.length());
      kvm_ioeventfd.fd(struct, number);
      kvm_ioeventfd.flags(struct, match.flags() | flag);
      return vm.tryIoctl(Ioctls.KVM_IOEVENTFD(), struct);
    } finally {
      eventFd.release();
    }
  }
}
