package org.microvm.machine.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.machine.emulation.FakeCpu;
import org.microvm.machine.emulation.InstructionEmulator;
import org.microvm.machine.vcpu.ExitStatistics;
import org.microvm.machine.vcpu.VcpuAccount;

class EmulationStateTest {
  private static final String SECTION = "emulation.system-calls";

  private static VcpuAccount vcpu() {
    return new VcpuAccount(
        new ExitStatistics(), new InstructionEmulator(new FakeCpu()), Optional.empty());
  }

  private static long handler(VcpuAccount vcpu) {
    return vcpu.emulator().systemCalls().handler();
  }

  private static StateReader saved(VcpuAccount... vcpus) throws StateException {
    StateWriter writer = new StateWriter();
    EmulationState.save(writer, List.of(vcpus));
    return StateReader.of(writer.toByteArray());
  }

  @Test
  void guestWithABreakpoint_hasItAfterARestore() throws StateException {
    VcpuAccount before = vcpu();
    before.emulator().systemCalls().restore(0xffff_ffff_81c0_0b70L);
    VcpuAccount after = vcpu();
    VcpuAccount other = vcpu();

    StateReader state = saved(vcpu(), before);
    EmulationState.load(state, List.of(other, after));

    state.end();
    assertEquals(0xffff_ffff_81c0_0b70L, handler(after));
    assertEquals(0, handler(other));
  }

  @Test
  void guestWithoutABreakpoint_hasNoSection() throws StateException {
    StateReader state = saved(vcpu(), vcpu());

    assertFalse(state.has(SECTION));
    EmulationState.load(state, List.of(vcpu(), vcpu()));
  }

  @Test
  void sectionOfFewerVcpus_isRefused() throws StateException {
    VcpuAccount one = vcpu();
    one.emulator().systemCalls().restore(0x1000);
    StateReader state = saved(one);

    assertThrows(StateException.class, () -> EmulationState.load(state, List.of(vcpu(), vcpu())));
  }
}
