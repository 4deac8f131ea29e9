package org.microvm.qemu;

import java.util.List;

/** The entry point of {@code libexec/qemu-system-x86_64}: QEMU's options for this VMM. */
public final class Main {
  private static final String PROGRAM = "qemu-system-x86_64";
  private static final int FAILED = 1;

  private Main() {}

  /**
   * Runs the machine and ends the process: with status 1 if an option is refused, as QEMU does.
   *
   * @param arguments the command line
   */
  public static void main(String[] arguments) {
    List<String> words = List.of(org.microvm.cli.Main.exact(arguments));
    String help = Help.of(words, org.microvm.cli.Main.version());
    if (help != null) {
      System.out.print(help);
      System.exit(0);
    }
    try {
      Translation.Result result = new Translation().translate(words);
      if (result.none()) {
        org.microvm.cli.Main.runWithoutGuest(PROGRAM, result.extras());
      } else {
        org.microvm.cli.Main.run(PROGRAM, result.extras(), Main::message, result.options());
      }
    } catch (Refusal e) {
      System.err.println(PROGRAM + ": " + e.getMessage());
      System.exit(FAILED);
    }
  }

  /** Names the options as the user did. */
  static String message(String text) {
    return text.replaceFirst("^--disk\\b", "-drive")
        .replaceFirst("^--cpus\\b", "-smp")
        .replaceFirst("^--memory\\b", "-m")
        .replaceFirst("^--", "-");
  }
}
