package org.microvm.machine.x86;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.kvm.Kvm;
import org.microvm.kvm.Msrs;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.VcpuState;
import org.microvm.kvm.Vm;
import org.microvm.linux.GuestRam;
import org.microvm.machine.config.Topology;
import org.microvm.testing.RequiresKvm;

@RequiresKvm
@Timeout(30)
class KvmStateTest {
  /** MSR_KVM_WALL_CLOCK_NEW. */
  private static final int WALL_CLOCK = 0x4b564d00;

  private static final long TIME = 0x1000;

  private static byte[] save(KvmState state, Vm vm, Vcpu vcpu) throws Exception {
    StateWriter writer = new StateWriter();
    state.save(writer, vm, List.of(vcpu));
    return writer.toByteArray();
  }

  @Test
  void wallClock_isNotWrittenToGuestMemoryBeforeTheGuestGoesOn() throws Exception {
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

        Msrs last = KvmState.restoreVcpu(StateReader.of(saved), vcpu, Duration.ZERO);

        assertEquals(-1, ram.file().nextData(0), "nothing may have been written");
        assertEquals(last.count(), vcpu.set(last));
        assertNotEquals(0, ram.memory().getLong(TIME));
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
