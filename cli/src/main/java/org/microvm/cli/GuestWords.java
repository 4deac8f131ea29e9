package org.microvm.cli;

import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** The words behind {@code --} on a command line: a command that runs in the guest. */
final class GuestWords {
  private GuestWords() {}

  /**
   * Returns the words; empty if there are none.
   *
   * @param spec the command of this program, after its options were parsed
   * @param parameter takes the words
   * @throws UsageException if the words do not follow {@code --}: they may be a name or a file that
   *     lacks its option
   */
  static List<String> of(CommandSpec spec, PositionalParamSpec parameter) {
    List<String> words = parameter.getValue();
    if (words == null || words.isEmpty()) {
      return List.of();
    }
    List<String> given = spec.commandLine().getParseResult().originalArgs();
    int before = given.size() - words.size() - 1;
    if (before < 0 || !given.get(before).equals("--")) {
      String first = words.getFirst();
      throw new UsageException(
          "run: unexpected argument '%s'; `microvm run -- %s` runs a command in the guest"
              .formatted(first, first));
    }
    return words;
  }
}
