package org.microvm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.Linux;

/**
 * The parts of a VM's state that can be saved and restored as bytes; the clock is separate ({@link
 * Vm#clock}). KVM API: KVM_GET_IRQCHIP, KVM_GET_PIT2.
 */
public enum VmState {
  /** The first 8259 interrupt controller. */
  PIC_MASTER(Ioctls.IRQCHIP_BYTES),
  /** The second one. */
  PIC_SLAVE(Ioctls.IRQCHIP_BYTES),
  /** The I/O APIC. */
  IO_APIC(Ioctls.IRQCHIP_BYTES),
  /** The 8254 interval timer. */
  PIT(Ioctls.PIT_BYTES);

  private final int bytes;

  VmState(int bytes) {
    this.bytes = bytes;
  }

  /** {@return the size of the part in bytes} */
  public int bytes() {
    return bytes;
  }

  /** Selects the controller in the first field of the kernel's struct. */
  void select(MemorySegment struct) {
    switch (this) {
      case PIC_MASTER -> struct.set(ValueLayout.JAVA_INT, 0, Linux.KVM_IRQCHIP_PIC_MASTER());
      case PIC_SLAVE -> struct.set(ValueLayout.JAVA_INT, 0, Linux.KVM_IRQCHIP_PIC_SLAVE());
      case IO_APIC -> struct.set(ValueLayout.JAVA_INT, 0, Linux.KVM_IRQCHIP_IOAPIC());
      case PIT -> {} // There is only one.
    }
  }

  long getRequest() {
    return this == PIT ? Ioctls.KVM_GET_PIT2() : Ioctls.KVM_GET_IRQCHIP();
  }

  long setRequest() {
    return this == PIT ? Ioctls.KVM_SET_PIT2() : Ioctls.KVM_SET_IRQCHIP();
  }
}
