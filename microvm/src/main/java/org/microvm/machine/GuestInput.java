package org.microvm.machine;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.microvm.machine.board.Board;

/**
 * What the host gives to the guest besides the bytes of channels: the power button, and bytes for
 * its UART. Once the state is saved with which the guest continues in another process, both are
 * held back, because nothing would carry them over. Any thread may call.
 */
final class GuestInput {
  private final Board board;
  private boolean held;

  GuestInput(Board board) {
    this.board = board;
  }

  /** Refuses the power button and keeps typed bytes waiting; call before the state is saved. */
  synchronized void hold() {
    held = true;
    board.uart().holdInput();
  }

  /** Ends {@link #hold}, because the guest stays in this process. */
  synchronized void release() {
    held = false;
    board.uart().releaseInput();
  }

  /**
   * Presses the ACPI power button.
   *
   * @return false if the guest does not use ACPI
   * @throws UncheckedIOException if the guest may leave, or has left, for another process
   */
  synchronized boolean pressPowerButton() {
    if (held) {
      throw new UncheckedIOException(
          new IOException(
              "the guest is being handed over to another process, which may run it already"));
    }
    return board.acpi().pressPowerButton();
  }
}
