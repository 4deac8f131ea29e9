package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.virtioserial.PortConfig;

/**
 * The bare-metal guest {@code serial-echo}, which sends back what it receives on its channel, and a
 * host program that talks to it.
 */
final class SerialEcho {
  static final int MEMORY = 16 << 20;

  private SerialEcho() {}

  /**
   * A machine with this guest and one channel.
   *
   * @param options the guest's command line
   * @param hostEnd the channel's
   */
  static MachineConfig.Builder config(String options, ChannelConfig.HostEnd hostEnd) {
    return MachineConfig.builder(TestImages.bareMetal("serial-echo"))
        .memory(MEMORY)
        .commandLine(options)
        .channel(new ChannelConfig(PortConfig.named("test"), hostEnd));
  }

  /** Writes bytes and checks that the guest sends all of them back. */
  static void assertEchoes(SocketChannel host, int bytes) throws Exception {
    byte[] sent = new byte[bytes];
    new Random(bytes).nextBytes(sent);
    // On a separate thread: neither side keeps as many bytes as a test may send.
    FutureTask<Void> writer = new FutureTask<>(() -> write(host, sent), null);
    Thread.ofPlatform().daemon().start(writer);
    ByteBuffer back = ByteBuffer.allocate(bytes);
    readFully(host, back);
    writer.get(30, TimeUnit.SECONDS);
    assertArrayEquals(sent, back.array());
  }

  /** Writes a text, which must fit into a socket, and checks that the guest sends it back. */
  static void assertEchoes(SocketChannel host, String text) throws IOException {
    byte[] sent = text.getBytes(StandardCharsets.UTF_8);
    write(host, sent);
    ByteBuffer back = ByteBuffer.allocate(sent.length);
    readFully(host, back);
    assertEquals(text, new String(back.array(), StandardCharsets.UTF_8));
  }

  /** Writes all of the bytes. */
  static void write(SocketChannel host, byte[] bytes) {
    try {
      Channels.newOutputStream(host).write(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads until the buffer is full, and fails if the stream ends before that. */
  static void readFully(SocketChannel host, ByteBuffer target) throws IOException {
    while (target.hasRemaining()) {
      assertTrue(host.read(target) >= 0, "the stream ended at " + target.position());
    }
  }
}
