package org.microvm.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.microvm.virtioserial.options.NearestWord;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * Describes in one line what is wrong with the arguments of a command, and what the user may have
 * meant.
 */
final class UsageMessage {
  private UsageMessage() {}

  /** Returns the message for the user. */
  static String message(ParameterException e) {
    CommandLine command = e.getCommandLine();
    if (e instanceof UnmatchedArgumentException unmatched && !unmatched.getUnmatched().isEmpty()) {
      return unknown(command, unmatched.getUnmatched().getFirst());
    }
    if (e.getMessage().startsWith("Missing required subcommand")) {
      return "%sa command is missing; there are: %s"
          .formatted(
              prefix(command.getCommandSpec()),
              String.join(", ", command.getSubcommands().keySet()));
    }
    return e.getMessage()
        .replaceFirst("^Error: ", "")
        .replace("' is not an int", "' is not a whole number")
        .replace("' is not a long", "' is not a whole number")
        .replace("' is not a double", "' is not a number")
        .replace("Value for option option", "Value for option");
  }

  private static String unknown(CommandLine command, String word) {
    CommandSpec spec = command.getCommandSpec();
    String prefix = prefix(spec);
    String all = "; `%s --help` lists all".formatted(spec.qualifiedName());
    if (word.startsWith("-")) {
      String option = word.contains("=") ? word.substring(0, word.indexOf('=')) : word;
      return "%sunknown option '%s'%s%s"
          .formatted(prefix, option, NearestWord.hint(option, names(spec)), all);
    }
    if (!spec.subcommands().isEmpty()) {
      return "%sunknown command '%s'%s%s"
          .formatted(prefix, word, NearestWord.hint(word, spec.subcommands().keySet()), all);
    }
    return "%sunexpected argument '%s'%s".formatted(prefix, word, all);
  }

  /** Returns the command below {@code microvm}, with which all messages begin, or nothing. */
  private static String prefix(CommandSpec spec) {
    String name = spec.qualifiedName();
    String root = spec.root().qualifiedName();
    return name.equals(root) ? "" : name.substring(root.length() + 1) + ": ";
  }

  private static List<String> names(CommandSpec spec) {
    List<String> names = new ArrayList<>();
    for (OptionSpec option : spec.options()) {
      names.addAll(Arrays.asList(option.names()));
    }
    return names;
  }
}
