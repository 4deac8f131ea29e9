package org.microvm.kvm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.microvm.testing.RequiresKvm;

/** Saving and restoring the state of a vCPU and of a VM. */
@RequiresKvm
@Timeout(30)
class SavedStateTest {
  private static final int HLT = 0xf4;

  @ParameterizedTest
  @EnumSource
  void vcpuState_restoredIsWhatWasSaved(VcpuState part) throws Exception {
    try (TinyGuest guest = TinyGuest.withIrqchip(HLT)) {
      byte[] saved = guest.vcpu.save(part);

      guest.vcpu.restore(part, saved);

      assertArrayEquals(saved, guest.vcpu.save(part));
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "PIT") // Its time fields keep changing.
  void vmState_restoredIsWhatWasSaved(VmState part) throws Exception {
    try (TinyGuest guest = TinyGuest.withIrqchip(HLT)) {
      byte[] saved = guest.vm.save(part);

      guest.vm.restore(part, saved);

      assertArrayEquals(saved, guest.vm.save(part));
    }
  }

  @Test
  void vmState_timerKeepsItsCountAndMode() throws Exception {
    // mov $0x34,%al; out %al,$0x43; mov $0x12,%al; out %al,$0x40; out %al,$0x40; out %al,$0x99
    try (TinyGuest guest =
            TinyGuest.withIrqchip(
                0xb0, 0x34, 0xe6, 0x43, 0xb0, 0x12, 0xe6, 0x40, 0xe6, 0x40, 0xe6, 0x99);
        TinyGuest other = TinyGuest.withIrqchip(HLT)) {
      assertEquals("IO write port 0x99 size 1 count 1", guest.runToExit());

      other.vm.restore(VmState.PIT, guest.vm.save(VmState.PIT));

      int mode = 13; // struct kvm_pit_channel_state
      byte[] restored = other.vm.save(VmState.PIT);
      assertEquals(0x12, restored[0]);
      assertEquals(0x12, restored[1]);
      assertEquals(2, restored[mode]);
    }
  }

  @Test
  void restore_wrongSizeIsRefused() throws Exception {
    try (TinyGuest guest = TinyGuest.withIrqchip(HLT)) {
      assertThrows(
          IllegalArgumentException.class,
          () -> guest.vcpu.restore(VcpuState.REGISTERS, new byte[143]));
      assertThrows(
          IllegalArgumentException.class, () -> guest.vm.restore(VmState.PIT, new byte[113]));
    }
  }

  @Test
  void clock_continuesFromTheTimeThatWasSet() throws Exception {
    try (TinyGuest guest = TinyGuest.withIrqchip(HLT)) {
      guest.vm.clock(1_000_000_000_000L);

      assertTrue(guest.vm.clock() >= 1_000_000_000_000L);
    }
  }

  @Test
  void cpuidAndMsrs_setAndRead() throws Exception {
    int sysenterCs = 0x174;
    try (TinyGuest guest = TinyGuest.withIrqchip(HLT)) {
      Cpuid cpuid = guest.kvm.supportedCpuid();
      guest.vcpu.set(cpuid);
      assertEquals(1, guest.vcpu.set(new Msrs(1).add(sysenterCs, 0x10)));

      Msrs read = new Msrs(1).add(sysenterCs);
      assertEquals(1, guest.vcpu.get(read));
      assertEquals(0x10, read.value(0));
      assertTrue(guest.vcpu.cpuid().find(0, 0) >= 0);
    }
  }
}
