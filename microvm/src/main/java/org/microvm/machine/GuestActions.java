package org.microvm.machine;

import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.config.OnReset;

/** What happens when a machine's guest resets or panics. Any thread may change it at any time. */
public final class GuestActions {
  private volatile RestartRule rule;

  GuestActions(MachineConfig config) {
    rule = RestartRule.of(config);
  }

  /**
   * {@return the actions of a machine, which its configuration has set}
   *
   * @param machine the machine
   */
  public static GuestActions of(Machine machine) {
    return machine.controls().context().actions();
  }

  RestartRule rule() {
    return rule;
  }

  /**
   * Sets what happens if the guest requests a reset from now on.
   *
   * @param action replaces the present one
   */
  public synchronized void onReset(OnReset action) {
    rule = new RestartRule(action, rule.onPanic());
  }

  /**
   * Sets what happens if the guest's kernel panics from now on.
   *
   * @param action replaces the present one
   */
  public synchronized void onPanic(OnPanic action) {
    rule = new RestartRule(rule.onReset(), action);
  }
}
