package org.microvm.cli;

/**
 * Takes the escape key out of what a person types at the guest's console.
 *
 * <p>As in QEMU and screen: Ctrl-A x leaves, Ctrl-A h helps, Ctrl-A Ctrl-A or Ctrl-A a sends one
 * Ctrl-A to the guest; any other key behind Ctrl-A is dropped with it.
 */
final class ConsoleEscapes {
  /** What to do with a key. */
  enum Action {
    /** Give the key to the guest. */
    SEND,
    /** Give the guest a Ctrl-A. */
    SEND_ESCAPE,
    /** Nothing: the key belongs to an escape. */
    DROP,
    /** Show what the keys are. */
    HELP,
    /** End the machine. */
    LEAVE
  }

  static final byte CTRL_A = 1;

  static final String HELP_TEXT =
      "\r\nCtrl-A x  ends the machine\r\nCtrl-A h  this help\r\nCtrl-A Ctrl-A  sends Ctrl-A\r\n";

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
