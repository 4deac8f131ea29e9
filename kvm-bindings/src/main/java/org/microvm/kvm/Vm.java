package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.microvm.bindings.kvm_clock_data;
import org.microvm.bindings.kvm_enable_cap;
import org.microvm.bindings.kvm_pit_config;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventFd;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.MemoryRegion;
import org.microvm.syscall.Descriptor;
import org.microvm.syscall.Syscalls;

/**
 * A virtual machine: memory slots, interrupt controllers, event and interrupt descriptors, vCPUs
 * (KVM API, KVM_CREATE_VM).
 *
 * <p>Any thread may call. Close it after everything that was created from it.
 */
public final class Vm implements AutoCloseable {
  private final Descriptor descriptor;
  private final int vcpuMmapSize;
  private final BitSet slots = new BitSet();

  Vm(Descriptor descriptor, int vcpuMmapSize) {
    this.descriptor = descriptor;
    this.vcpuMmapSize = vcpuMmapSize;
  }

  /**
   * Queries a capability of this VM.
   *
   * @param capability the capability
   * @return 0 if it is missing, else 1 or a count
   * @throws ErrnoException if the VM is closed
   */
  public int capability(Capability capability) throws ErrnoException {
    return (int) ioctl("KVM_CHECK_EXTENSION", Ioctls.KVM_CHECK_EXTENSION(), capability.number());
  }

