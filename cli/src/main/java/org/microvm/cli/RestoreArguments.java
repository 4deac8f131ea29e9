package org.microvm.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The arguments of {@code microvm restore} that are not its own options, in any order: the
 * snapshot's directory, and options of {@code microvm run}.
 *
 * @param directory the directory
 * @param runOptions options of {@code microvm run}, with their values, which replace the snapshot's
 */
record RestoreArguments(Path directory, List<String> runOptions) {
  /**
   * Finds the directory and the options of {@code microvm run} in a command line.
   *
   * @param restore has parsed it, but does not know which options of {@code microvm run} have
   *     values
   * @param first the argument that is the directory if it comes before all options
   * @throws UsageException if there is no directory
   */
  static RestoreArguments of(CommandLine restore, Path first) {
    List<String> all = restore.getParseResult().originalArgs();
    // A subcommand's arguments begin with its name.
    List<String> words = restore.getParent() == null ? all : all.subList(1, all.size());
    if (!words.getFirst().startsWith("-")) {
      return new RestoreArguments(first, restore.getUnmatchedArguments());
    }
    CommandSpec own = restore.getCommandSpec();
    CommandSpec run = RunCommand.commandLine().getCommandSpec();
    Path directory = null;
    List<String> runOptions = new ArrayList<>();
    for (int i = 0; i < words.size(); i++) {
      String word = words.get(i);
      String name = word.contains("=") ? word.substring(0, word.indexOf('=')) : word;
      boolean isOwn = own.findOption(name) != null;
      List<String> option = List.of(word);
      if (takesNext(isOwn ? own : run, word) && i + 1 < words.size()) {
        option = List.of(word, words.get(++i));
      }
      if (directory == null && !word.startsWith("-")) {
        directory = CommandLineBytes.path(word);
      } else if (!isOwn) {
        runOptions.addAll(option);
      }
    }
    if (directory == null) {
      throw new UsageException("Missing required parameter: 'DIRECTORY'");
    }
    return new RestoreArguments(directory, runOptions);
  }

  private static boolean takesNext(CommandSpec command, String word) {
    OptionSpec option = word.startsWith("-") ? command.findOption(word) : null;
    return option != null && option.arity().min() > 0;
  }
}
