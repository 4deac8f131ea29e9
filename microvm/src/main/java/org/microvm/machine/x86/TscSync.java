package org.microvm.machine.x86;

import java.util.OptionalLong;
import org.microvm.kvm.Msrs;
import org.microvm.kvm.Vcpu;
import org.microvm.linux.ErrnoException;

/**
 * Keeps the time stamp counters of a guest's vCPUs synchronous while their state is saved or
 * restored, one vCPU after the other.
 *
 * <p>Each counter is read and written at another time. When a counter is written, KVM compares its
 * value with the one that was written last, and makes both synchronous if they are less than a
 * second apart, counting the time between the writes (Linux: {@code kvm_synchronize_tsc} in
 * arch/x86/kvm/x86.c). A busy host may take longer. So this class copies offsets, which do not
 * depend on time (Linux: KVM_VCPU_TSC_OFFSET in Documentation/virt/kvm/devices/vcpu.rst); KVM has
 * them since Linux 5.16. Without them it relies on the comparison.
 */
final class TscSync {
  /** IA32_TIME_STAMP_COUNTER. */
  static final int TSC = 0x10;

  /** The vCPU that was saved or restored first, or null. */
  private Vcpu first;

  private long firstValue;
  private OptionalLong firstOffset = OptionalLong.empty();

  /**
   * The counter to save for a vCPU: that of the first, if they are synchronous.
   *
   * @param value the vCPU's counter, in ticks of the guest
   * @throws ErrnoException if KVM does not tell the offset although it knows it
   */
  long toSave(Vcpu vcpu, long value) throws ErrnoException {
    if (first == null) {
      remember(vcpu, value);
      return value;
    }
    return offset().isPresent() && offset().equals(vcpu.tscOffset()) ? firstValue : value;
  }

  /**
   * Sets the counter of a vCPU.
   *
   * @param value the counter, in ticks of the guest
   * @param khz ticks in a millisecond
   * @return whether KVM accepted it
   * @throws ErrnoException if a call fails
   */
  boolean restore(Vcpu vcpu, long value, int khz) throws ErrnoException {
    if (first != null && Math.abs(value - firstValue) < khz * 1000L && offset().isPresent()) {
      vcpu.tscOffset(offset().getAsLong());
      return true;
    }
    boolean accepted = vcpu.set(new Msrs(1).add(TSC, value)) == 1;
    if (first == null) {
      remember(vcpu, value);
    }
    return accepted;
  }

  private void remember(Vcpu vcpu, long value) {
    first = vcpu;
    firstValue = value;
  }

  /** The offset of the first vCPU, which is only needed if there is another. */
  private OptionalLong offset() throws ErrnoException {
    if (firstOffset.isEmpty()) {
      firstOffset = first.tscOffset();
    }
    return firstOffset;
  }
}
