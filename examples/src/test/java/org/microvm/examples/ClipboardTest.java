package org.microvm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The clipboards on the host. */
@Timeout(60)
class ClipboardTest {
  private static final String TEXT = "two lines\nof täxt".repeat(100_000);

  @TempDir private Path directory;

  /** Commands that behave like xclip: paste fails while there is no text. */
  private Clipboard commands() {
    String file = directory.resolve("text").toString();
    return new Clipboard.OfCommands(
        List.of("cat", file), List.of("sh", "-c", "cat > \"$1\"", "copy", file));
  }

  @Test
  void commands_keepTheText() throws IOException {
    Clipboard clipboard = commands();
    String atFirst = clipboard.read();

    clipboard.write(TEXT);

    assertEquals("", atFirst);
    assertEquals(TEXT, clipboard.read());
  }

  @Test
  void commands_keepTheEmptyText() throws IOException {
    Clipboard clipboard = commands();
    clipboard.write(TEXT);

    clipboard.write("");

    assertEquals("", clipboard.read());
  }

  @Test
  void copy_thatFails_isAnError() {
    Clipboard clipboard = new Clipboard.OfCommands(List.of("true"), List.of("false"));

    assertThrows(IOException.class, () -> clipboard.write("text"));
  }

  @Test
  void file_keepsTheText() throws IOException {
    Clipboard clipboard = new Clipboard.OfFile(directory.resolve("file"));
    String atFirst = clipboard.read();

    clipboard.write(TEXT);

    assertEquals("", atFirst);
    assertEquals(TEXT, clipboard.read());
  }
}
