package org.microvm.virtioserial.backend;

/**
 * The size of a console in characters.
 *
 * @param columns from 0 to 65535
 * @param rows from 0 to 65535
 */
public record ConsoleSize(int columns, int rows) {
  private static final int MAX = 0xffff;

  /** Checks the range that the protocol can carry. */
  public ConsoleSize {
    if (columns < 0 || columns > MAX || rows < 0 || rows > MAX) {
      throw new IllegalArgumentException(
          "a console of %d columns and %d rows does not fit into 16 bits".formatted(columns, rows));
    }
  }
}
