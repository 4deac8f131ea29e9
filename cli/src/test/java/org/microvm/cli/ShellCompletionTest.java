package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class ShellCompletionTest {
  /** Written once, because that takes longer than running it. */
  private static final String BASH = ShellCompletion.bash();

  @TempDir private Path directory;

  /** What bash proposes for the last of some words. */
  private List<String> complete(String... words) throws Exception {
    Path script = Files.writeString(directory.resolve("microvm"), BASH);
    String quoted = "'" + String.join("' '", words) + "'";
    ProcessBuilder builder =
        new ProcessBuilder(
                "bash",
                "-c",
                "shopt -s progcomp; . "
                    + script
                    + "; COMP_WORDS=("
                    + quoted
                    + "); COMP_CWORD="
                    + (words.length - 1)
                    + "; COMP_LINE=x; $(complete -p microvm | sed 's/.*-F \\([^ ]*\\).*/\\1/'); printf '%s\\n' \"${COMPREPLY[@]}\"")
            .redirectError(directory.resolve("err").toFile());
    builder
        .environment()
        .merge("PATH", directory.resolve("bin").toString(), (path, first) -> first + ":" + path);
    Process bash = builder.start();
    return bash.inputReader().lines().map(String::strip).toList();
  }

  @Test
  void bash_completesCommandsAndOptions() throws Exception {
    assertTrue(complete("microvm", "cons").contains("console"));
    assertTrue(complete("microvm", "run", "--det").contains("--detach"));
    assertTrue(complete("microvm", "port", "l").contains("list"));
  }

  @Test
  void bash_completesTheWordsOfAnOption() throws Exception {
    assertEquals(List.of("exit", "restart", "pause"), complete("microvm", "run", "--on-panic", ""));
    assertEquals(List.of("share"), complete("microvm", "migrate", "--memory", "sh"));
    assertEquals(List.of("primary"), complete("microvm", "clipboard", "get", "--selection", "pri"));
  }

  @Test
  void bash_completesAValueBehindAnEqualsSign() throws Exception {
    // Readline passes "=" as a word, unless COMP_WORDBREAKS lacks it.
    assertEquals(List.of("on", "off", "strict"), complete("microvm", "run", "--sandbox", "="));
    assertEquals(List.of("strict"), complete("microvm", "run", "--sandbox", "=", "s"));
    assertEquals(List.of("--sandbox=strict"), complete("microvm", "run", "--sandbox=s"));
    Path kernel = Files.createFile(directory.resolve("vmlinux"));
    String start = kernel.toString().replace("linux", "");
    assertEquals(List.of(kernel.toString()), complete("microvm", "run", "--kernel", "=", start));
    assertEquals(List.of("-kernel=" + kernel), complete("microvm", "run", "-kernel=" + start));
  }

  /** Where the script proposes nothing, the shell proposes files, as of `agent cp` and `run --`. */
  @Test
  void bash_leavesOtherWordsToTheShell() {
    String files = "type compopt &>/dev/null && compopt -o default\n";
    String end = "esac\n\n  " + files;
    String function = BASH.substring(BASH.indexOf("function _picocli_microvm_snapshot()"));
    assertTrue(function.substring(0, function.indexOf("\n}\n")).contains(end));
    assertTrue(BASH.contains("    '--disk'|'-disk')\n      " + files + "      return\n"));
  }

  @Test
  void fish_completesFilesWhereACommandTakesThem() {
    List<String> files =
        ShellCompletion.fish()
            .lines()
            .filter(line -> line.endsWith(" -F -d 'file'"))
            .map(line -> line.replaceFirst("^complete -c microvm -n '(.*)' -F -d 'file'$", "$1"))
            .map(condition -> condition.replaceAll("; and not .*", ""))
            .map(condition -> condition.replaceAll("(; and )?__fish_seen_subcommand_from ", " "))
            .map(String::strip)
            .toList();
    assertEquals(
        List.of("run", "snapshot", "restore", "agent exec", "agent cp", "agent freeze"), files);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "console ",
        "stop ",
        "agent ",
        "top ",
        "snapshot ",
        "migrate ",
        "ctl ",
        "port add ",
        "port list ",
        "port remove ",
        "clipboard get ",
        "clipboard set ",
        "clipboard watch ",
        "clipboard share "
      })
  void bash_completesNamesOfMachines(String command) throws Exception {
    Path program = directory.resolve("bin/microvm");
    Files.createDirectories(program.getParent());
    Files.writeString(program, "#!/bin/sh\necho '[ { \"name\" : \"web-1\",'\n");
    assertTrue(program.toFile().setExecutable(true));

    List<String> proposed = complete(("microvm " + command + "|w").split(" \\|| "));

    assertTrue(proposed.contains("web-1"), proposed.toString());
  }

  @Test
  void zsh_hasTheScriptOfBashAndCompletesAtEachCall() {
    assertTrue(ShellCompletion.zsh().startsWith("#compdef microvm\n"));
    assertTrue(
        ShellCompletion.zsh()
            .endsWith("\n_bash_complete -o default -F _complete_microvm_assignment\n"));
    assertTrue(ShellCompletion.zsh().contains("function _picocli_microvm_console() {"));
    // In the emulation of sh, "&>" would start the command before it in the background.
    assertFalse(ShellCompletion.zsh().contains("type compopt &>"));
  }

  @Test
  void fish_hasALineForEachCommandAndOption() {
    List<String> lines = ShellCompletion.fish().lines().toList();

    assertTrue(lines.stream().anyMatch(line -> line.contains("-a 'console' -d ")));
    assertTrue(
        lines.contains(
            "complete -c microvm -n '__fish_seen_subcommand_from port; and __fish_seen_subcommand_from list' -l json -d 'print all fields, as JSON'"));
    assertTrue(lines.stream().anyMatch(line -> line.contains("-x -a 'exit restart pause'")));
  }

  @Test
  void fish_textIsQuoted() {
    for (String line : ShellCompletion.fish().lines().toList()) {
      String words = line.replace("\\'", "");
      assertEquals(0, words.chars().filter(c -> c == '\'').count() % 2, line);
      assertFalse(words.replaceAll("'[^']*'", "").contains("$"), line);
    }
  }
}
