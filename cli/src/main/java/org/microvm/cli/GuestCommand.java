package org.microvm.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ByteChannel;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.microvm.cli.named.UserInput;

/**
 * A program that the project's guest runs for the host, with its standard streams and its exit
 * status on one channel. {@code test-images/rootfs/command.c} is the other end, and describes the
 * frames. One thread runs it; another one carries standard input.
 */
final class GuestCommand {
  /** Name of the channel. */
  static final String CHANNEL = "org.microvm.command";

  /** The kernel parameter that makes the guest's init use the channel. */
  static final String BOOT_OPTION = "microvm.command=port";

  private static final int HEADER = 5;

  /** The most bytes in a frame, both ways. */
  static final int MAX_PAYLOAD = 16384;

  private static final int MAX_ARGUMENTS = 1024;

  private final List<byte[]> arguments;
  private final UserInput input;
  private final OutputStream output;
  private final OutputStream errors;

  /**
   * Prepares a command.
   *
   * @param arguments the program and its arguments, as {@link ByteText}
   * @param input what the program reads; read to its end, on a daemon thread
   * @param output where its standard output goes
   * @param errors where its standard error goes
   * @throws UsageException if the arguments are too many or too long
   */
  GuestCommand(
      List<String> arguments, InputStream input, OutputStream output, OutputStream errors) {
    this.arguments = arguments.stream().map(ByteText::bytes).toList();
    for (byte[] argument : this.arguments) {
      if (argument.length >= MAX_PAYLOAD) {
        throw new UsageException(
            "an argument of the guest's command is longer than " + (MAX_PAYLOAD - 1) + " bytes");
      }
    }
    if (arguments.size() > MAX_ARGUMENTS) {
      throw new UsageException("the guest's command has more than " + MAX_ARGUMENTS + " arguments");
    }
    this.input = new UserInput(input);
    this.output = output;
    this.errors = errors;
  }

  /**
   * Runs the command and returns its exit status, or nothing if the channel was closed first.
   *
   * @param channel to the guest, which may not have opened it yet
   * @throws IOException if its output cannot be written, or the guest violates the protocol
   */
  OptionalInt run(ByteChannel channel) throws IOException {
    try {
      for (byte[] argument : arguments) {
        send(channel, 'A', argument, argument.length);
      }
      send(channel, 'G', new byte[0], 0);
    } catch (IOException gone) {
      return OptionalInt.empty();
    }
    Thread.ofPlatform().daemon().name("command-input").start(() -> carryInput(channel));
    return receive(channel);
  }

  private OptionalInt receive(ByteChannel channel) throws IOException {
    ByteBuffer header = ByteBuffer.allocate(HEADER).order(ByteOrder.LITTLE_ENDIAN);
    byte[] payload = new byte[MAX_PAYLOAD];
    while (fill(channel, header.clear())) {
      byte kind = header.get(0);
      int length = header.getInt(1);
      if (length < 0 || length > MAX_PAYLOAD) {
        throw new IOException("the guest sent a frame of " + length + " bytes on " + CHANNEL);
      }
      if (!fill(channel, ByteBuffer.wrap(payload, 0, length))) {
        break;
      }
      switch (kind) {
        case 'O' -> write(output, payload, length);
        case 'E' -> write(errors, payload, length);
        case 'X' -> {
          if (length != 1) {
            throw new IOException("the guest sent a status of " + length + " bytes on " + CHANNEL);
          }
          acknowledge(channel);
          return OptionalInt.of(payload[0] & 0xff);
        }
        default -> throw new IOException("the guest sent an unknown frame on " + CHANNEL);
      }
    }
    return OptionalInt.empty();
  }

  private static void write(OutputStream stream, byte[] bytes, int length) throws IOException {
    stream.write(bytes, 0, length);
    stream.flush();
  }

  /** Lets the guest power off. */
  private static void acknowledge(ByteChannel channel) {
    try {
      send(channel, 'K', new byte[0], 0);
    } catch (IOException gone) {
      // It is powering off already.
    }
  }

  private void carryInput(ByteChannel channel) {
    byte[] bytes = new byte[MAX_PAYLOAD];
    try {
      int count;
      do {
        count = Math.max(input.read(bytes), 0);
        send(channel, 'I', bytes, count);
      } while (count > 0);
    } catch (IOException gone) {
      // The guest has ended: nobody reads this now.
    }
  }

  /** {@return why the input ended early, if it could not be read} */
  Optional<IOException> inputFailure() {
    return input.failure();
  }

  /** Sends one frame; a channel writes each frame as a whole, so that two threads may send. */
  private static void send(ByteChannel channel, char kind, byte[] bytes, int length)
      throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(HEADER + length).order(ByteOrder.LITTLE_ENDIAN);
    frame.put((byte) kind).putInt(length).put(bytes, 0, length);
    channel.write(frame.flip());
  }

  /** Fills the buffer; returns false if the channel is closed first. */
  private static boolean fill(ByteChannel channel, ByteBuffer buffer) {
    try {
      while (buffer.hasRemaining()) {
        if (channel.read(buffer) < 0) {
          return false;
        }
      }
      return true;
    } catch (IOException closed) {
      return false;
    }
  }
}
