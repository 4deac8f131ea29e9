package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.AutoComplete;

/** Writes the completions of bash, zsh and fish. {@code make docs} runs it. */
final class ShellCompletion {
  private static final String NAME = "microvm";

  private ShellCompletion() {}

  /** The script for bash; zsh reads it too. */
  static String bash() {
    return AutoComplete.bash(NAME, Main.commandLine());
  }

  /** The script for zsh, in its directory of functions. */
  static String zsh() {
    return "#compdef microvm\nautoload -U +X bashcompinit && bashcompinit\n" + bash();
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
