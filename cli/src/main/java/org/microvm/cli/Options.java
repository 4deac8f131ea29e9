package org.microvm.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.microvm.virtioserial.options.NearestWord;
import picocli.CommandLine;
import picocli.CommandLine.IFactory;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * Describes the commands and options of {@code run} and {@code restore} by method calls instead of
 * annotations. To read annotations, the JVM generates a class for each annotation type at every
 * start, and a restored guest would have to wait for that.
 */
final class Options {
  private Options() {}

  /** Picocli's default factory searches every jar for a Groovy class at every start. */
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

  /**
   * Adds the options, followed by {@code --help} and {@code --version}, which every command has.
   */
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

  /** An option with a text value, for the caller to complete. */
  static OptionSpec.Builder text(String label, String description, String... names) {
    return OptionSpec.builder(names).type(String.class).paramLabel(label).description(description);
  }

  /** An option whose value is a path. */
  static OptionSpec path(String label, String description, String... names) {
    return text(label, description, names).type(Path.class).build();
  }

  /**
   * Returns the path in a word.
   *
   * @param where the word was given, for the message
   * @throws UsageException if the word is empty, which would be the working directory
   */
  static Path file(String where, String word) {
    if (word.isEmpty()) {
      throw new UsageException(where + ": a file name must not be empty");
    }
    return Path.of(word);
  }

  /** An option with a text value that may be given more than once. */
  static OptionSpec texts(String label, String description, String... names) {
    return text(label, description, names)
        .type(ArrayList.class)
        .auxiliaryTypes(String.class)
        .arity("1")
        .build();
  }

  /** An option without a value. */
  static OptionSpec flag(String description, String... names) {
    return OptionSpec.builder(names).type(boolean.class).description(description).build();
  }

  /** Whether the flag was given. */
  static boolean isGiven(OptionSpec flag) {
    return Boolean.TRUE.equals(flag.getValue());
  }

  /** The values of an option that may be given more than once. */
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
    throw notOneOf(option.longestName(), value, accepted);
  }

  /** Creates the error for a value that is not one of the accepted ones. */
  static UsageException notOneOf(String option, String value, List<String> accepted) {
    return new UsageException(
        "%s: '%s' is not %s%s"
            .formatted(option, value, list(accepted), NearestWord.hint(value, accepted)));
  }

  /** Joins two or more words as in a sentence: {@code a, b or c}. */
  static String list(List<String> words) {
    int last = words.size() - 1;
    return String.join(", ", words.subList(0, last)) + " or " + words.get(last);
  }
}
