package org.microvm.machine.config;

/** How the life of a guest ended. */
public sealed interface MachineEnd {
  /** The guest switched itself off. */
  record PowerOff() implements MachineEnd {}

  /**
   * The guest asked for a reset, and the machine was told to end on one.
   *
   * @param how the way it asked, for a person to read
   */
  record Reset(String how) implements MachineEnd {}

  /**
   * The guest wrote to the debug exit port.
   *
   * @param status the process status it stands for, as QEMU's isa-debug-exit: value * 2 + 1
   */
  record DebugExit(int status) implements MachineEnd {}

  /** The guest goes on in another process. */
  record Migrated() implements MachineEnd {}

  /** The host asked the machine to stop. */
  record Stopped() implements MachineEnd {}

  /**
   * The guest could not go on, or KVM could not go on with it.
   *
   * @param report what a person needs: where, in which mode, the bytes there, what to try
   */
  record Failed(String report) implements MachineEnd {}
}
