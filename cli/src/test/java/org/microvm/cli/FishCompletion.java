package org.microvm.cli;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Writes completions for fish from picocli's model of the commands. */
final class FishCompletion {
  private static final String MACHINES =
      "(command -q microvm; and microvm list --json 2>/dev/null | string match -rg '\"name\" : \"(.*)\"')";

  private final StringBuilder script = new StringBuilder();

  private FishCompletion() {}

  /** The script. */
  static String of(CommandLine main) {
    FishCompletion completion = new FishCompletion();
    completion.script.append("# Completions of microvm for fish, generated from its commands.\n");
    completion.script.append("complete -c microvm -f\n");
    completion.add(main.getCommandSpec(), List.of());
    return completion.script.toString();
  }

  private void add(CommandSpec command, List<String> path) {
    Set<CommandLine> subcommands = new LinkedHashSet<>(command.subcommands().values());
    List<String> names = new ArrayList<>();
    subcommands.forEach(one -> names.add(one.getCommandName()));
    String here = condition(path, names);
    for (CommandLine one : subcommands) {
      line(here, "-a " + quoted(one.getCommandName()), description(one.getCommandSpec()));
    }
    if (ShellCompletion.takesMachine(command)) {
      line(here, "-a " + quoted(MACHINES), "machine");
    }
    if (ShellCompletion.takesFiles(command)) {
      line(here, "-F", "file");
    }
    for (OptionSpec option : command.options()) {
      if (!option.hidden()) {
        option(here, option);
      }
    }
    for (CommandLine one : subcommands) {
      List<String> deeper = new ArrayList<>(path);
      deeper.add(one.getCommandName());
      add(one.getCommandSpec(), deeper);
    }
  }

  /** All words of the path were typed, and none of the subcommands. */
  private static String condition(List<String> path, List<String> subcommands) {
    List<String> parts = new ArrayList<>();
    path.forEach(word -> parts.add("__fish_seen_subcommand_from " + word));
    if (!subcommands.isEmpty()) {
      parts.add("not __fish_seen_subcommand_from " + String.join(" ", subcommands));
    }
    return String.join("; and ", parts);
  }

  private void option(String condition, OptionSpec option) {
    StringBuilder words = new StringBuilder();
    for (String name : option.names()) {
      if (name.startsWith("--")) {
        words.append(" -l ").append(name.substring(2));
      } else {
        words.append(name.length() == 2 ? " -s " : " -o ").append(name.substring(1));
      }
    }
    if (option.arity().max() > 0) {
      // A value: one of a few words, or anything, of which fish completes names of files.
      words.append(
          ShellCompletion.CHOICES.matcher(option.paramLabel()).matches()
              ? " -x -a " + quoted(option.paramLabel().replace('|', ' '))
              : " -r -F");
    }
    String text = String.join(" ", option.description()).replaceAll("\\s+", " ");
    line(condition, words.toString().strip(), text.replaceAll(" *\\(default: [^)]*\\)", ""));
  }

  private void line(String condition, String words, String description) {
    script.append("complete -c microvm");
    if (!condition.isEmpty()) {
      script.append(" -n ").append(quoted(condition));
    }
    script.append(' ').append(words).append(" -d ").append(quoted(description)).append('\n');
  }

  private static String description(CommandSpec command) {
    String text = String.join(" ", command.usageMessage().description()).replaceAll("\\s+", " ");
    return text.split("(?<=\\.) ")[0];
  }

  private static String quoted(String text) {
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'";
  }
}
