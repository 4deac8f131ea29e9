package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** Values of options and the words of commands reach the commands as they were given. */
@Timeout(60)
class CommandArgumentsTest {
  /** Words that a parser of command lines could take for something else. */
  private static final List<String> WORDS =
      List.of(
          "@FILE",
          "@@a",
          "-n",
          "--timeout",
          "--nothing",
          "--help",
          "a=b",
          "=b",
          "'q'",
          "\"q\"",
          "${sys:user.home}",
          "",
          " a ",
          "ping");

  /** All commands; built once, because that takes longer than parsing. */
  private static final CommandLine COMMANDS = Main.configured(Main.commandLine());

  @TempDir private static Path directory;

  private static String word(String word) {
    return word.replace("FILE", directory.resolve("secret").toString());
  }

  /** An option or parameter with the command that it belongs to. */
  private record Place(List<String> path, CommandSpec command, ArgSpec arg) {
    @Override
    public String toString() {
      String name = arg instanceof OptionSpec option ? option.longestName() : arg.paramLabel();
      return String.join(" ", path) + " " + name;
    }
  }

  static Stream<Place> places() {
    List<Place> places = new ArrayList<>();
    collect(COMMANDS, List.of(), places);
    return places.stream();
  }

  private static void collect(CommandLine line, List<String> path, List<Place> places) {
    CommandSpec spec = line.getCommandSpec();
    for (ArgSpec arg : spec.args()) {
      if (arg.isPositional() && !line.getSubcommands().isEmpty()) {
        // The name of a machine, which is not any word.
        continue;
      }
      if (type(arg) == String.class || isPath(arg)) {
        places.add(new Place(path, spec, arg));
      }
    }
    for (Map.Entry<String, CommandLine> sub : line.getSubcommands().entrySet()) {
      List<String> longer = new ArrayList<>(path);
      longer.add(sub.getKey());
      collect(sub.getValue(), longer, places);
    }
  }

  private static Class<?> type(ArgSpec arg) {
    return arg.isMultiValue() ? arg.auxiliaryTypes()[0] : arg.type();
  }

  private static boolean isPath(ArgSpec arg) {
    return type(arg) == Path.class;
  }

  @ParameterizedTest
  @MethodSource("places")
  void word_isTheValueAsItWasGiven(Place place) throws Exception {
    Files.writeString(directory.resolve("secret"), "of the host");
    for (String one : WORDS) {
      if (one.isEmpty() && isPath(place.arg())) {
        // It is refused.
        continue;
      }
      String word = place.arg().type() == Map.class ? "key=" + word(one) : word(one);
      assertEquals(word, parsed(place, word, false), place + " with '" + word + "'");
      assertEquals(word, parsed(place, word, true), place + " with ='" + word + "'");
    }
  }

  static Stream<Arguments> commands() {
    List<Arguments> all = new ArrayList<>();
    commands(COMMANDS, "microvm", all);
    return all.stream();
  }

  private static void commands(CommandLine line, String name, List<Arguments> all) {
    all.add(Arguments.of(name, line.getCommandSpec()));
    line.getSubcommands().forEach((word, sub) -> commands(sub, name + " " + word, all));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("commands")
  void everyCommand_hasHelp(String name, CommandSpec command) {
    OptionSpec help = command.findOption("--help");

    assertTrue(help != null && help.usageHelp(), name);
  }

  @Test
  void wordsOfACommand_areAllAsTheyWereGiven() {
    List<String> words = List.of("ls", "--", "-l", "--help", "@x", "", "--", "a b");

    for (List<String> command :
        List.of(List.of("run"), List.of("agent", "--socket", "s", "exec"))) {
      List<String> args = new ArrayList<>(command);
      args.add("--");
      args.addAll(words);
      ParseResult result =
          Main.configured(Main.commandLine()).parseArgs(args.toArray(String[]::new));
      while (result.hasSubcommand()) {
        result = result.subcommand();
      }
      assertEquals(words, result.matchedPositional(0).getValue());
    }
  }

  @Test
  void programOfTheGuest_withoutDashes_keepsItsOptions() {
    ParseResult result =
        Main.configured(Main.commandLine())
            .parseArgs("agent", "--socket", "s", "exec", "-n", "ls", "-l", "--", "-n");

    ParseResult exec = result.subcommand().subcommand();
    assertEquals(List.of("ls", "-l", "--", "-n"), exec.matchedPositional(0).getValue());
  }

  /** Returns what the command gets if the word is given at this place. */
  private static String parsed(Place place, String word, boolean joined) {
    List<String> args = new ArrayList<>();
    addWords(args, place, word, joined);
    try {
      ParseResult result = COMMANDS.parseArgs(args.toArray(String[]::new));
      for (int depth = 0; depth < place.path().size(); depth++) {
        result = result.subcommand();
      }
      return result.matchedArgs().stream()
          .filter(arg -> same(arg, place.arg()))
          .map(CommandArgumentsTest::value)
          .findFirst()
          .orElseGet(() -> fail(args + " does not set " + place));
    } catch (ParameterException e) {
      return fail(args + ": " + e.getMessage());
    }
  }

  private static String value(ArgSpec arg) {
    Object value = arg.getValue();
    return switch (value) {
      case List<?> all -> all.getLast().toString();
      case Map<?, ?> map -> "key=" + map.get("key");
      default -> value.toString();
    };
  }

  private static boolean same(ArgSpec one, ArgSpec other) {
    return key(one).equals(key(other));
  }

  private static String key(ArgSpec arg) {
    return arg instanceof OptionSpec option
        ? option.longestName()
        : ((PositionalParamSpec) arg).index().toString();
  }

  private static void addWords(List<String> args, Place place, String word, boolean joined) {
    CommandLine at = COMMANDS;
    for (String name : place.path()) {
      args.add(name);
      at = at.getSubcommands().get(name);
      addOptions(args, at.getCommandSpec(), place.arg(), word, joined);
    }
    if (!at.getSubcommands().isEmpty()) {
      args.add("ping");
      return;
    }
    List<PositionalParamSpec> positionals = at.getCommandSpec().positionalParameters();
    if (!positionals.isEmpty()) {
      args.add("--");
    }
    positionals.forEach(one -> args.add(same(one, place.arg()) ? word : "x"));
  }

  private static void addOptions(
      List<String> args, CommandSpec spec, ArgSpec tested, String word, boolean joined) {
    for (OptionSpec option : spec.options()) {
      if (same(option, tested)) {
        if (joined && option.longestName().startsWith("--")) {
          args.add(option.longestName() + "=" + word);
        } else {
          args.addAll(List.of(option.longestName(), word));
        }
      } else if (option.required() && option.group() == null) {
        args.add(option.longestName());
        args.add("x");
      }
    }
    if (spec.argGroups().stream().anyMatch(group -> group.multiplicity().min() > 0)
        && tested.group() == null) {
      args.add("--pty");
    }
  }
}
