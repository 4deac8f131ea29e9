package org.microvm.machine.engine;

import org.microvm.kvm.Kvm;
import org.microvm.kvm.Vm;
import org.microvm.linux.ErrnoException;

/** Creates VMs with the parts that every machine has: interrupt controllers and a timer. */
public final class BareVm {
  /**
   * Guest addresses of the pages that KVM needs for some Intel processors: below 4 GiB, where no
   * device is.
   */
  private static final long IDENTITY_MAP = 0xfffb_c000L;

  private static final long TSS = 0xfffb_d000L;

  private BareVm() {}

  /** Creates a VM without memory and vCPUs, which the caller closes. */
  public static Vm make(Kvm kvm) throws ErrnoException {
    Vm vm = kvm.createVm();
    try {
      vm.setTssAddress(TSS);
      vm.setIdentityMapAddress(IDENTITY_MAP);
      vm.createIrqchip();
      vm.createPit2();
      return vm;
    } catch (ErrnoException | RuntimeException | Error e) {
      vm.close();
      throw e;
    }
  }
}
