package org.microvm.cli;

/** Parses sizes such as 128M, 2G or 4096K; a number without a letter has the caller's unit. */
public final class ByteSize {
  private ByteSize() {}

  /**
   * Parses a size.
   *
   * @param what the option, for the message
   * @param text the size as given
   * @param plainUnit bytes per unit of a number without a letter
   * @return bytes, at least 0
   * @throws UsageException if {@code text} is not a size, or more than 2^63-1 bytes
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
      // All errors have the message below.
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
