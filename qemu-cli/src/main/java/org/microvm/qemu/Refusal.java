package org.microvm.qemu;

/** An option that is not accepted. The message is what QEMU would print after its name. */
final class Refusal extends Exception {
  private static final long serialVersionUID = 1;

  /**
   * @param option with its dash
   * @param value of the option; null if it has none
   * @param reason what is wrong, and what is accepted
   */
  Refusal(String option, String value, String reason) {
    super(value == null ? option + ": " + reason : option + " " + value + ": " + reason);
  }
}
