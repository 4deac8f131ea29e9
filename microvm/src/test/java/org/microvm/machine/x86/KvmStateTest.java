package org.microvm.machine.x86;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.kvm.Kvm;
import org.microvm.kvm.Msrs;
import org.microvm.kvm.SpecialRegisters;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.VcpuState;
import org.microvm.kvm.Vm;
import org.microvm.linux.GuestRam;
import org.microvm.linux.SparseFile;
import org.microvm.machine.config.Topology;
import org.microvm.testing.RequiresKvm;

@RequiresKvm
@Timeout(30)
class KvmStateTest {
  /** MSR_KVM_WALL_CLOCK_NEW. */
  private static final int WALL_CLOCK = 0x4b564d00;

  private static final long TIME = 0x1000;

  private static final long EFER_SVME = 1 << 12;

  private static byte[] save(KvmState state, Vm vm, Vcpu vcpu) throws Exception {
    StateWriter writer = new StateWriter();
    state.save(writer, vm, List.of(vcpu));
    return writer.toByteArray();
  }

  @Test
  void wallClock_isNotWrittenToGuestMemoryBeforeTheGuestContinues() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestRam ram = GuestRam.allocate(1 << 20);
        Vm vm = kvm.createVm()) {
      vm.createIrqchip();
      vm.createPit2();
      vm.addMemory(ram.memory());
      try (Vcpu vcpu = vm.createVcpu(0)) {
        vcpu.set(GuestCpuid.of(kvm, Topology.ofCores(1), 0));
        assertEquals(1, vcpu.set(new Msrs(1).add(WALL_CLOCK, TIME)));
        assertNotEquals(
            0, ram.memory().getLong(TIME), "KVM must write the time when the register is set");
        byte[] saved = save(new KvmState(kvm), vm, vcpu);
        ram.clear();

        Msrs last =
            KvmState.restoreVcpus(StateReader.of(saved), List.of(vcpu), Duration.ZERO).get(vcpu);

        assertEquals(-1, SparseFile.nextData(ram.file(), 0), "nothing may have been written");
        assertEquals(last.count(), vcpu.set(last));
        assertNotEquals(0, ram.memory().getLong(TIME));
      }
    }
  }

  @Test
  void guestThatRunsGuests_isNotSaved() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      vm.createIrqchip();
      vm.createPit2();
      try (Vcpu vcpu = vm.createVcpu(0)) {
        vcpu.set(GuestCpuid.of(kvm, Topology.ofCores(1), 0));
        SpecialRegisters registers = new SpecialRegisters();
        vcpu.get(registers);
        registers.efer(registers.efer() | EFER_SVME);
        vcpu.set(registers);
        vcpu.get(registers);
        assumeTrue((registers.efer() & EFER_SVME) != 0, "this host's guests have no SVM");

        StateException refused =
            assertThrows(StateException.class, () -> save(new KvmState(kvm), vm, vcpu));

        assertTrue(refused.getMessage().contains("runs virtual machines"), refused.getMessage());
      }
    }
  }

  @Test
  void save_again_readsTheSameRegisters() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      vm.createIrqchip();
      vm.createPit2();
      try (Vcpu vcpu = vm.createVcpu(0)) {
        vcpu.set(GuestCpuid.of(kvm, Topology.ofCores(1), 0));
        KvmState state = new KvmState(kvm);

        byte[] first = save(state, vm, vcpu);
        byte[] second = save(state, vm, vcpu);

        assertEquals(first.length, second.length);
        assertArrayEquals(registers(first), registers(second));
      }
    }
  }

  /** False before Linux 5.16, and on hosts where the guest's counter is the host's. */
  private static boolean hasOffsets(Vcpu vcpu) throws Exception {
    OptionalLong before = vcpu.clock().tscOffset();
    if (before.isEmpty()) {
      return false;
    }
    vcpu.clock().tscOffset(before.getAsLong() + 1000);
    return !before.equals(vcpu.clock().tscOffset());
  }

  @Test
  void counters_ofAllVcpusAreSynchronousAfterARestore() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      vm.createIrqchip();
      vm.createPit2();
      Topology topology = Topology.ofCores(3);
      try (Vcpu first = vm.createVcpu(0);
          Vcpu second = vm.createVcpu(1);
          Vcpu third = vm.createVcpu(2)) {
        List<Vcpu> vcpus = List.of(first, second, third);
        for (Vcpu vcpu : vcpus) {
          vcpu.set(GuestCpuid.of(kvm, topology, vcpu.id()));
        }
        assumeTrue(hasOffsets(first), "KVM does not set the offset of the TSC");
        // Else KVM computes the offset anew in each call (kvm_arch_vcpu_load in
        // arch/x86/kvm/x86.c).
        assumeTrue(
            first.clock().tscOffset().equals(first.clock().tscOffset()),
            "the host's TSC is unstable: no fixed offset");
        second.clock().tscOffset(first.clock().tscOffset().getAsLong());
        third.clock().tscOffset(first.clock().tscOffset().getAsLong());
        StateWriter writer = new StateWriter();
        new KvmState(kvm).save(writer, vm, vcpus);
        // As after a restore that took KVM too long to find the counters synchronous.
        second.clock().tscOffset(first.clock().tscOffset().getAsLong() + (1L << 40));

        KvmState.restoreVcpus(StateReader.of(writer.toByteArray()), vcpus, Duration.ofSeconds(5));

        assertEquals(first.clock().tscOffset(), second.clock().tscOffset());
        assertEquals(first.clock().tscOffset(), third.clock().tscOffset());
      }
    }
  }

  @Test
  void counters_thatTheGuestSetApart_stayApart() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      vm.createIrqchip();
      vm.createPit2();
      try (Vcpu first = vm.createVcpu(0);
          Vcpu second = vm.createVcpu(1)) {
        List<Vcpu> vcpus = List.of(first, second);
        for (Vcpu vcpu : vcpus) {
          vcpu.set(GuestCpuid.of(kvm, Topology.ofCores(2), vcpu.id()));
        }
        assumeTrue(hasOffsets(first), "KVM does not set the offset of the TSC");
        long apart = 1L << 40;
        second.clock().tscOffset(first.clock().tscOffset().getAsLong() + apart);
        StateWriter writer = new StateWriter();
        new KvmState(kvm).save(writer, vm, vcpus);
        second.clock().tscOffset(first.clock().tscOffset().getAsLong());

        KvmState.restoreVcpus(StateReader.of(writer.toByteArray()), vcpus, Duration.ZERO);

        long now = second.clock().tscOffset().getAsLong() - first.clock().tscOffset().getAsLong();
        assertTrue(now > apart / 2 && now < 2 * apart, "offset " + now);
      }
    }
  }

  /** The indices of the model-specific registers in a saved state. */
  private static int[] registers(byte[] state) throws Exception {
    var input = StateReader.of(state).take("kvm.vcpu.0", 1);
    input.getInt();
    for (int part = 0; part < VcpuState.values().length; part++) {
      input.getBytes(1 << 20);
    }
    int[] indices = new int[input.getInt()];
    for (int i = 0; i < indices.length; i++) {
      indices[i] = input.getInt();
      input.getLong();
    }
    return indices;
  }
}
