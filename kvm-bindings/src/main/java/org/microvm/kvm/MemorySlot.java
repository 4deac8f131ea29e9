package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.microvm.bindings.Linux;
import org.microvm.bindings.kvm_dirty_log;
import org.microvm.bindings.kvm_userspace_memory_region;
import org.microvm.linux.ErrnoException;

/**
 * A range of guest-physical addresses that is backed by host memory (KVM API,
 * KVM_SET_USER_MEMORY_REGION).
 *
 * <p>Any thread may call, one at a time for the same slot. Closing the slot removes the memory from
 * the guest; a slot that lives as long as its VM need not be closed.
 */
public final class MemorySlot implements DirtyLog, AutoCloseable {
  private static final long PAGE = 4096;

  private final Vm vm;
  private final int number;
  private final long address;
  private final MemorySegment host;
  private final boolean readOnly;
  private boolean logging;
  private boolean closed;

  MemorySlot(Vm vm, int number, long address, MemorySegment host, boolean readOnly) {
    this.vm = vm;
    this.number = number;
    this.address = address;
    this.host = host;
    this.readOnly = readOnly;
  }

  /** {@return the guest-physical address of the first byte} */
  public long address() {
    return address;
  }

  /** {@return the size in bytes, whole pages} */
  public long size() {
    return host.byteSize();
  }

  /** {@return whether the guest's writes exit instead of reaching the memory} */
  public boolean isReadOnly() {
    return readOnly;
  }

  void install() throws ErrnoException {
    ErrnoException.check(apply(host.byteSize()), "KVM_SET_USER_MEMORY_REGION", this);
  }

  @Override
  public synchronized void logDirtyPages(boolean on) throws ErrnoException {
    boolean before = logging;
    logging = on;
    try {
      install();
    } catch (ErrnoException failure) {
      logging = before;
      throw failure;
    }
  }

  @Override
  public long dirtyBitmapBytes() {
    return Math.ceilDiv(host.byteSize() / PAGE, Long.SIZE) * Long.BYTES;
  }

  @Override
  public synchronized void takeDirtyPages(MemorySegment bitmap) throws ErrnoException {
    if (!bitmap.isNative() || bitmap.byteSize() < dirtyBitmapBytes()) {
      throw new IllegalArgumentException(
          "the bitmap must be native memory of at least " + dirtyBitmapBytes() + " bytes");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(kvm_dirty_log.layout());
      kvm_dirty_log.slot(struct, number);
      kvm_dirty_log.dirty_bitmap(struct, bitmap);
      long result = vm.tryIoctl(Ioctls.KVM_GET_DIRTY_LOG(), struct);
      ErrnoException.check(result, "KVM_GET_DIRTY_LOG slot", number);
    }
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    long result = apply(0);
    if (result >= 0) { // It fails only if the VM and so the slot is closed.
      vm.release(number);
    }
  }

  @Override
  public String toString() {
    return "slot %d at 0x%x, %d bytes".formatted(number, address, host.byteSize());
  }

  private long apply(long size) {
    long flags = readOnly ? Linux.KVM_MEM_READONLY() : 0;
    if (logging) {
      flags |= Linux.KVM_MEM_LOG_DIRTY_PAGES();
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(kvm_userspace_memory_region.layout());
      kvm_userspace_memory_region.slot(struct, number);
      kvm_userspace_memory_region.flags(struct, (int) flags);
      kvm_userspace_memory_region.guest_phys_addr(struct, address);
      kvm_userspace_memory_region.memory_size(struct, size);
      kvm_userspace_memory_region.userspace_addr(struct, host.address());
      return vm.tryIoctl(Ioctls.KVM_SET_USER_MEMORY_REGION(), struct);
    }
  }
}
