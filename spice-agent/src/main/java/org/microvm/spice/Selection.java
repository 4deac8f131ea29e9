package org.microvm.spice;

import java.util.Locale;

/**
 * A selection of X11: three clipboards that a desktop has side by side
 * (VD_AGENT_CLIPBOARD_SELECTION_*).
 */
public enum Selection {
  /** Contents that are copied and pasted by a command. */
  CLIPBOARD,
  /** Marked text, which the middle mouse button pastes. */
  PRIMARY,
  /** A selection that hardly any program uses; Debian's agent ignores it. */
  SECONDARY;

  private static final Selection[] ALL = values();

  /** {@return the name in lower case, as xclip has it} */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns the selection with this number, or null. */
  static Selection of(int number) {
    return number >= 0 && number < ALL.length ? ALL[number] : null;
  }

  /** The number in messages. */
  int number() {
    return ordinal();
  }
}
