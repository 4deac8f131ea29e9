package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.microvm.cli.named.Machines;
import org.microvm.spice.Clipboard;
import org.microvm.spice.Selection;
import org.microvm.virtioserial.options.NearestWord;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Selects the clipboard of a machine, and says how long to wait for it. */
final class ClipboardTarget {
  private static final int DEFAULT_TIMEOUT = 30;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "NAME",
      description = "the machine's name, unless --socket is given")
  private String machine;

  @Option(
      names = "--socket",
      paramLabel = "PATH",
      description =
          "the path= of the machine's qemu-vdagent chardev; instead of the machine's name")
  private Path socket;

  @Option(
      names = "--timeout",
      defaultValue = "" + DEFAULT_TIMEOUT,
      paramLabel = "SECONDS",
      description = "how long to wait for an answer (default: ${DEFAULT-VALUE})")
  private int timeout;

  /** The time limit for an answer. */
  Duration limit() {
    if (timeout < 1) {
      throw new UsageException("--timeout must be at least 1 second, not " + timeout);
    }
    return Duration.ofSeconds(timeout);
  }

  /** How the machine was selected. */
  String name() {
    return machine == null ? socket.toString() : machine;
  }

  /** Connects to the clipboard of the machine. */
  Clipboard connect() throws IOException {
    if ((socket == null) == (machine == null)) {
      throw new UsageException(
          machine == null
              ? "which machine? Give its name (`microvm list` shows all) or --socket PATH"
              : "a machine's name and --socket cannot be combined");
    }
    limit();
    Path path =
        machine == null
            ? socket
            : Machines.ofUser().find(NamedRun.name("clipboard", machine)).files().clipboard();
    if (machine == null) {
      FileProblem.checkSocket("--socket", path);
    } else if (!Files.exists(path)) {
      throw new IOException(
          "the machine '%s' has no clipboard; run it with --chardev qemu-vdagent,id=ID,clipboard=on and a --device"
              .formatted(machine));
    }
    return Clipboard.connect(path);
  }

  /** Reads the name of a selection. */
  static Selection selection(String text) {
    List<String> names = Arrays.stream(Selection.values()).map(Selection::text).toList();
    int number = names.indexOf(text);
    if (number < 0) {
      throw new UsageException(
          "--selection: '%s' is not %s%s"
              .formatted(text, String.join(", ", names), NearestWord.hint(text, names)));
    }
    return Selection.values()[number];
  }
}
