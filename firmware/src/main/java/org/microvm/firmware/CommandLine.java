package org.microvm.firmware;

/**
 * A kernel command line to which parameters can be added; immutable.
 *
 * <p>Parameters are added before a bare {@code --}, because the kernel passes everything after that
 * to init. The length is checked when a kernel is loaded, since the limit depends on the kernel.
 */
public final class CommandLine {
  private final String text;

  private CommandLine(String text) {
    this.text = text;
  }

  /**
   * Parses a command line.
   *
   * @param text parameters separated by spaces; may be empty
   * @return the command line, without spaces at its ends
   * @throws BootException if it contains anything but printable ASCII
   */
  public static CommandLine of(String text) throws BootException {
    check(text);
    return new CommandLine(text.strip());
  }

  /**
   * Adds parameters at the end of the kernel's part.
   *
   * @param words parameters separated by spaces; may be empty
   * @return the extended command line; this one does not change
   * @throws BootException if they contain anything but printable ASCII
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
   * Looks for a parameter in the kernel's part.
   *
   * @param name its name, up to the equals sign
   * @return whether the parameter is there, with or without a value
   */
  public boolean has(String name) {
    return hasWord(name + "=") || hasWord(name);
  }

  /** Whether a word of the kernel's part is this one, or begins with it if it ends in {@code =}. */
  private boolean hasWord(String wanted) {
    int end = initArguments(text);
    boolean quoted = false;
    int word = 0;
    for (int i = 0; i <= end; i++) {
      char c = i == end ? ' ' : text.charAt(i);
      if (c == '"') {
        quoted = !quoted;
      } else if (c == ' ' && (!quoted || i == end)) {
        if (text.startsWith(wanted, word)
            && (wanted.endsWith("=") || i - word == wanted.length())) {
          return true;
        }
        word = i + 1;
      }
    }
    return false;
  }

  /**
   * Adds the parameter by which Linux finds a virtio-mmio device.
   *
   * @param address guest-physical address of its registers
   * @param length length of the register range in bytes, a multiple of 1 KiB
   * @param gsi the device's interrupt
   * @return the extended command line; this one does not change
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

  /** The line as the kernel receives it. */
  @Override
  public String toString() {
    return text;
  }

  /**
   * @throws BootException if the text contains anything but printable ASCII
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

  /**
   * Returns the index of the bare {@code --}, or the length if there is none. As in the kernel, a
   * {@code --} within quotes does not count.
   */
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
