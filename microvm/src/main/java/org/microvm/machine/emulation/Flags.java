package org.microvm.machine.emulation;

/** Bits of RFLAGS. */
final class Flags {
  static final long CARRY = 1;
  static final long PARITY = 1 << 2;
  static final long ADJUST = 1 << 4;
  static final long ZERO = 1 << 6;
  static final long SIGN = 1 << 7;
  static final long DIRECTION = 1 << 10;
  static final long OVERFLOW = 1 << 11;

  /** Alignment check; in the kernel it also permits access to user pages. */
  static final long ALIGNMENT_CHECK = 1 << 18;

  /** Bit 1, which is always set. */
  static final long ALWAYS = 1 << 1;

  /** The flags that SYSRET takes from R11. */
  static final long SYSRET = 0x3c_7fd7;

  private Flags() {}
}
