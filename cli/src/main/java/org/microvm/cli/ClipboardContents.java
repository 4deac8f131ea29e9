package org.microvm.cli;

import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.microvm.spice.Format;
import org.microvm.spice.Selection;
import org.microvm.virtioserial.options.NearestWord;
import picocli.CommandLine.Option;

/** Selects which contents of a clipboard a command is about. */
final class ClipboardContents {
  @Option(
      names = "--selection",
      defaultValue = "clipboard",
      paramLabel = "clipboard|primary|secondary",
      description = "the selection (default: ${DEFAULT-VALUE})")
  private String selection;

  @Option(
      names = "--format",
      defaultValue = "text",
      paramLabel = "text|png",
      description = "the format of the contents (default: ${DEFAULT-VALUE})")
  private String format;

  /**
   * The selection.
   *
   * @throws UsageException if there is none of that name
   */
  Selection selection() {
    return parse("--selection", selection, Selection.values(), Selection::text);
  }

  /**
   * The format.
   *
   * @throws UsageException if there is none of that name
   */
  Format format() {
    return parse("--format", format, Format.values(), Format::text);
  }

  private static <T> T parse(String option, String text, T[] values, Function<T, String> nameOf) {
    List<String> names = Arrays.stream(values).map(nameOf).toList();
    int number = names.indexOf(text);
    if (number < 0) {
      throw new UsageException(
          "%s: '%s' is not %s%s"
              .formatted(option, text, Options.list(names), NearestWord.hint(text, names)));
    }
    return values[number];
  }
}
