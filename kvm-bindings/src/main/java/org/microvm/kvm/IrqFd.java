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
 * A binding of an eventfd to an interrupt line: the kernel raises an edge for each signal (KVM API,
 * KVM_IRQFD).
 *
 * <p>Created by {@link Vm#irqFd}. Any thread may signal the eventfd. {@link #close} removes the
 * binding; later calls do nothing. Close it before the eventfd, which its owner closes.
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

  /** {@return the number of the interrupt line (GSI)} */
  public int gsi() {
    return gsi;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      // This fails only if the VM or the eventfd is already closed, and then no binding is left.
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
