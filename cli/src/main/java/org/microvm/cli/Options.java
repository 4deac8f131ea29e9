package org.microvm.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.IFactory;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * Commands and options that are described by calls instead of annotations, for {@code run} and
 * {@code restore}: to read annotations, the JVM makes a class for each kind of them at every start,
 * and a restored guest would wait for that.
 */
final class Options {
  private Options() {}

  /** Picocli's own looks for a class of Groovy's at every start, in every jar. */
  private static final class Factory implements IFactory {
    @Override
    public <K> K create(Class<K> type) throws ReflectiveOperationException {
      return type.getDeclaredConstructor().newInstance();
    }
  }

  /** A command with {@code --help} and {@code --version}. */
  static CommandSpec command(Object userObject, String name, String description) {
    CommandSpec command = CommandSpec.wrapWithoutInspection(userObject, new Factory());
    command.name(name).versionProvider(new Version());
    command.usageMessage().description(description).sortOptions(false);
    return command;
  }

  /** Adds the options, and behind them those that every command has. */
  static CommandLine complete(CommandSpec command, Collection<OptionSpec> options) {
    options.forEach(command::addOption);
    command.addOption(
        OptionSpec.builder("-h", "--help")
            .usageHelp(true)
            .description("Show this help message and exit.")
            .build());
    command.addOption(
        OptionSpec.builder("-V", "--version")
            .versionHelp(true)
            .description("Print version information and exit.")
            .build());
    return new CommandLine(command, new Factory());
  }

  /** An option with a word behind it, for the caller to complete. */
  static OptionSpec.Builder text(String label, String description, String... names) {
    return OptionSpec.builder(names).type(String.class).paramLabel(label).description(description);
  }

  /** An option with a path behind it. */
  static OptionSpec path(String label, String description, String... names) {
    return text(label, description, names).type(Path.class).build();
  }

  /** An option that may be given many times. */
  static OptionSpec texts(String label, String description, String... names) {
    return text(label, description, names)
        .type(ArrayList.class)
        .auxiliaryTypes(String.class)
        .arity("1")
        .build();
  }

  /** An option that is there or not. */
  static OptionSpec flag(String description, String... names) {
    return OptionSpec.builder(names).type(boolean.class).description(description).build();
  }

  /** Whether the flag was given. */
  static boolean isGiven(OptionSpec flag) {
    return Boolean.TRUE.equals(flag.getValue());
  }

  /** What was given for an option that may be given many times. */
  static List<String> all(OptionSpec option) {
    List<String> values = option.getValue();
    return values == null ? List.of() : values;
  }

  /**
   * Returns what the value of an option stands for.
   *
   * @param choices the accepted values and what they stand for, in the order of the message
   * @throws UsageException if the option has another value
   */
  @SafeVarargs
  static <T> T choice(OptionSpec option, Map.Entry<String, T>... choices) {
    String value = option.getValue();
    List<String> accepted = new ArrayList<>();
    for (Map.Entry<String, T> choice : choices) {
      if (choice.getKey().equals(value)) {
        return choice.getValue();
      }
      accepted.add(choice.getKey());
    }
    throw new UsageException(
        "%s: '%s' is not %s".formatted(option.longestName(), value, String.join(" or ", accepted)));
  }
}
