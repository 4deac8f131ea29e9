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

  /** The counter of one vCPU. */
  interface Counter {
    /** {@return the difference to the host's counter; empty if KVM does not report it} */
    OptionalLong offset() throws ErrnoException;

    void setOffset(long offset) throws ErrnoException;

    /** Sets the value, from which KVM computes the offset; false if KVM refuses it. */
    boolean setValue(long value) throws ErrnoException;
  }

  private record KvmCounter(Vcpu vcpu) implements Counter {
    @Override
    public OptionalLong offset() throws ErrnoException {
      return vcpu.clock().tscOffset();
    }

    @Override
    public void setOffset(long offset) throws ErrnoException {
      vcpu.clock().tscOffset(offset);
    }

    @Override
    public boolean setValue(long value) throws ErrnoException {
      return vcpu.set(new Msrs(1).add(TSC, value)) == 1;
    }
  }

  /** The counter that was saved or restored first, or null. */
  private Counter first;

  private long firstValue;
  private OptionalLong firstOffset = OptionalLong.empty();

  /** {@return the counter of a vCPU in KVM} */
  static Counter of(Vcpu vcpu) {
    return new KvmCounter(vcpu);
  }

  /**
   * Returns the value to save for a vCPU: that of the first, if their counters are synchronous.
   *
   * @param counter the vCPU's counter
   * @param value its value, in ticks of the guest
   * @return the value to save
   * @throws ErrnoException if KVM does not report the offset although it supports it
   */
  long toSave(Counter counter, long value) throws ErrnoException {
    if (first == null) {
      remember(counter, value);
      return value;
    }
    return offset().isPresent() && offset().equals(counter.offset()) ? firstValue : value;
  }

  /**
   * Sets the counter of a vCPU.
   *
   * @param counter the vCPU's counter
   * @param value its value, in ticks of the guest
   * @param khz ticks in a millisecond
   * @return whether KVM accepted it
   * @throws ErrnoException if a call fails
   */
  boolean restore(Counter counter, long value, int khz) throws ErrnoException {
    if (first != null && Math.abs(value - firstValue) < khz * 1000L && offset().isPresent()) {
      counter.setOffset(offset().getAsLong());
      return true;
    }
    boolean accepted = counter.setValue(value);
    if (first == null) {
      remember(counter, value);
    }
    return accepted;
  }

  private void remember(Counter counter, long value) {
    first = counter;
    firstValue = value;
  }

  /** The offset of the first vCPU, which is only needed if there is another. */
  private OptionalLong offset() throws ErrnoException {
    if (firstOffset.isEmpty()) {
      firstOffset = first.offset();
    }
    return firstOffset;
  }
}
