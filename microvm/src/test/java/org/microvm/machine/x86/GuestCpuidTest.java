package org.microvm.machine.x86;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.kvm.Cpuid;
import org.microvm.kvm.HostVirtualization;
import org.microvm.kvm.Kvm;
import org.microvm.machine.config.Topology;
import org.microvm.testing.RequiresKvm;

/** The CPUID table that guests see. */
@RequiresKvm
@Timeout(20)
class GuestCpuidTest {
  private static final int POWER = 0x8000_0007;
  private static final int EDX_INVARIANT_TSC = 1 << 8;

  @Test
  void guestThatMayMove_hasNoInvariantTsc() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      Cpuid supported = kvm.supportedCpuid();
      Cpuid cpuid = GuestCpuid.of(kvm, Topology.ofCores(1), 0);

      int leaf = cpuid.find(POWER, 0);
      assertTrue(leaf >= 0, "KVM's CPUID table must have the leaf with the invariant TSC bit");
      assertEquals(0, cpuid.edx(leaf) & EDX_INVARIANT_TSC);
      int supportedLeaf = supported.find(POWER, 0);
      assertEquals(supported.edx(supportedLeaf) & ~EDX_INVARIANT_TSC, cpuid.edx(leaf));
    }
  }

  @Test
  void hypercallsBetweenVcpus_areOfferedUnlessKvmEmulatesTheGuestsKernel() throws Exception {
    int hypercalls = 1 << 7 | 1 << 11 | 1 << 13;
    int working = HostVirtualization.emulatesKernels() ? 0 : hypercalls;
    try (Kvm kvm = Kvm.open()) {
      Cpuid supported = kvm.supportedCpuid();
      Cpuid cpuid = GuestCpuid.of(kvm, Topology.ofCores(2), 1);

      int leaf = cpuid.find(0x4000_0001, 0);
      assertTrue(leaf >= 0, "KVM's CPUID table must have the leaf with its own features");
      // The leaves of the topology are added, so the tables have different indices.
      int offered = supported.eax(supported.find(0x4000_0001, 0));
      assertEquals(offered & hypercalls & working, cpuid.eax(leaf) & hypercalls);
    }
  }
}
