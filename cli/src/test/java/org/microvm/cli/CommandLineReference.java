package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * Writes the reference of the command line from picocli's model of the commands: a page of the
 * documentation, and a manual page for each command. {@code make docs} runs it.
 */
final class CommandLineReference {
  private static final int WIDTH = 120;

  private final List<CommandSpec> commands = new ArrayList<>();

  CommandLineReference() {
    collect(Main.commandLine());
  }

  private void collect(CommandLine command) {
    commands.add(command.getCommandSpec());
    Set<CommandLine> subcommands = new LinkedHashSet<>(command.getSubcommands().values());
    subcommands.stream()
        .filter(one -> !one.getCommandSpec().usageMessage().hidden())
        .forEach(this::collect);
  }

  /**
   * Writes the files.
   *
   * @param page of the documentation
   * @param directory for the manual pages
   */
  void write(Path page, Path directory) throws IOException {
    Files.writeString(page, page());
    Files.createDirectories(directory);
    for (CommandSpec command : commands) {
      Files.writeString(directory.resolve(manualName(command) + ".1"), manual(command));
    }
  }

  /** The names of the manual pages, each without its section. */
  Set<String> manualNames() {
    Set<String> names = new TreeSet<>();
    commands.forEach(command -> names.add(manualName(command)));
    return names;
  }

  /** The page, in Markdown. */
  String page() {
    StringBuilder page = new StringBuilder();
    page.append(
        "<!-- Generated from the commands themselves: change their options, then run `make docs`. -->\n\n");
    page.append("# Command line\n");
    for (CommandSpec command : commands) {
      page.append("\n## ").append(command.qualifiedName()).append("\n\n");
      page.append(wrap(description(command))).append("\n\n");
      page.append("    ").append(synopsis(command)).append('\n');
      table(
          page,
          "argument",
          command.positionalParameters().stream().map(CommandLineReference::row).toList());
      table(page, "option", options(command).stream().map(CommandLineReference::row).toList());
      String section = "#" + command.qualifiedName("-") + "-";
      table(
          page,
          "command",
          subcommands(command),
          name -> "[`" + name + "`](" + section + name + ")");
    }
    return page.toString();
  }

  /** One command's manual page, in roff. */
  static String manual(CommandSpec command) {
    StringBuilder page = new StringBuilder();
    page.append(".TH ").append(manualName(command).toUpperCase(Locale.ROOT)).append(" 1\n");
    page.append(".SH NAME\n").append(roff(manualName(command))).append(" \\- ");
    page.append(roff(description(command))).append("\n.SH SYNOPSIS\n");
    page.append(roff(synopsis(command))).append('\n');
    section(
        page,
        "ARGUMENTS",
        command.positionalParameters().stream().map(CommandLineReference::row).toList());
    section(page, "OPTIONS", options(command).stream().map(CommandLineReference::row).toList());
    section(page, "COMMANDS", subcommands(command));
    return page.toString();
  }

  /** A term and what it means. */
  private record Row(String term, String meaning) {}

  private static void table(StringBuilder page, String heading, List<Row> rows) {
    table(page, heading, rows, term -> "`" + cell(term) + "`");
  }

  private static void table(
      StringBuilder page, String heading, List<Row> rows, UnaryOperator<String> shown) {
    if (rows.isEmpty()) {
      return;
    }
    page.append("\n| ").append(heading).append(" | meaning |\n| --- | --- |\n");
    for (Row row : rows) {
      page.append("| ").append(shown.apply(row.term())).append(" | ");
      page.append(cell(row.meaning().replace("<", "\\<"))).append(" |\n");
    }
  }

  private static String cell(String text) {
    return text.replace("|", "\\|");
  }

  private static void section(StringBuilder page, String heading, List<Row> rows) {
    if (rows.isEmpty()) {
      return;
    }
    page.append(".SH ").append(heading).append('\n');
    for (Row row : rows) {
      page.append(".TP\n.B ").append(roff(row.term())).append('\n');
      page.append(roff(row.meaning())).append('\n');
    }
  }

  /** A line may not begin with what roff takes for a request. */
  private static String roff(String text) {
    String escaped = text.replace("\\", "\\e").replace("-", "\\-");
    return escaped.startsWith(".") || escaped.startsWith("'") ? "\\&" + escaped : escaped;
  }

  /** All options but those that every command has, which stand last. */
  private static List<OptionSpec> options(CommandSpec command) {
    return command.options().stream().filter(option -> !option.hidden()).toList();
  }

  private static Row row(OptionSpec option) {
    String term = String.join(", ", option.names());
    return new Row(
        takesValue(option) ? term + " " + option.paramLabel() : term, description(option));
  }

  private static Row row(PositionalParamSpec parameter) {
    return new Row(parameter.paramLabel(), description(parameter));
  }

  private static List<Row> subcommands(CommandSpec command) {
    return command.subcommands().values().stream()
        .map(CommandLine::getCommandSpec)
        .filter(one -> !one.usageMessage().hidden())
        .distinct()
        .map(one -> new Row(one.name(), description(one)))
        .toList();
  }

  private static String synopsis(CommandSpec command) {
    StringBuilder synopsis = new StringBuilder(command.qualifiedName());
    for (OptionSpec option : options(command)) {
      if (option.required() && option.group() == null) {
        synopsis.append(' ').append(option.longestName()).append(' ').append(option.paramLabel());
      }
    }
    synopsis.append(" [OPTION...]");
    for (PositionalParamSpec parameter : command.positionalParameters()) {
      if (parameter.hideParamSyntax()) {
        synopsis.append(' ').append(parameter.paramLabel());
        continue;
      }
      String label = parameter.paramLabel() + (parameter.arity().max() > 1 ? "..." : "");
      synopsis.append(' ').append(parameter.required() ? label : "[" + label + "]");
    }
    if (!command.subcommands().isEmpty()) {
      synopsis.append(" COMMAND");
    }
    return synopsis.toString();
  }

  private static boolean takesValue(OptionSpec option) {
    return option.arity().max() > 0;
  }

  private static String description(CommandSpec command) {
    return oneLine(command.usageMessage().description());
  }

  private static String description(ArgSpec argument) {
    String fallback = String.valueOf(argument.defaultValueString());
    return oneLine(argument.description()).replace("${DEFAULT-VALUE}", fallback);
  }

  private static String oneLine(String[] lines) {
    return String.join(" ", lines).replaceAll("\\s+", " ").replace("%%", "%").strip();
  }

  private static String manualName(CommandSpec command) {
    return command.qualifiedName("-");
  }

  private static String wrap(String text) {
    StringBuilder wrapped = new StringBuilder();
    int column = 0;
    for (String word : text.split(" ")) {
      if (column > 0 && column + 1 + word.length() > WIDTH) {
        wrapped.append('\n');
        column = 0;
      } else if (column > 0) {
        wrapped.append(' ');
        column++;
      }
      wrapped.append(word);
      column += word.length();
    }
    return wrapped.toString();
  }
}
