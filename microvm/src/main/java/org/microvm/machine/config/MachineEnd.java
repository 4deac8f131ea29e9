package org.microvm.machine.config;

/** How a guest ended. */
public sealed interface MachineEnd {
  /** The guest powered off. */
  record PowerOff() implements MachineEnd {}

  /**
   * The guest requested a reset, and the machine is configured to end on a reset.
   *
   * @param how how it requested the reset, as text for the user
   */
  record Reset(String how) implements MachineEnd {}

  /**
   * The guest wrote to the debug exit port.
   *
   * @param status the exit status of the process: value * 2 + 1, as with QEMU's isa-debug-exit
   */
  record DebugExit(int status) implements MachineEnd {}

  /**
   * The guest's kernel panicked, and the machine is configured to end on a panic.
   *
   * @param message what the kernel printed on the serial console, or empty if it printed nothing
   * @param how how the panic is known, as text for the user
   */
  record Panicked(String message, String how) implements MachineEnd {
    /** {@return one line: that the guest has panicked, how that is known, and the reason} */
    public String report() {
      return "the guest has panicked (" + how + ")" + (message.isEmpty() ? "" : ": " + message);
    }
  }

  /**
   * The guest triple-faulted: an exception could not be delivered, nor the double fault for it. On
   * a PC this resets the processor.
   *
   * @param report where, in which processor mode, and the registers
   */
  record TripleFault(String report) implements MachineEnd {}

  /**
   * The guest halted, and the machine is configured to end then: all vCPUs have stopped with
   * interrupts off, so that nothing can wake them.
   *
   * @param report what has halted and where, in one line
   */
  record Halted(String report) implements MachineEnd {}

  /**
   * The guest was reset too often in a row without a successful boot.
   *
   * @param resets how often
   * @param last how the last reset was requested
   */
  record ResetLoop(int resets, String last) implements MachineEnd {}

  /** The guest continues in another process. */
  record Migrated() implements MachineEnd {}

  /** The host stopped the machine. */
  record Stopped() implements MachineEnd {}

  /**
   * The guest failed, or KVM could not continue it.
   *
   * @param report the reason, where, in which processor mode, the code bytes there, what to try
   */
  record Failed(String report) implements MachineEnd {}
}
