package org.microvm.kvm;

/**
 * The parts of a vCPU's state that can be saved and restored as bytes, in the order in which a
 * restore has to set them.
 *
 * <p>The model-specific registers are separate ({@link Vcpu#set(Msrs)}). Set them after {@link
 * #LOCAL_APIC}, because KVM accepts a TSC deadline only while the local APIC is in deadline mode,
 * and before {@link #EVENTS}.
 */
public enum VcpuState {
  /** Whether the vCPU is runnable, halted or waiting to be started. */
  MP_STATE(Integer.BYTES),
  /** General registers. */
  REGISTERS(144),
  /** Segment and control registers, and the base address of the local APIC. */
  SPECIAL_REGISTERS(312),
  /** Floating point and vector registers; its size depends on the host. */
  EXTENDED_STATE(Ioctls.XSAVE_BYTES),
  /** Extended control registers. */
  EXTENDED_CONTROL(Ioctls.XCRS_BYTES),
  /** Debug registers. */
  DEBUG_REGISTERS(Ioctls.DEBUGREGS_BYTES),
  /** The local APIC, with its timer. */
  LOCAL_APIC(Ioctls.LAPIC_BYTES),
  /** Pending exceptions and interrupts. */
  EVENTS(Ioctls.EVENTS_BYTES);

  private final int bytes;

  VcpuState(int bytes) {
    this.bytes = bytes;
  }

  /** {@return the size of the part in bytes; for {@link #EXTENDED_STATE} the minimum} */
  public int bytes() {
    return bytes;
  }

  long getRequest() {
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

  long setRequest() {
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
}
