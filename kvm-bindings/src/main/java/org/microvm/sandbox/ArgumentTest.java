package org.microvm.sandbox;

/**
 * A condition on an argument of a system call.
 *
 * @param argument its index, 0 to 5
 * @param mask the bits that count
 * @param value what they must be
 */
record ArgumentTest(int argument, long mask, long value) {
  private static final long LOW = 0xffff_ffffL;

  /** An argument of 32 bits, of which the kernel ignores the upper half, has this value. */
  static ArgumentTest is(int argument, int value) {
    return new ArgumentTest(argument, LOW, value & LOW);
  }

  /** These bits of an argument of 32 bits have this value. */
  static ArgumentTest bits(int argument, int mask, int value) {
    return new ArgumentTest(argument, mask & LOW, value & LOW);
  }

  /** The argument is a null pointer. */
  static ArgumentTest isNull(int argument) {
    return new ArgumentTest(argument, -1, 0);
  }

  /** Whether an argument fulfils the condition. */
  boolean holds(long actual) {
    return (actual & mask) == value;
  }
}
