package org.microvm.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.microvm.machine.Machine;

/**
 * Sends standard input to the guest's UART, which accepts it once the guest listens.
 *
 * <p>On a terminal, escape sequences are handled and not sent. They work whether or not the guest
 * accepts keys: one thread reads, and another one types. The threads are daemons, because a read of
 * standard input cannot be interrupted.
 */
final class ConsoleInput {
  /** As many keys as a terminal holds for a program that does not read. */
  private static final int MAX_KEYS = 4096;

  private static final byte BELL = 7;

  private final Machine machine;
  private final InputStream input;
  private final OutputStream output;
  private final ConsoleEscapes escapes = new ConsoleEscapes();
  private final BlockingQueue<Byte> keys = new ArrayBlockingQueue<>(MAX_KEYS);
  private final boolean terminal;
  private final Runnable typing;

  /**
   * @param typing called when keys were read
   */
  ConsoleInput(
      Machine machine, InputStream input, OutputStream output, boolean terminal, Runnable typing) {
    this.machine = machine;
    this.input = input;
    this.output = output;
    this.terminal = terminal;
    this.typing = typing;
  }

  void start() {
    Thread.ofPlatform().daemon().name("console-input").start(this::read);
    Thread.ofPlatform().daemon().name("console-keys").start(this::type);
  }

  private void read() {
    byte[] chunk = new byte[4096];
    try {
      for (int count = input.read(chunk); count > 0; count = input.read(chunk)) {
        typing.run();
        for (int i = 0; i < count; i++) {
          key(chunk[i]);
        }
      }
    } catch (IOException e) {
      // There is no more input; the guest continues without it.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void key(byte key) throws IOException, InterruptedException {
    if (!terminal) {
      keys.put(key);
      return;
    }
    switch (escapes.key(key)) {
      case SEND -> offer(key);
      case SEND_ESCAPE -> offer(ConsoleEscapes.CTRL_A);
      case HELP -> show(ConsoleEscapes.HELP_TEXT.getBytes(StandardCharsets.US_ASCII));
      case LEAVE -> machine.stop();
      case DROP -> {}
    }
  }

  /** Drops a key with a bell, as terminals do, if there are too many for the guest. */
  private void offer(byte key) throws IOException {
    if (!keys.offer(key)) {
      show(BELL);
    }
  }

  private void show(byte... bytes) throws IOException {
    output.write(bytes);
    output.flush();
  }

  private void type() {
    try {
      while (true) {
        machine.type(keys.take());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
