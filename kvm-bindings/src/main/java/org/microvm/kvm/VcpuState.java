package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.linux.ErrnoException;
import org.microvm.syscall.Descriptor;

/**
 * The parts of a vCPU's state that can be saved and restored as bytes, in the order in which a
 * restore has to set them.
 *
 * <p>The model-specific registers are separate ({@link Vcpu#set(Msrs)}). Set them after {@link
 * #LOCAL_APIC}, because KVM accepts a TSC deadline only while the local APIC is in deadline mode,
 * and before {@link #EVENTS}.
 */
public enum VcpuState {
  /** Whether the vCPU is runnable, halted or waiting to be started (KVM_GET_MP_STATE). */
  MP_STATE(Integer.BYTES),
  /** General registers (KVM_GET_REGS). */
  REGISTERS(144),
  /** Segment and control registers, and the base address of the local APIC (KVM_GET_SREGS). */
  SPECIAL_REGISTERS(312),
  /** Floating point and vector registers (KVM_GET_XSAVE2); the size depends on the host. */
  EXTENDED_STATE(Ioctls.XSAVE_BYTES),
  /** Extended control registers (KVM_GET_XCRS). */
  EXTENDED_CONTROL(Ioctls.XCRS_BYTES),
  /** Debug registers (KVM_GET_DEBUGREGS). */
  DEBUG_REGISTERS(Ioctls.DEBUGREGS_BYTES),
  /** The local APIC, with its timer (KVM_GET_LAPIC). */
  LOCAL_APIC(Ioctls.LAPIC_BYTES),
  /** Pending exceptions and interrupts (KVM_GET_VCPU_EVENTS). */
  EVENTS(Ioctls.EVENTS_BYTES);

  private final int bytes;

  VcpuState(int bytes) {
    this.bytes = bytes;
  }

  /** {@return the size of the part in bytes; for {@link #EXTENDED_STATE} the minimum} */
  public int bytes() {
    return bytes;
  }

  private long getRequest() {
    return switch (this) {
      case MP_STATE -> Ioctls.KVM_GET_MP_STATE();
      case REGISTERS -> Ioctls.KVM_GET_REGS();
      case SPECIAL_REGISTERS -> Ioctls.KVM_GET_SREGS();
      case EXTENDED_CONTROL -> Ioctls.KVM_GET_XCRS();
      case EXTENDED_STATE -> Ioctls.KVM_GET_XSAVE();
      case LOCAL_APIC -> Ioctls.KVM_GET_LAPIC();
      case DEBUG_REGISTERS -> Ioctls.KVM_GET_DEBUGREGS();
      case EVENTS -> Ioctls.KVM_GET_VCPU_EVENTS();
    };
  }

  private long setRequest() {
    return switch (this) {
      case MP_STATE -> Ioctls.KVM_SET_MP_STATE();
      case REGISTERS -> Ioctls.KVM_SET_REGS();
      case SPECIAL_REGISTERS -> Ioctls.KVM_SET_SREGS();
      case EXTENDED_CONTROL -> Ioctls.KVM_SET_XCRS();
      case EXTENDED_STATE -> Ioctls.KVM_SET_XSAVE();
      case LOCAL_APIC -> Ioctls.KVM_SET_LAPIC();
      case DEBUG_REGISTERS -> Ioctls.KVM_SET_DEBUGREGS();
      case EVENTS -> Ioctls.KVM_SET_VCPU_EVENTS();
    };
  }

  /** Reads the part; {@code extendedBytes} is the size of {@link #EXTENDED_STATE} on this host. */
  byte[] save(Descriptor vcpu, int extendedBytes) throws ErrnoException {
    boolean large = this == EXTENDED_STATE && extendedBytes > bytes;
    long request = large ? Ioctls.KVM_GET_XSAVE2() : getRequest();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(large ? extendedBytes : bytes, Long.BYTES);
      ErrnoException.check(vcpu.ioctl(request, state), "get", this);
      return state.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  /** Sets the part to what {@link #save} has returned. */
  void restore(Descriptor vcpu, int extendedBytes, byte[] state) throws ErrnoException {
    int room = this == EXTENDED_STATE ? extendedBytes : bytes;
    if (state.length < bytes || state.length > room) {
      throw new IllegalArgumentException(
          "%s of a vCPU has %d bytes, not %d".formatted(this, room, state.length));
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(room, Long.BYTES);
      MemorySegment.copy(state, 0, buffer, ValueLayout.JAVA_BYTE, 0, state.length);
      ErrnoException.check(vcpu.ioctl(setRequest(), buffer), "set", this);
    }
  }
}