  /**
   * Enables a capability that is off by default.
   *
   * @param capability what to enable
   * @param argument the capability's first argument; 0 if it has none
   * @throws ErrnoException if KVM refuses, for example because the capability is missing
   */
  public void enable(Capability capability, long argument) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(kvm_enable_cap.layout());
      kvm_enable_cap.cap(struct, capability.number());
      struct.set(ValueLayout.JAVA_LONG, kvm_enable_cap.args$offset(), argument);
      long result = tryIoctl(Ioctls.KVM_ENABLE_CAP(), struct);
      ErrnoException.check(result, "KVM_ENABLE_CAP", capability);
    }
  }

  /**
   * Creates both 8259s, the I/O APIC, and a local APIC for each vCPU created later; call it before
   * creating the first vCPU.
   *
   * @throws ErrnoException if the VM has an interrupt controller or a vCPU already, or is closed
   */
  public void createIrqchip() throws ErrnoException {
    ioctl("KVM_CREATE_IRQCHIP", Ioctls.KVM_CREATE_IRQCHIP(), 0);
  }

  /**
   * Creates an 8254 interval timer on IRQ 0; call it after {@link #createIrqchip}.
   *
   * @throws ErrnoException if the VM has no interrupt controller or has a timer already, or is
   *     closed
   */
  public void createPit2() throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(kvm_pit_config.layout());
      ioctl("KVM_CREATE_PIT2", Ioctls.KVM_CREATE_PIT2(), struct.address());
    }
  }

  /**
   * Sets the address of three pages that KVM needs on some Intel processors; they must be below 4
   * GiB and otherwise unused.
   *
   * @param address guest-physical, a multiple of the page size
   * @throws ErrnoException if KVM refuses the address or the VM is closed
   */
  public void setTssAddress(long address) throws ErrnoException {
    ioctl("KVM_SET_TSS_ADDR", Ioctls.KVM_SET_TSS_ADDR(), address);
  }

  /**
   * Sets the address of the identity map, one more page that KVM needs on some Intel processors;
   * call it before creating the first vCPU.
   *
   * @param address guest-physical, a multiple of the page size, below 4 GiB and otherwise unused
   * @throws ErrnoException if the VM has a vCPU already or is closed
   */
  public void setIdentityMapAddress(long address) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocateFrom(ValueLayout.JAVA_LONG, address);
      ioctl("KVM_SET_IDENTITY_MAP_ADDR", Ioctls.KVM_SET_IDENTITY_MAP_ADDR(), value.address());
    }
  }

  /**
   * Makes all of guest RAM visible to the guest, one slot per region.
   *
   * @param memory RAM that stays mapped until the slots or the VM are closed
   * @return the slots, in the order of the regions
   * @throws ErrnoException if KVM refuses a region; no slot remains then
   */
  public List<MemorySlot> addMemory(GuestMemory memory) throws ErrnoException {
    List<MemorySlot> added = new ArrayList<>();
    try {
      for (MemoryRegion region : memory.regions()) {
        added.add(addMemory(region.start(), region.host(), false));
      }
      return added;
    } catch (ErrnoException failure) {
      added.forEach(MemorySlot::close);
      throw failure;
    }
  }

  /**
   * Makes host memory visible to the guest.
   *
   * @param address guest-physical, a multiple of the page size
   * @param host page-aligned memory of whole pages, which must stay mapped until the slot or the VM
   *     is closed
   * @param readOnly whether a guest write is an MMIO exit; guest reads do not exit either way
   * @return the slot; it may be closed before the VM
   * @throws ErrnoException if KVM refuses, for example because the range overlaps another slot
   */
  public MemorySlot addMemory(long address, MemorySegment host, boolean readOnly)
      throws ErrnoException {
    int number;
    synchronized (slots) {
      number = slots.nextClearBit(0);
      slots.set(number);
    }
    MemorySlot slot = new MemorySlot(this, number, address, host, readOnly);
    try {
      slot.install();
      return slot;
    } catch (ErrnoException | RuntimeException | Error failure) {
      release(number);
      throw failure;
    }
  }

  void release(int slot) {
    synchronized (slots) {
      slots.clear(slot);
    }
  }

  /**
   * Creates a vCPU whose number is also its local APIC ID.
   *
   * @param number the vCPU's number, from 0
   * @return the vCPU, which the caller closes before the VM
   * @throws ErrnoException if the number is in use or too high for this host, or the VM is closed
   */
  public Vcpu createVcpu(int number) throws ErrnoException {
    return createVcpu(number, number);
  }

  /**
   * Creates a vCPU.
   *
   * @param number the vCPU's number, from 0, by which messages refer to it
   * @param apicId its local APIC ID; the vCPU with ID 0 boots, the others wait to be started
   * @return the vCPU, which the caller closes before the VM
   * @throws ErrnoException if the ID is in use or too high for this host, or the VM is closed
   */
  public Vcpu createVcpu(int number, int apicId) throws ErrnoException {
    long result = descriptor.ioctl(Ioctls.KVM_CREATE_VCPU(), apicId);
    Descriptor vcpu =
        new Descriptor((int) ErrnoException.check(result, "KVM_CREATE_VCPU", apicId), true);
    try {
      return new Vcpu(number, vcpu, vcpuMmapSize, capability(Capability.XSAVE2));
    } catch (ErrnoException | RuntimeException | Error failure) {
      vcpu.close();
      throw failure;
    }
  }

  /**
   * Sets the level of an interrupt line (KVM API, KVM_IRQ_LINE). Allocates nothing.
   *
   * @param gsi number of the interrupt line
   * @param level true to assert it
   * @return 0, or {@code -errno}
   */
  public int irqLine(int gsi, boolean level) {
    int number = descriptor.acquire();
    if (number < 0) {
      return -Errno.EBADF;
    }
    try {
      return (int) Syscalls.ioctl(number, Ioctls.KVM_IRQ_LINE(), gsi, level ? 1 : 0);
    } finally {
      descriptor.release();
    }
  }

  /**
   * Makes each signal of the eventfd raise an edge on an interrupt line.
   *
   * @param gsi number of the interrupt line
   * @param signal the eventfd, which its owner closes after the binding
   * @return the binding, which the caller closes
   * @throws ErrnoException if the eventfd is bound already, the VM has no interrupt controller or
   *     is closed
   */
  public IrqFd irqFd(int gsi, EventFd signal) throws ErrnoException {
    return new IrqFd(this, gsi, signal);
  }

  /**
   * Makes matching guest writes signal the eventfd, without an exit to user space.
   *
   * @param match which writes
   * @param signal the eventfd, which its owner closes after the binding
   * @return the binding, which the caller closes
   * @throws ErrnoException if another binding has the same writes, KVM does not know such a match
   *     or the VM is closed
   */
  public IoEventFd ioEventFd(IoEventFd.Match match, EventFd signal) throws ErrnoException {
    return new IoEventFd(this, match, signal);
  }

  /**
   * {@return the guest's clock in nanoseconds (KVM API, KVM_GET_CLOCK)}
   *
   * @throws ErrnoException if the VM is closed
   */
  public long clock() throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(kvm_clock_data.layout());
      ioctl("KVM_GET_CLOCK", Ioctls.KVM_GET_CLOCK(), struct.address());
      return kvm_clock_data.clock(struct);
    }
  }

  /**
   * Sets the guest's clock (KVM API, KVM_SET_CLOCK).
   *
   * @param nanos the new time in nanoseconds
   * @throws ErrnoException if the VM is closed
   */
  public void clock(long nanos) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(kvm_clock_data.layout());
      kvm_clock_data.clock(struct, nanos);
      ioctl("KVM_SET_CLOCK", Ioctls.KVM_SET_CLOCK(), struct.address());
    }
  }

  /**
   * Saves a part of the state.
   *
   * @param part what to save
   * @return {@link VmState#bytes} bytes of the kernel's struct
   * @throws ErrnoException if the VM lacks this part or is closed
   */
  public byte[] save(VmState part) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(part.bytes(), Long.BYTES);
      part.select(state);
      ErrnoException.check(tryIoctl(part.getRequest(), state), "get", part);
      return state.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  /**
   * Restores a part of the state.
   *
   * @param part what to restore
   * @param state what {@link #save} has returned for this part
   * @throws IllegalArgumentException if the number of bytes is not that of the part
   * @throws ErrnoException if KVM refuses the state, the VM lacks this part or is closed
   */
  public void restore(VmState part, byte[] state) throws ErrnoException {
    if (state.length != part.bytes()) {
      throw new IllegalArgumentException(
          "%s of a VM has %d bytes, not %d".formatted(part, part.bytes(), state.length));
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(part.bytes(), Long.BYTES);
      buffer.copyFrom(MemorySegment.ofArray(state));
      part.select(buffer);
      ErrnoException.check(tryIoctl(part.setRequest(), buffer), "set", part);
    }
  }

  /**
   * Opens the VM's counters.
   *
   * @return the counters, which the caller closes
   * @throws ErrnoException if KVM has no counters to read or the VM is closed
   */
  public KvmStats statistics() throws ErrnoException {
    return KvmStats.open(descriptor, "VM");
  }

  /**
   * {@return the VM's counters, which keep no descriptor: each reading opens and closes them}
   * Readings fail if KVM has no counters or the VM is closed.
   */
  public KvmStats statisticsOnDemand() {
    return KvmStats.onDemand(descriptor, "VM");
  }

  /**
   * Closes the descriptor; the kernel frees the VM when the last vCPU is closed too. Later calls do
   * nothing.
   */
  @Override
  public void close() {
    descriptor.close();
  }

  /** Makes an ioctl with a number, or with the address of memory that the caller keeps alive. */
  long ioctl(String name, long request, long argument) throws ErrnoException {
    return ErrnoException.check(descriptor.ioctl(request, argument), name);
  }

  /** Makes an ioctl with a struct; returns its result or -errno and does not throw. */
  long tryIoctl(long request, MemorySegment struct) {
    return descriptor.ioctl(request, struct);
  }
}
