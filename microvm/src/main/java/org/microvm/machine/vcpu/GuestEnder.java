package org.microvm.machine.vcpu;

import org.microvm.machine.config.MachineEnd;

/** Ends the life of the guest; the first call counts. */
public interface GuestEnder {
  /** Ends it this way, unless it has ended already. */
  void end(MachineEnd end);

  /** Whether it has ended; every vCPU then leaves its loop. */
  boolean ended();
}
