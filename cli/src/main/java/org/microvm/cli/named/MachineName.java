package org.microvm.cli.named;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The name of a machine, which is also the name of its directory.
 *
 * @param text at most 64 letters, digits, dots, underscores and dashes; a letter or digit first
 */
public record MachineName(String text) {
  private static final Pattern ACCEPTED = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

  /**
   * Checks the name.
   *
   * @throws IllegalArgumentException if it is not one; the message is for a person
   */
  public MachineName {
    if (!ACCEPTED.matcher(text).matches()) {
      throw new IllegalArgumentException(
          "'%s' is not the name of a machine: accepted are up to 64 letters, digits, '.', '_' and '-', a letter or digit first"
              .formatted(text));
    }
  }

  /** {@return whether a text is an acceptable name} */
  static boolean isOne(String text) {
    return ACCEPTED.matcher(text).matches();
  }

  /**
   * Returns the name that this one was probably meant to be.
   *
   * @param known the names that exist
   * @return the one that the fewest changes of a character make from this one; empty if all differ
   *     in more than half of it
   */
  Optional<MachineName> nearest(Collection<MachineName> known) {
    return known.stream()
        .filter(other -> distance(text, other.text) <= Math.max(1, text.length() / 2))
        .min(Comparator.comparingInt(other -> distance(text, other.text)));
  }

  /** The number of characters to insert, delete, replace or swap with their neighbour. */
  private static int distance(String a, String b) {
    int[][] d = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          d[i][j] = i + j;
          continue;
        }
        int same = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
        d[i][j] = Math.min(Math.min(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + same);
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
        }
      }
    }
    return d[a.length()][b.length()];
  }

  @Override
  public String toString() {
    return text;
  }
}
