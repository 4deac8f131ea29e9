package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvFileSource;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** Each option of each command refuses a wrong value in one line that helps. */
@Timeout(120)
class WrongOptionsTest {
  private static final String TABLE = "wrong-options.csv";

  private final StringWriter err = new StringWriter();

  /** An option, and the words of a command line that needs nothing more. */
  record Case(List<String> words, OptionSpec option) {
    String name() {
      return option.longestName();
    }

    @Override
    public String toString() {
      return words + " " + name();
    }
  }

  static Stream<Case> options() {
    List<Case> cases = new ArrayList<>();
    CommandLine main = Main.commandLine();
    main.getSubcommands().forEach((name, command) -> walk(command, List.of(name), cases));
    return cases.stream().filter(one -> !one.option().usageHelp() && !one.option().versionHelp());
  }

  private static void walk(CommandLine command, List<String> words, List<Case> cases) {
    CommandSpec spec = command.getCommandSpec();
    List<String> enough = new ArrayList<>(words);
    for (OptionSpec option : spec.options()) {
      if (option.required() && option.group() == null) {
        enough.addAll(List.of(option.longestName(), "/proc/self/missing"));
      }
    }
    if (!spec.argGroups().isEmpty()) {
      enough.add("--pty");
    }
    if (words.equals(List.of("agent"))) {
      enough.addAll(List.of("--socket", "/proc/self/missing"));
    }
    for (PositionalParamSpec positional : spec.positionalParameters()) {
      // What follows the first word may not be an option of this command.
      if (positional.arity().min() > 0 && !spec.parser().stopAtPositional()) {
        enough.add("word");
      }
    }
    spec.options().forEach(option -> cases.add(new Case(enough, option)));
    command
        .getSubcommands()
        .forEach(
            (name, sub) -> {
              List<String> more = new ArrayList<>(enough);
              more.add(name);
              walk(sub, more, cases);
            });
  }

  private int execute(List<String> words, String... more) {
    List<String> all = new ArrayList<>(words);
    all.addAll(List.of(more));
    return Main.execute(new PrintWriter(err, true), all.toArray(String[]::new));
  }

  private void assertOneLineWith(String expected) {
    String text = err.toString();
    assertEquals(1, text.lines().count(), text);
    assertTrue(text.startsWith("microvm: "), text);
    assertTrue(text.contains(expected), text);
  }

  static Stream<Case> optionsWithValues() {
    return options().filter(one -> one.option().arity().min() > 0);
  }

  @ParameterizedTest
  @MethodSource("optionsWithValues")
  void optionWithoutItsValue_isNamed(Case one) {
    assertEquals(Main.USAGE, execute(one.words(), one.name()));
    assertOneLineWith(one.name());
  }

  static Stream<Case> flags() {
    return options().filter(one -> one.option().arity().max() == 0);
  }

  @ParameterizedTest
  @MethodSource("flags")
  void flagWithAValue_isNamed(Case one) {
    assertEquals(Main.USAGE, execute(one.words(), one.name() + "=maybe"));
    assertOneLineWith(one.name());
  }

  static Stream<Case> longOptions() {
    // What `restore` does not know belongs to `run`, which is told when the snapshot is there.
    return options().filter(one -> one.name().startsWith("--") && !one.words().contains("restore"));
  }

  @ParameterizedTest
  @MethodSource("longOptions")
  void misspeltOption_isFollowedByTheRightOne(Case one) {
    // A program's name, where options may not follow it.
    boolean stops = one.option().command().parser().stopAtPositional();
    String[] misspelt = {one.name() + "x", "word"};
    assertEquals(Main.USAGE, execute(one.words(), Arrays.copyOf(misspelt, stops ? 2 : 1)));
    assertOneLineWith("unknown option '" + one.name() + "x'; did you mean " + one.name() + "?");
  }

  @ParameterizedTest
  @CsvFileSource(resources = TABLE, delimiter = '|', quoteCharacter = '`', numLinesToSkip = 1)
  void wrongValue_isNamedWithWhatIsAccepted(
      String words, String option, String value, String expected) {
    List<String> command = words.isEmpty() ? List.of() : Arrays.asList(words.split(" "));

    int status = option == null ? execute(command, value) : execute(command, option, value);

    assertNotEquals(0, status);
    assertOneLineWith(expected);
  }

  /** Whether an option accepts only some values, as far as its description tells. */
  private static boolean isChoice(OptionSpec option) {
    boolean isText = List.of(String.class, Path.class, List.class).contains(option.type());
    return option.paramLabel().contains("|") || !(isText || option.isMultiValue());
  }

  /** The options of the agent are tested with its commands. */
  @Test
  void everyChoice_isInTheTable() throws IOException {
    Set<String> missing = new TreeSet<>();
    String table;
    try (InputStream stream = WrongOptionsTest.class.getResourceAsStream(TABLE)) {
      table = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    }
    optionsWithValues()
        .filter(one -> !one.words().contains("agent"))
        .filter(one -> isChoice(one.option()))
        .map(Case::name)
        .filter(name -> !table.contains("|" + name + "|"))
        .forEach(missing::add);

    assertEquals(Set.of(), missing, "add rows with wrong values to " + TABLE);
  }

  @Test
  void wrongCommand_isFollowedByTheRightOne() {
    assertEquals(Main.USAGE, execute(List.of("snapsot")));
    assertOneLineWith("microvm: unknown command 'snapsot'; did you mean snapshot?");
  }

  @Test
  void missingSubcommand_isFollowedByAll() {
    assertEquals(Main.USAGE, execute(List.of("port")));
    assertOneLineWith("microvm: port: a command is missing; there are: add, ");
  }

  @Test
  void wrongSubcommand_isFollowedByTheRightOne() {
    assertEquals(Main.USAGE, execute(List.of("port", "lst")));
    assertOneLineWith("microvm: port: unknown command 'lst'; did you mean list?");
  }
}
