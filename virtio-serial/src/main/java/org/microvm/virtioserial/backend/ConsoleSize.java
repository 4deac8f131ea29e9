package org.microvm.virtioserial.backend;

/**
 * The size of a console in characters.
 *
 * @param columns from 0 to 65535
 * @param rows from 0 to 65535
 */
public record ConsoleSize(int columns, int rows) {
  private static final int MAX = 0xffff;

  /** Checks that both numbers fit into 16 bits, as the protocol requires. */
  public ConsoleSize {
    if (columns < 0 || columns > MAX || rows < 0 || rows > MAX) {
      throw new IllegalArgumentException(
          "console size of %d columns and %d rows: both must be from 0 to 65535"
              .formatted(columns, rows));
    }
  }
}
