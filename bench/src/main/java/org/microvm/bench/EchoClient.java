package org.microvm.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.Histogram;

/** A host program that repeatedly sends a message and waits for its echo. */
final class EchoClient implements AutoCloseable {
  private static final long LONGEST_NANOS = TimeUnit.SECONDS.toNanos(60);
  private static final int DIGITS = 3;

  private final SocketChannel channel;
  private final ByteBuffer message;
  private final AtomicLong messages = new AtomicLong();
  private final StallGuard guard;

  /**
   * Connects.
   *
   * @param limit time limit for the echo of a message
   */
  EchoClient(Path socket, int messageBytes, Duration limit) throws IOException {
    guard = new StallGuard(limit, messages::get, this::giveUp);
    channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
    message = ByteBuffer.allocateDirect(messageBytes);
  }

  /**
   * Measures round-trip times in nanoseconds.
   *
   * @throws IOException if a message does not come back
   */
  Histogram run(double seconds) throws IOException {
    return guard.watch(() -> send(seconds));
  }

  private Histogram send(double seconds) throws IOException {
    Histogram times = new Histogram(LONGEST_NANOS, DIGITS);
    long start = System.nanoTime();
    long end = start + (long) (seconds * TimeUnit.SECONDS.toNanos(1));
    while (start - end < 0) {
      message.clear();
      channel.write(message);
      message.clear();
      while (message.hasRemaining()) {
        if (channel.read(message) < 0) {
          throw new IOException("the VMM has closed the port");
        }
      }
      long now = System.nanoTime();
      times.recordValue(Math.min(now - start, LONGEST_NANOS));
      start = now;
      messages.setRelease(messages.getPlain() + 1);
    }
    return times;
  }

  private void giveUp() {
    try {
      close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
