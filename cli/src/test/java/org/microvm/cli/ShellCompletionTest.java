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

@Timeout(60)
class ShellCompletionTest {
  @TempDir private Path directory;

  /** What bash proposes for the last of some words. */
  private List<String> complete(String... words) throws Exception {
    Path script = Files.writeString(directory.resolve("microvm"), ShellCompletion.bash());
    String quoted = "'" + String.join("' '", words) + "'";
    Process bash =
        new ProcessBuilder(
                "bash",
                "-c",
                "shopt -s progcomp; . "
                    + script
                    + "; COMP_WORDS=("
                    + quoted
                    + "); COMP_CWORD="
                    + (words.length - 1)
                    + "; COMP_LINE=x; _complete_microvm; printf '%s\\n' \"${COMPREPLY[@]}\"")
            .redirectError(directory.resolve("err").toFile())
            .start();
    return bash.inputReader().lines().map(String::strip).toList();
  }

  @Test
  void bash_completesCommandsAndOptions() throws Exception {
    assertTrue(complete("microvm", "cons").contains("console"));
    assertTrue(complete("microvm", "run", "--det").contains("--detach"));
    assertTrue(complete("microvm", "port", "l").contains("list"));
  }

  @Test
  void zsh_readsTheScriptOfBash() {
    assertTrue(ShellCompletion.zsh().startsWith("#compdef microvm\n"));
    assertTrue(ShellCompletion.zsh().endsWith(ShellCompletion.bash()));
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
