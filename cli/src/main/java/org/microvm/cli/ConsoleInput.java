package org.microvm.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.microvm.machine.Machine;

/**
 * Sends standard input to the guest's UART, on its own thread.
 *
 * <p>On a terminal, escape sequences are handled and not sent. The thread is a daemon, because a
 * read of standard input cannot be interrupted.
 */
final class ConsoleInput {
  private final Machine machine;
  private final InputStream input;
  private final OutputStream output;
  private final ConsoleEscapes escapes = new ConsoleEscapes();
  private final boolean terminal;

  ConsoleInput(Machine machine, InputStream input, OutputStream output, boolean terminal) {
    this.machine = machine;
    this.input = input;
    this.output = output;
    this.terminal = terminal;
  }

  void start() {
    Thread.ofPlatform().daemon().name("console-input").start(this::run);
  }

  private void run() {
    byte[] chunk = new byte[4096];
    try {
      for (int count = input.read(chunk); count > 0; count = input.read(chunk)) {
        for (int i = 0; i < count; i++) {
          type(chunk[i]);
        }
      }
    } catch (IOException e) {
      // There is no more input; the guest continues without it.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void type(byte key) throws IOException, InterruptedException {
    if (!terminal) {
      machine.type(key);
      return;
    }
    switch (escapes.key(key)) {
      case SEND -> machine.type(key);
      case SEND_ESCAPE -> machine.type(ConsoleEscapes.CTRL_A);
      case HELP -> {
        output.write(ConsoleEscapes.HELP_TEXT.getBytes(StandardCharsets.US_ASCII));
        output.flush();
      }
      case LEAVE -> machine.stop();
      case DROP -> {}
    }
  }
}
