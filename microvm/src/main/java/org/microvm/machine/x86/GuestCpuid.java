package org.microvm.machine.x86;

import org.microvm.kvm.Capability;
import org.microvm.kvm.Cpuid;
import org.microvm.kvm.Kvm;
import org.microvm.linux.ErrnoException;

/** What a guest's CPUID instruction answers: all that KVM supports, made right for one vCPU. */
public final class GuestCpuid {
  private static final int FEATURES = 1;
  private static final int APIC_ID_SHIFT = 24;
  private static final int ECX_HYPERVISOR = 1 << 31;
  private static final int ECX_TSC_DEADLINE = 1 << 24;
  private static final int ECX_X2APIC = 1 << 21;

  /** Intel's leaves for the topology; EDX is the x2APIC id. */
  private static final int TOPOLOGY = 0xb;

  private static final int TOPOLOGY_V2 = 0x1f;

  /** AMD's leaf about power management; EDX says whether the TSC is the same everywhere, always. */
  private static final int POWER = 0x8000_0007;

  private static final int EDX_INVARIANT_TSC = 1 << 8;

  private GuestCpuid() {}

  /** The table for one vCPU. */
  public static Cpuid of(Kvm kvm, int vcpu) throws ErrnoException {
    Cpuid cpuid = kvm.supportedCpuid();
    for (int i = 0; i < cpuid.count(); i++) {
      switch (cpuid.function(i)) {
        case FEATURES -> {
          // KVM gives the APIC id of the processor it happens to run on.
          cpuid.ebx(i, (cpuid.ebx(i) & 0x00ff_ffff) | vcpu << APIC_ID_SHIFT);
          cpuid.ecx(i, cpuid.ecx(i) | ECX_HYPERVISOR | ECX_X2APIC | deadlineTimer(kvm));
        }
        case TOPOLOGY, TOPOLOGY_V2 -> cpuid.edx(i, vcpu);
        // A guest that may be restored or moved must not keep time by it, and Linux then takes
        // kvmclock, which goes on from where it was. QEMU hides it from such guests too.
        case POWER -> cpuid.edx(i, cpuid.edx(i) & ~EDX_INVARIANT_TSC);
        default -> {}
      }
    }
    return cpuid;
  }

  /** KVM does not name the TSC deadline timer among the CPUID bits: user space must add it. */
  private static int deadlineTimer(Kvm kvm) throws ErrnoException {
    return kvm.capability(Capability.TSC_DEADLINE_TIMER) > 0 ? ECX_TSC_DEADLINE : 0;
  }
}
