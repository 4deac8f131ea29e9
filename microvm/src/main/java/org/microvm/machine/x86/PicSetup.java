package org.microvm.machine.x86;

import org.microvm.kvm.Vm;
import org.microvm.kvm.VmState;
import org.microvm.linux.ErrnoException;

/**
 * Sets the 8259s of a new VM to the state in which firmware would leave them.
 *
 * <p>KVM creates them without a masked line and with vector 0 for the first one, so that a guest
 * that turns interrupts on before it has set the vectors would take a device's interrupt for an
 * exception. Linux masks all lines itself, and uses them only where it finds no I/O APIC.
 */
public final class PicSetup {
  /** Offset of imr in struct kvm_pic_state, which follows two words in struct kvm_irqchip. */
  private static final int MASK = 10;

  private PicSetup() {}

  /**
   * Masks all lines of both controllers.
   *
   * @param vm a VM with interrupt controllers
   * @throws ErrnoException if KVM refuses
   */
  public static void mask(Vm vm) throws ErrnoException {
    for (VmState controller : new VmState[] {VmState.PIC_MASTER, VmState.PIC_SLAVE}) {
      byte[] state = vm.save(controller);
      state[MASK] = (byte) 0xff;
      vm.restore(controller, state);
    }
  }
}
