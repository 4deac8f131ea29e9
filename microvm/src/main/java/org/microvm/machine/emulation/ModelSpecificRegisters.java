package org.microvm.machine.emulation;

/** The model-specific registers of SYSCALL and SYSRET (AMD64 manual volume 2, section 6.1.1). */
final class ModelSpecificRegisters {
  /** Selectors: bits 47:32 for SYSCALL, bits 63:48 for SYSRET. */
  static final int STAR = 0xc000_0081;

  /** The target of SYSCALL in 64-bit mode. */
  static final int LSTAR = 0xc000_0082;

  /** The flags that SYSCALL clears. */
  static final int SYSCALL_MASK = 0xc000_0084;

  private ModelSpecificRegisters() {}
}
