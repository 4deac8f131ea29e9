package org.microvm.machine.x86;

import org.microvm.kvm.Capability;
import org.microvm.kvm.Cpuid;
import org.microvm.kvm.HostVirtualization;
import org.microvm.kvm.Kvm;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.Topology;

/**
 * Builds the CPUID table of a guest: all that KVM supports, adapted to one vCPU (KVM API,
 * KVM_GET_SUPPORTED_CPUID).
 */
public final class GuestCpuid {
  private static final int FEATURES = 1;
  private static final int ECX_HYPERVISOR = 1 << 31;
  private static final int ECX_TSC_DEADLINE = 1 << 24;
  private static final int ECX_X2APIC = 1 << 21;

  /** AMD's leaf for power management; a bit of EDX says that the TSC rate is constant. */
  private static final int POWER = 0x8000_0007;

  private static final int EDX_INVARIANT_TSC = 1 << 8;

  /** KVM's leaf; EAX has the features of asm/kvm_para.h. */
  static final int PARAVIRTUAL = 0x4000_0001;

  /** KVM_FEATURE_PV_UNHALT, PV_SEND_IPI and PV_SCHED_YIELD. */
  static final int EAX_HYPERCALLS = 1 << 7 | 1 << 11 | 1 << 13;

  private GuestCpuid() {}

  /**
   * The table for one vCPU.
   *
   * @param kvm the host's KVM
   * @param topology the vCPUs of the machine
   * @param vcpu the vCPU's number, from 0
   * @return a new table
   * @throws ErrnoException if KVM does not return its table
   */
  public static Cpuid of(Kvm kvm, Topology topology, int vcpu) throws ErrnoException {
    Cpuid cpuid = kvm.supportedCpuid();
    for (int i = 0; i < cpuid.count(); i++) {
      switch (cpuid.function(i)) {
        case FEATURES ->
            cpuid.ecx(i, cpuid.ecx(i) | ECX_HYPERVISOR | ECX_X2APIC | deadlineTimer(kvm));
        // A guest that may be restored or migrated must not use the TSC as its clock. Without this
        // bit Linux uses kvmclock, whose value is saved and restored. QEMU hides the bit, too.
        case POWER -> cpuid.edx(i, cpuid.edx(i) & ~EDX_INVARIANT_TSC);
        case PARAVIRTUAL -> cpuid.eax(i, cpuid.eax(i) & ~missingHypercalls(topology));
        default -> {}
      }
    }
    new CpuidTopology(topology, vcpu).apply(cpuid);
    return cpuid;
  }

  /**
   * The hypercalls between vCPUs that are not offered. Where KVM emulates the guest's kernel
   * (kvm-pvm), its emulator repeats a hypercall forever, and Linux hangs at the first interrupt
   * that it sends to another vCPU. Elsewhere several vCPUs need them where the host has fewer
   * processors: without PV_UNHALT a vCPU that waits for a spinlock spins until its time slice ends,
   * while the one that holds the lock waits for a processor.
   */
  private static int missingHypercalls(Topology topology) {
    boolean offered = topology.cpus() > 1 && !HostVirtualization.emulatesKernels();
    return offered ? 0 : EAX_HYPERCALLS;
  }

  /** KVM does not set the CPUID bit of the TSC deadline timer: user space must set it. */
  private static int deadlineTimer(Kvm kvm) throws ErrnoException {
    return kvm.capability(Capability.TSC_DEADLINE_TIMER) > 0 ? ECX_TSC_DEADLINE : 0;
  }
}
