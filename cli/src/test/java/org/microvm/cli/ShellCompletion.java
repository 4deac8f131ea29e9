package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Writes the completions of bash, zsh and fish. {@code make docs} runs it. */
final class ShellCompletion {
  private static final String NAME = "microvm";

  private ShellCompletion() {}

  /** The label of an option that has one of a few words. */
  static final Pattern CHOICES = Pattern.compile("[a-z]+(\\|[a-z]+)+");

  /** The names of machines, in bash and zsh. */
  private static final String MACHINES =
      "$(microvm list --json 2>/dev/null | sed -n 's/.*\"name\" : \"\\(.*\\)\".*/\\1/p')";

  /** Whether a word of a command, not of its subcommands, is the name of a machine. */
  static boolean takesMachine(CommandSpec command) {
    return command.positionalParameters().stream()
        .anyMatch(
            word ->
                word.index().min() == 0 && word.paramLabel().matches("\\[?(NAME|MACHINE)\\b.*"));
  }

  /** The script for bash. */
  static String bash() {
    CommandLine main = Main.commandLine();
    addChoices(main);
    return withMachines(AutoComplete.bash(NAME, main), main, "_picocli_" + NAME);
  }

  /**
   * The script for zsh, in its directory of functions: that of bash with the functions that it
   * expects. The shell reads it at the first completion, which it then has to do itself.
   */
  static String zsh() {
    return "#compdef microvm\n"
        + "autoload -U +X bashcompinit && bashcompinit\n"
        + "(( $+functions[compopt] )) || function compopt { return 0 }\n"
        + bash()
            .replace("  setopt COMPLETE_ALIASES\n", "")
            .replace("  alias compopt=complete\n", "")
            .replace("type compopt &>/dev/null && ", "")
        + "\n_bash_complete -o default -F _complete_microvm\n";
  }

  /** Gives the options the words that they accept, for picocli's generator. */
  private static void addChoices(CommandLine line) {
    CommandSpec command = line.getCommandSpec();
    for (OptionSpec option : List.copyOf(command.options())) {
      if (CHOICES.matcher(option.paramLabel()).matches() && option.group() == null) {
        command.remove(option);
        command.addOption(
            OptionSpec.builder(option)
                .completionCandidates(List.of(option.paramLabel().split("\\|")))
                .build());
      }
    }
    line.getSubcommands().values().forEach(ShellCompletion::addChoices);
  }

  /** Lets the functions of commands that take the name of a machine propose the names. */
  private static String withMachines(String script, CommandLine line, String function) {
    String changed = script;
    if (takesMachine(line.getCommandSpec())) {
      int start = changed.indexOf("function " + function + "() {");
      Matcher end = Pattern.compile("\n}\n").matcher(changed);
      if (start < 0 || !end.find(start)) {
        throw new IllegalStateException("the script has no function " + function);
      }
      changed =
          changed.substring(0, start)
              + changed
                  .substring(start, end.end())
                  .replaceFirst(
                      "local positionals=\"\"",
                      Matcher.quoteReplacement("local positionals; positionals=" + MACHINES))
              + changed.substring(end.end());
    }
    for (CommandLine one : line.getSubcommands().values()) {
      changed = withMachines(changed, one, function + "_" + one.getCommandName());
    }
    return changed;
  }

  /** The script for fish. */
  static String fish() {
    return FishCompletion.of(Main.commandLine());
  }

  /** Writes the files where the shells look for them below {@code share}. */
  static void write(Path share) throws IOException {
    write(share.resolve("bash-completion/completions/" + NAME), bash());
    write(share.resolve("zsh/site-functions/_" + NAME), zsh());
    write(share.resolve("fish/vendor_completions.d/" + NAME + ".fish"), fish());
  }

  private static void write(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }
}
