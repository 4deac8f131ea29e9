package org.microvm.firmware;

/**
 * A kernel command line in the making; immutable.
 *
 * <p>Words are appended before a bare {@code --}, behind which the kernel passes everything to
 * init. The length is checked when a kernel is loaded, for the limit is the kernel's.
 */
public final class CommandLine {
  private final String text;

  private CommandLine(String text) {
    this.text = text;
  }

  /**
   * @param text words separated by spaces, may be empty
   * @throws BootException if it holds anything but printable ASCII
   */
  public static CommandLine of(String text) throws BootException {
    check(text);
    return new CommandLine(text.strip());
  }

  /**
   * Adds words at the end of the kernel's part.
   *
   * @throws BootException if they hold anything but printable ASCII
   */
  public CommandLine append(String words) throws BootException {
    check(words);
    String stripped = words.strip();
    int split = initArguments(text);
    String kernel = text.substring(0, split).stripTrailing();
    String init = text.substring(split);
    StringBuilder joined = new StringBuilder(text.length() + stripped.length() + 2);
    join(joined, kernel);
    join(joined, stripped);
    join(joined, init);
    return new CommandLine(joined.toString());
  }

  /**
   * Adds the word by which Linux finds a virtio-mmio device.
   *
   * @param address guest-physical address of its registers
   * @param length their length in bytes, a multiple of 1 KiB
   * @param gsi its interrupt
   */
  public CommandLine virtioMmio(long address, long length, int gsi) {
    try {
      return append(
          new StringBuilder("virtio_mmio.device=")
              .append(length >> 10)
              .append("K@0x")
              .append(Long.toHexString(address))
              .append(':')
              .append(gsi)
              .toString());
    } catch (BootException e) {
      throw new AssertionError(e);
    }
  }

  /** The line as the kernel gets it. */
  @Override
  public String toString() {
    return text;
  }

  /**
   * @throws BootException if the text holds anything but printable ASCII
   */
  static void check(String text) throws BootException {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < ' ' || c > '~') {
        throw new BootException(
            "command line: character U+%04X at position %d is not printable ASCII"
                .formatted((int) c, i + 1));
      }
    }
  }

  private static void join(StringBuilder line, String words) {
    if (!line.isEmpty() && !words.isEmpty()) {
      line.append(' ');
    }
    line.append(words);
  }

  /** Index of the bare {@code --}, or the length; quotes hide it as they do in the kernel. */
  private static int initArguments(String text) {
    boolean quoted = false;
    int word = 0;
    for (int i = 0; i <= text.length(); i++) {
      char c = i == text.length() ? ' ' : text.charAt(i);
      if (c == '"') {
        quoted = !quoted;
      } else if (c == ' ' && !quoted) {
        if (i - word == 2 && text.startsWith("--", word)) {
          return word;
        }
        word = i + 1;
      }
    }
    return text.length();
  }
}
