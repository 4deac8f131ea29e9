package org.microvm.cli.named;

import java.io.ByteArrayOutputStream;

/**
 * Recognizes what the user types for the viewer and not for the guest: Ctrl-A d detaches, Ctrl-A h
 * shows help, Ctrl-A Ctrl-A or Ctrl-A a sends one Ctrl-A. Any other key after Ctrl-A is dropped
 * together with it.
 */
final class ViewerKeys {
  static final String HELP =
      """
      \r
      Ctrl-A d  detaches; the machine continues\r
      Ctrl-A h  shows this help\r
      Ctrl-A Ctrl-A  sends Ctrl-A\r
      """;

  private static final byte CTRL_A = 1;

  private boolean escaped;

  /**
   * What a piece of input means.
   *
   * @param keys for the guest
   * @param help whether the help is wanted
   * @param detach whether the viewer detaches after the keys
   */
  record Meaning(byte[] keys, boolean help, boolean detach) {}

  /** Interprets the first {@code count} bytes; what follows Ctrl-A d is dropped. */
  Meaning read(byte[] input, int count) {
    ByteArrayOutputStream keys = new ByteArrayOutputStream(count);
    boolean help = false;
    for (int i = 0; i < count; i++) {
      byte key = input[i];
      if (!escaped) {
        escaped = key == CTRL_A;
        if (!escaped) {
          keys.write(key);
        }
        continue;
      }
      escaped = false;
      switch (key) {
        case 'd', 'D' -> {
          return new Meaning(keys.toByteArray(), help, true);
        }
        case 'h', 'H', '?' -> help = true;
        case 'a', CTRL_A -> keys.write(CTRL_A);
        default -> {}
      }
    }
    return new Meaning(keys.toByteArray(), help, false);
  }
}
