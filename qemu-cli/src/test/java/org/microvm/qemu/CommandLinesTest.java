package org.microvm.qemu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvFileSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Command lines as programs use them, and what they become. */
class CommandLinesTest {
  /** Blocks of {@code # NAME}, lines of options, {@code =>}, and lines of our options. */
  static List<Arguments> commandLines() throws IOException {
    try (InputStream file = CommandLinesTest.class.getResourceAsStream("command-lines.txt")) {
      String text = new String(file.readAllBytes(), StandardCharsets.UTF_8);
      List<Arguments> all = new ArrayList<>();
      for (String block : text.split("\n\n+")) {
        String[] parts = block.split("\n=>\n");
        String[] command = parts[0].split("\n", 2);
        all.add(Arguments.of(command[0].substring(2), command[1], parts[1].strip()));
      }
      return all;
    }
  }

  /** Splits at spaces; a word in single quotes may have some. */
  private static List<String> words(String text) {
    List<String> words = new ArrayList<>();
    String[] quoted = text.strip().split("'", -1);
    for (int i = 0; i < quoted.length; i++) {
      if (i % 2 == 1) {
        words.add(quoted[i]);
      } else if (!quoted[i].isBlank()) {
        words.addAll(Arrays.asList(quoted[i].strip().split("\\s+")));
      }
    }
    return words;
  }

  private static String described(Translation.Result result) {
    StringBuilder text = new StringBuilder();
    for (String word : result.options()) {
      text.append(word.startsWith("--") ? "\n" : " ").append(word);
    }
    result.extras().serial().ifPresent(end -> text.append("\nserial ").append(end.chardev()));
    result.extras().monitors().forEach(end -> text.append("\nmonitor ").append(end));
    result.extras().label().ifPresent(label -> text.append("\nlabel ").append(label));
    UUID uuid = result.extras().uuid();
    text.append(uuid.equals(new UUID(0, 0)) ? "" : "\nuuid " + uuid);
    result.extras().pidFile().ifPresent(file -> text.append("\npidfile ").append(file));
    text.append(result.extras().isPaused() ? "\npaused" : "");
    text.append(result.extras().isBackground() ? "\nbackground" : "");
    text.append(result.extras().isStayingAfterShutdown() ? "\nstays" : "");
    text.append(result.none() ? "\nnone" : "");
    return text.toString().strip();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource
  void commandLines(String name, String command, String expected) throws Refusal {
    assertEquals(expected, described(new Translation().translate(words(command))), name);
  }

  @ParameterizedTest(name = "{0}")
  @CsvFileSource(
      resources = "refusals.csv",
      delimiter = '|',
      quoteCharacter = '\0',
      numLinesToSkip = 1)
  void optionThatIsNotHere_isRefusedByNameInOneLine(String command, String expected) {
    Refusal refused =
        assertThrows(Refusal.class, () -> new Translation().translate(words(command)));

    // A list that other modules make is left out of the table.
    String part = expected.replaceFirst("[.]{3}$", "");
    boolean isWhole = part.equals(expected);
    String message = refused.getMessage();
    assertEquals(part, isWhole ? message : message.substring(0, part.length()));
    assertEquals(1, message.lines().count());
  }
}
