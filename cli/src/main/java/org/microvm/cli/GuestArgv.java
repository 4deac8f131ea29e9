package org.microvm.cli;

import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** The arguments after {@code --} on a command line: a command that runs in the guest. */
final class GuestArgv {
  private GuestArgv() {}

  /**
   * Returns the argv; empty if there is none.
   *
   * @param spec the command of this program, after its options were parsed; null if another one
   *     runs it, which takes no command
   * @param parameter has the arguments
   * @param kernel whether the user's own kernel runs
   * @param received whether the guest is one that has run already
   * @throws UsageException if the arguments do not follow {@code --}: they may be a name or a file
   *     whose option is missing; or if no command can run in the guest
   */
  static List<String> of(
      CommandSpec spec, PositionalParamSpec parameter, boolean kernel, boolean received) {
    List<String> argv = parameter.getValue();
    boolean none = argv == null || argv.isEmpty();
    if (none && spec == null) {
      return List.of(); // The command is part of another one.
    }
    List<String> given = spec.commandLine().getParseResult().originalArgs();
    if (none) {
      if (!given.isEmpty() && given.getLast().equals("--")) {
        throw new UsageException("run: a command is missing after --");
      }
      return List.of();
    }
    int before = given.size() - argv.size() - 1;
    if (before < 0 || !given.get(before).equals("--")) {
      String first = argv.getFirst();
      if (spec.commandLine().getParseResult().hasMatchedOption("--restore")) {
        throw new UsageException(
            "unexpected argument '%s': a restored guest takes the directory of its snapshot and"
                    .formatted(first)
                + " options");
      }
      throw new UsageException(
          "run: unexpected argument '%s'; `microvm run -- %s` runs a command in the guest"
              .formatted(first, first));
    }
    if (kernel) {
      throw new UsageException(
          "'%s': a command runs in the project's own guest: leave out --kernel"
              .formatted(argv.getFirst()));
    }
    if (received) {
      throw new UsageException(
          "'%s': a command cannot be combined with --restore or --incoming"
              .formatted(argv.getFirst()));
    }
    return argv;
  }
}
