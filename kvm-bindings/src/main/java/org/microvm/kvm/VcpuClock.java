package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.OptionalLong;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.syscall.Descriptor;

/**
 * A vCPU's time stamp counter and KVM clock (KVM API, KVM_SET_TSC_KHZ, KVM_KVMCLOCK_CTRL;
 * KVM_VCPU_TSC_OFFSET in Documentation/virt/kvm/devices/vcpu.rst). The methods are for the threads
 * that may call those of {@link Vcpu}.
 */
public final class VcpuClock {
  /** Offsets in struct kvm_device_attr, and the attribute of asm/kvm.h for the TSC. */
  static final long ATTRIBUTE_GROUP = 4;

  static final long ATTRIBUTE_NUMBER = 8;
  static final long ATTRIBUTE_ADDRESS = 16;
  static final int TSC_CTRL = 0;
  static final long TSC_OFFSET = 0;

  private final Descriptor descriptor;
  private final String vcpu;

  VcpuClock(Descriptor descriptor, String vcpu) {
    this.descriptor = descriptor;
    this.vcpu = vcpu;
  }

  /**
   * {@return the frequency of the guest's time stamp counter in kHz}
   *
   * @throws ErrnoException if KVM does not know it or the vCPU is closed
   */
  public int tscKhz() throws ErrnoException {
    return (int)
        ErrnoException.check(
            descriptor.ioctl(Ioctls.KVM_GET_TSC_KHZ(), 0), "KVM_GET_TSC_KHZ", vcpu);
  }

  /**
   * Sets the frequency of the guest's time stamp counter.
   *
   * @param khz the frequency in kHz, positive
   * @throws ErrnoException if the host cannot scale the counter to this frequency or the vCPU is
   *     closed
   */
  public void tscKhz(int khz) throws ErrnoException {
    ErrnoException.check(descriptor.ioctl(Ioctls.KVM_SET_TSC_KHZ(), khz), "KVM_SET_TSC_KHZ", vcpu);
  }

  /**
   * {@return the difference between the guest's time stamp counter and the host's, in ticks of the
   * guest; empty if KVM does not report it (before Linux 5.16)}
   *
   * @throws ErrnoException if the call fails for another reason
   */
  public OptionalLong tscOffset() throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(ValueLayout.JAVA_LONG);
      long result =
          descriptor.ioctl(Ioctls.KVM_GET_DEVICE_ATTR(), tscOffsetAttribute(arena, value));
      if (result == -Errno.ENXIO || result == -Errno.ENOTTY || result == -Errno.EINVAL) {
        return OptionalLong.empty();
      }
      ErrnoException.check(result, "KVM_GET_DEVICE_ATTR KVM_VCPU_TSC_OFFSET", vcpu);
      return OptionalLong.of(value.get(ValueLayout.JAVA_LONG, 0));
    }
  }

  /**
   * Sets the difference between the guest's time stamp counter and the host's. vCPUs with the same
   * offset have synchronous counters.
   *
   * @param offset in ticks of the guest
   * @throws ErrnoException if this KVM does not support it
   */
  public void tscOffset(long offset) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocateFrom(ValueLayout.JAVA_LONG, offset);
      ErrnoException.check(
          descriptor.ioctl(Ioctls.KVM_SET_DEVICE_ATTR(), tscOffsetAttribute(arena, value)),
          "KVM_SET_DEVICE_ATTR KVM_VCPU_TSC_OFFSET",
          vcpu);
    }
  }

  private static MemorySegment tscOffsetAttribute(Arena arena, MemorySegment value) {
    MemorySegment attribute = arena.allocate(Ioctls.DEVICE_ATTRIBUTE_BYTES, Long.BYTES);
    attribute.set(ValueLayout.JAVA_INT, ATTRIBUTE_GROUP, TSC_CTRL);
    attribute.set(ValueLayout.JAVA_LONG, ATTRIBUTE_NUMBER, TSC_OFFSET);
    attribute.set(ValueLayout.JAVA_LONG, ATTRIBUTE_ADDRESS, value.address());
    return attribute;
  }

  /**
   * Notifies the guest through its KVM clock that the vCPU was paused, so that its watchdogs do not
   * fire.
   *
   * @throws ErrnoException if the guest has not set up its KVM clock (EINVAL) or the vCPU is closed
   */
  public void notifyPaused() throws ErrnoException {
    ErrnoException.check(
        descriptor.ioctl(Ioctls.KVM_KVMCLOCK_CTRL(), 0), "KVM_KVMCLOCK_CTRL", vcpu);
  }
}
