package org.microvm.virtioserial.options;

/** The rule of QEMU and QMP for the ids of chardevs and devices. */
public final class Identifier {
  private static final String ALSO_LATER = "0123456789-._";

  private Identifier() {}

  /**
   * {@return whether an id is a letter, then letters, digits, '-', '.' and '_'}
   *
   * @param text the id
   */
  public static boolean isValid(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean letter = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z';
      if (!letter && (i == 0 || ALSO_LATER.indexOf(c) < 0)) {
        return false;
      }
    }
    return !text.isEmpty();
  }
}
