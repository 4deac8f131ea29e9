package org.microvm.virtioserial.options;

import java.util.Collection;
import java.util.Optional;

/** Finds the accepted word that is nearest to a misspelt one. */
public final class NearestWord {
  private NearestWord() {}

  /**
   * {@return the known word that differs least, if at most one letter in three and not every letter
   * differs; empty if there is none}
   *
   * @param word what the user has written
   * @param known the words that are accepted; of several that are equally near, the one with the
   *     longest common beginning wins, then the first one
   */
  public static Optional<String> of(String word, Collection<String> known) {
    String nearest = null;
    int least = Integer.MAX_VALUE;
    for (String one : known) {
      int most = Math.max(1, one.length() / 3);
      // The word may have any length: a client of a control socket sends it.
      if (Math.abs(word.length() - one.length()) > most) {
        continue;
      }
      int distance = distance(word, one);
      boolean near = distance <= most && distance < word.length();
      boolean nearer =
          distance < least || distance == least && prefix(word, one) > prefix(word, nearest);
      if (near && nearer) {
        least = distance;
        nearest = one;
      }
    }
    return Optional.ofNullable(nearest);
  }

  /**
   * {@return a question about the nearest word for the end of a message, such as {@code ; did you
   * mean socket?}; empty if no word is near}
   *
   * @param word what the user has written
   * @param known the words that are accepted
   */
  public static String hint(String word, Collection<String> known) {
    return of(word, known).map(nearest -> "; did you mean " + nearest + "?").orElse("");
  }

  /** The number of letters that both begin with; 0 without another word. */
  private static int prefix(String word, String other) {
    int count = 0;
    int most = other == null ? 0 : Math.min(word.length(), other.length());
    while (count < most && word.charAt(count) == other.charAt(count)) {
      count++;
    }
    return count;
  }

  /** The number of letters to insert, remove, replace or swap with their neighbours. */
  private static int distance(String from, String to) {
    int[][] cost = new int[from.length() + 1][to.length() + 1];
    for (int i = 0; i <= from.length(); i++) {
      for (int j = 0; j <= to.length(); j++) {
        cost[i][j] = i == 0 || j == 0 ? i + j : cost(cost, from, to, i, j);
      }
    }
    return cost[from.length()][to.length()];
  }

  private static int cost(int[][] cost, String from, String to, int i, int j) {
    char a = Character.toLowerCase(from.charAt(i - 1));
    char b = Character.toLowerCase(to.charAt(j - 1));
    int least = cost[i - 1][j - 1] + (a == b ? 0 : 1);
    least = Math.min(least, 1 + Math.min(cost[i - 1][j], cost[i][j - 1]));
    if (i > 1 && j > 1 && from.charAt(i - 2) == to.charAt(j - 1) && a == to.charAt(j - 2)) {
      least = Math.min(least, cost[i - 2][j - 2] + 1);
    }
    return least;
  }
}
