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

  /** The function that the shells call. */
  private static final String FUNCTION = "_complete_microvm_assignment";

  /**
   * Completes {@code --option=value} as {@code --option value}, which is all that picocli's
   * function knows. Bash passes "=" as a word of its own, zsh as a part of the word, and bash, too,
   * if COMP_WORDBREAKS has no "=".
   */
  private static final String ASSIGNMENT =
      """
      # Completes "--option=value" as "--option value".
      function _complete_microvm_assignment() {
        local -a line
        line=("${COMP_WORDS[@]}")
        local last=$COMP_CWORD word="${COMP_WORDS[COMP_CWORD]}" option="" proposal
        if [[ "$word" == -*=* ]]; then
          [[ -n "${ZSH_VERSION-}" ]] || option="${word%%=*}"
          line[last]="${word%%=*}"
          line[last+1]="${word#*=}"
          last=$((last + 1))
        elif [[ "$word" == "=" ]]; then
          line[last]=""
        elif (( last > 1 )) && [[ "${line[last-1]}" == "=" ]]; then
          line[last-1]="$word"
          last=$((last - 1))
        fi
        local -a COMP_WORDS
        COMP_WORDS=("${line[@]:0:$((last + 1))}")
        local COMP_CWORD=$last
        _complete_microvm
        if [[ -n "$option" ]]; then
          local -a proposals
          proposals=()
          for proposal in "${COMPREPLY[@]}"; do
            proposals+=("$option=$proposal")
          done
          COMPREPLY=("${proposals[@]}")
        fi
      }

      """;

  /** Whether a word of a command, not of its subcommands, is the name of a machine. */
  static boolean takesMachine(CommandSpec command) {
    return command.positionalParameters().stream()
        .anyMatch(
            word ->
                word.index().min() == 0 && word.paramLabel().matches("\\[?(NAME|MACHINE)\\b.*"));
  }

  /** Whether words of a command, not of its subcommands, may be names of files or programs. */
  static boolean takesFiles(CommandSpec command) {
    return command.positionalParameters().stream()
        .anyMatch(word -> word.paramLabel().matches(".*DIRECTORY|FROM|TO|-- .*"));
  }

  /** The script for bash. */
  static String bash() {
    CommandLine main = Main.commandLine();
    addChoices(main);
    String script = withMachines(AutoComplete.bash(NAME, main), main, "_picocli_" + NAME);
    return withFiles(script)
        .replace(
            "complete -F _complete_microvm -o", ASSIGNMENT + "complete -F " + FUNCTION + " -o");
  }

  /**
   * Lets the shell propose files for words that are not options: picocli's script turns that off in
   * a command that has an option with a value, also for the command's own words and for options
   * whose value only begins with a file, such as --disk.
   */
  private static String withFiles(String script) {
    String files = "type compopt &>/dev/null && compopt -o default\n";
    return script
        .replace("\n  esac\n\n  if [[", "\n  esac\n\n  " + files + "\n  if [[")
        .replaceAll("\\n( *'--disk'.*\\))\n( *)return\n", "\n$1\n$2" + files + "$2return\n");
  }

  /**
   * The script for zsh, in its directory of functions: that of bash with the functions that it
   * expects. The shell runs it for each completion. A value behind "=" is all that it completes
   * then.
   */
  static String zsh() {
    return "#compdef microvm\n"
        + "autoload -U +X bashcompinit && bashcompinit\n"
        + "(( $+functions[compopt] )) || function compopt { return 0 }\n"
        + bash()
            .replaceFirst("\ncomplete -F .*\n", "\n")
            .replace("  setopt COMPLETE_ALIASES\n", "")
            .replace("  alias compopt=complete\n", "")
            .replace("type compopt &>/dev/null && ", "")
        + "\n[[ $PREFIX == -*=* ]] && compset -P 1 '*='\n_bash_complete -o default -F "
        + FUNCTION
        + "\n";
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
