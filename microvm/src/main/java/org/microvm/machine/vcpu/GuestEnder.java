package org.microvm.machine.vcpu;

import org.microvm.machine.config.MachineEnd;

/** Ends the guest of a VM; only the first call has an effect. */
public interface GuestEnder {
  /** Ends the guest; does nothing if it has ended. */
  void end(MachineEnd end);

  /** Whether the guest has ended; every vCPU then leaves its loop. */
  boolean ended();
}
