package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.junit.GuestVm;
import org.microvm.junit.MicroVm;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.OnReset;

/** Guests that shut down or reboot at the request of the host to their agent. */
@MicroVm(scope = MicroVm.Scope.METHOD, snapshot = false, onReset = OnReset.RESTART)
@Tag("linux")
@Tag("guest-agent")
@Timeout(1800)
class AgentLifecycleTest {
  private static final Duration BOOT = Guest.boot();

  @Test
  void reboot_bringsTheAgentBack_powerdownEndsTheMachine(GuestVm vm) throws Exception {
    vm.writeFile("/run/of-the-first-life", "");
    long said = vm.consoleLength();

    vm.agent().shutdown(ShutdownMode.REBOOT);
    vm.awaitConsole("GUEST READY", said, BOOT);
    // The connection belongs to the host and survives the guest's reboot.
    vm.agent().await(BOOT);

    assertThrows(AgentCommandException.class, () -> vm.readFile("/run/of-the-first-life"));
    assertEquals(1, vm.machine().statistics().resets());

    vm.agent().shutdown(ShutdownMode.POWERDOWN);
    MachineEnd end = vm.machine().end().get(BOOT.toSeconds(), TimeUnit.SECONDS);

    assertEquals(new MachineEnd.PowerOff(), end);
    assertThrows(AgentDisconnectedException.class, vm.agent()::ping);
  }

  @Test
  void halt_isHowTheMachineEnds(GuestVm vm) throws Exception {
    vm.agent().shutdown(ShutdownMode.HALT);
    vm.awaitConsole("System halted", 0, BOOT);

    MachineEnd end = vm.machine().end().get(BOOT.toSeconds(), TimeUnit.SECONDS);
    assertInstanceOf(MachineEnd.Halted.class, end);
  }
}
