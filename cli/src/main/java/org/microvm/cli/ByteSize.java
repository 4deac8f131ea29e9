package org.microvm.cli;

/** Sizes as people write them: 128M, 2G, 4096K; a number alone counts in a unit of the caller's. */
public final class ByteSize {
  private ByteSize() {}

  /**
   * Reads a size.
   *
   * @param what the option, for the message
   * @param text the size as given
   * @param plainUnit bytes that a number with no letter stands for
   * @return bytes, at least 0
   * @throws UsageException if {@code text} is no size, or more than 2^63-1 bytes
   */
  public static long parse(String what, String text, long plainUnit) {
    String digits = text.endsWith("B") ? text.substring(0, text.length() - 1) : text;
    long unit = digits.isEmpty() ? 0 : unit(digits.charAt(digits.length() - 1));
    if (unit > 0) {
      digits = digits.substring(0, digits.length() - 1);
    }
    try {
      long number = Long.parseLong(digits);
      if (number >= 0 && !digits.startsWith("+")) {
        return Math.multiplyExact(number, unit > 0 ? unit : plainUnit);
      }
    } catch (NumberFormatException | ArithmeticException e) {
      // Falls through to the one message for all of them.
    }
    throw new UsageException(what + ": '" + text + "' is not a size, such as 128M or 2G");
  }

  private static long unit(char letter) {
    return switch (Character.toUpperCase(letter)) {
      case 'K' -> 1L << 10;
      case 'M' -> 1L << 20;
      case 'G' -> 1L << 30;
      case 'T' -> 1L << 40;
      default -> 0;
    };
  }
}
