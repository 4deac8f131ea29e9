package org.microvm.machine.vcpu;

import org.microvm.machine.config.MachineEnd;

/** Ends the guest that a VM runs; the first call counts. */
public interface GuestEnder {
  /** Ends the guest; does nothing if it has ended. */
  void end(MachineEnd end);

  /** Whether the guest has ended; every vCPU then leaves its loop. */
  boolean ended();
}
