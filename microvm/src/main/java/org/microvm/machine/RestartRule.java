package org.microvm.machine;

import java.util.Optional;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.config.OnReset;

/**
 * Decides after which ends the guest boots again.
 *
 * @param onReset what happens if the guest requests a reset, or triple-faults, which resets a PC
 * @param onPanic what happens if the guest's kernel panics
 */
record RestartRule(OnReset onReset, OnPanic onPanic) {
  /** Returns the rule of this configuration. */
  static RestartRule of(MachineConfig config) {
    return new RestartRule(config.onReset(), config.onPanic());
  }

  /**
   * Applies the rule.
   *
   * @param end how the guest has ended
   * @param byHost whether the host requested the reset that ended it
   * @return how it is reset, or nothing if the machine ends
   */
  Optional<MachineEnd.Reset> apply(MachineEnd end, boolean byHost) {
    if (end instanceof MachineEnd.Reset reset && (byHost || onReset == OnReset.RESTART)) {
      return Optional.of(reset);
    }
    if (end instanceof MachineEnd.TripleFault && onReset == OnReset.RESTART) {
      return Optional.of(new MachineEnd.Reset("triple fault"));
    }
    if (end instanceof MachineEnd.Panicked && onPanic == OnPanic.RESTART) {
      return Optional.of(new MachineEnd.Reset("panic"));
    }
    return Optional.empty();
  }
}
