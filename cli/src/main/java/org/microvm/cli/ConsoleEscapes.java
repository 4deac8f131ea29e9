package org.microvm.cli;

/**
 * Recognizes escape sequences in what the user types at the guest's console.
 *
 * <p>As in QEMU and screen: Ctrl-A x ends the machine, Ctrl-A h shows help, Ctrl-A Ctrl-A or Ctrl-A
 * a sends one Ctrl-A to the guest. Any other key after Ctrl-A is dropped together with it.
 */
final class ConsoleEscapes {
  /** What to do with a key. */
  enum Action {
    /** Give the key to the guest. */
    SEND,
    /** Give the guest a Ctrl-A. */
    SEND_ESCAPE,
    /** Nothing: the key is part of an escape sequence. */
    DROP,
    /** Show the help. */
    HELP,
    /** End the machine. */
    LEAVE
  }

  static final byte CTRL_A = 1;

  static final String HELP_TEXT =
      "\r\nCtrl-A x  ends the machine\r\nCtrl-A h  shows this help\r\nCtrl-A Ctrl-A  sends Ctrl-A\r\n";

  private boolean escaped;

  Action key(byte key) {
    if (!escaped) {
      escaped = key == CTRL_A;
      return escaped ? Action.DROP : Action.SEND;
    }
    escaped = false;
    return switch (key) {
      case 'x', 'X' -> Action.LEAVE;
      case 'h', 'H', '?' -> Action.HELP;
      case 'a', CTRL_A -> Action.SEND_ESCAPE;
      default -> Action.DROP;
    };
  }
}
