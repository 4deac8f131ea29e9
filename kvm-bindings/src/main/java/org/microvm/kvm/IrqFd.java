package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.microvm.bindings.Linux;
import org.microvm.bindings.kvm_irqfd;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventFd;
import org.microvm.syscall.Descriptor;

/**
 * A tie from an eventfd to an interrupt line: each signal is an edge, raised by the kernel.
 *
 * <p>Made by {@link Vm#irqFd}. Any thread may signal the eventfd. Closing unties, once; close it
 * before the eventfd, which stays its owner's.
 */
public final class IrqFd implements AutoCloseable {
  private final Vm vm;
  private final int gsi;
  private final EventFd signal;
  private boolean closed;

  IrqFd(Vm vm, int gsi, EventFd signal) throws ErrnoException {
    this.vm = vm;
    this.gsi = gsi;
    this.signal = signal;
    ErrnoException.check(apply(0), "KVM_IRQFD gsi", gsi);
  }

  /** The interrupt line. */
  public int gsi() {
    return gsi;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      // It fails only where VM or eventfd is closed already, and then nothing is left to untie.
      apply(Linux.KVM_IRQFD_FLAG_DEASSIGN());
    }
  }

  private long apply(int flags) {
    Descriptor eventFd = signal.fd().descriptor();
    int number = eventFd.acquire();
    if (number < 0) {
      return -Errno.EBADF;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(kvm_irqfd.layout());
      kvm_irqfd.fd(struct, number);
      kvm_irqfd.gsi(struct, gsi);
      kvm_irqfd.flags(struct, flags);
      return vm.tryIoctl(Ioctls.KVM_IRQFD(), struct);
    } finally {
      eventFd.release();
    }
  }
}
