package org.microvm.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Several commands in one process, one after the other: {@code microvm train WORDS --then WORDS}.
 * The JVM's ahead-of-time cache holds what one process has done, so this is how {@code
 * tools/train-aot} has it hold a restore and both ends of a migration. In no help.
 */
final class Training {
  /** The command, in the place of one that a user gives. */
  static final String COMMAND = "train";

  private static final String NEXT = "--then";

  private Training() {}

  /** Runs all of them; 0 if all went well. */
  static int run(String... words) {
    PrintWriter err = new PrintWriter(System.err, true);
    List<String> command = new ArrayList<>();
    int status = 0;
    for (String word : Arrays.asList(words).subList(1, words.length)) {
      if (word.equals(NEXT)) {
        status = Math.max(status, Main.execute(err, command.toArray(String[]::new)));
        command.clear();
      } else {
        command.add(word);
      }
    }
    return Math.max(status, Main.execute(err, command.toArray(String[]::new)));
  }
}
