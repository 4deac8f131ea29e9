package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.config.OnReset;

class RestartRuleTest {
  private static final MachineEnd.Reset RESET = new MachineEnd.Reset("i8042");
  private static final MachineEnd.Panicked PANIC = new MachineEnd.Panicked("", "");
  private static final MachineEnd FAULT = new MachineEnd.TripleFault("");
  private static final RestartRule EXIT = new RestartRule(OnReset.EXIT, OnPanic.EXIT);
  private static final RestartRule RESTART = new RestartRule(OnReset.RESTART, OnPanic.RESTART);

  @Test
  void exit_endsAfterAllThatTheGuestDoes() {
    assertEquals(Optional.empty(), EXIT.apply(RESET, false));
    assertEquals(Optional.empty(), EXIT.apply(PANIC, false));
    assertEquals(Optional.empty(), EXIT.apply(FAULT, false));
  }

  @Test
  void exit_hostsReset_restarts() {
    assertEquals(Optional.of(RESET), EXIT.apply(RESET, true));
  }

  @Test
  void restart_restartsAfterResetFaultAndPanic() {
    assertEquals(Optional.of(RESET), RESTART.apply(RESET, false));
    assertEquals(Optional.of(new MachineEnd.Reset("triple fault")), RESTART.apply(FAULT, false));
    assertEquals(Optional.of(new MachineEnd.Reset("panic")), RESTART.apply(PANIC, false));
  }

  @Test
  void restart_otherEnds_areTheEnd() {
    assertEquals(Optional.empty(), RESTART.apply(new MachineEnd.PowerOff(), false));
    assertEquals(Optional.empty(), RESTART.apply(new MachineEnd.Stopped(), false));
    assertEquals(Optional.empty(), RESTART.apply(new MachineEnd.Failed(""), false));
  }

  @ParameterizedTest
  @EnumSource(names = {"EXIT", "PAUSE"})
  void restartOfResets_isNoRestartOfPanics(OnPanic onPanic) {
    assertEquals(Optional.empty(), new RestartRule(OnReset.RESTART, onPanic).apply(PANIC, false));
  }
}
