package org.microvm.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Sends numbers of eight bytes each to a guest that echoes, and checks that they return in order.
 */
final class NumberedEcho implements AutoCloseable {
  private static final int NUMBERS = 4096;

  private final SocketChannel socket;
  private final CompletableFuture<Long> sent = new CompletableFuture<>();
  private final CompletableFuture<Long> received = new CompletableFuture<>();
  private volatile boolean enough;

  private NumberedEcho(SocketChannel socket) {
    this.socket = socket;
  }

  static NumberedEcho start(Path path) throws IOException {
    NumberedEcho echo = new NumberedEcho(SocketChannel.open(UnixDomainSocketAddress.of(path)));
    echo.thread("numbers-out", echo.sent, echo::send);
    echo.thread("numbers-in", echo.received, echo::receive);
    return echo;
  }

  private interface Work {
    long run() throws IOException;
  }

  private void thread(String name, CompletableFuture<Long> result, Work work) {
    Thread.ofPlatform()
        .daemon()
        .name(name)
        .start(
            () -> {
              try {
                result.complete(work.run());
              } catch (IOException | RuntimeException e) {
                result.completeExceptionally(e);
              }
            });
  }

  private long send() throws IOException {
    long number = 0;
    ByteBuffer block = ByteBuffer.allocate(NUMBERS * Long.BYTES);
    while (!enough) {
      block.clear();
      while (block.hasRemaining()) {
        block.putLong(number++);
      }
      block.flip();
      while (block.hasRemaining()) {
        socket.write(block);
      }
    }
    return number * Long.BYTES;
  }

  private long receive() throws IOException {
    long bytes = 0;
    long expected = 0;
    ByteBuffer block = ByteBuffer.allocate(NUMBERS * Long.BYTES);
    while (!sent.isDone() || bytes < total()) {
      if (socket.read(block) < 0) {
        throw new IOException("the connection ended after %d bytes".formatted(bytes));
      }
      block.flip();
      while (block.remaining() >= Long.BYTES) {
        long number = block.getLong();
        if (number != expected) {
          throw new IOException("received number %d instead of %d".formatted(number, expected));
        }
        expected++;
        bytes += Long.BYTES;
      }
      block.compact();
    }
    return bytes;
  }

  private long total() throws IOException {
    try {
      return sent.join();
    } catch (CompletionException e) {
      throw new IOException("sending: " + e.getCause().getMessage(), e);
    }
  }

  /**
   * Ends the stream and waits until all of it has returned.
   *
   * @return number of bytes that returned
   * @throws IOException if a byte differs from what was sent
   */
  long finish() throws IOException {
    enough = true;
    try {
      total();
      return received.join();
    } catch (CompletionException e) {
      throw new IOException(e.getCause().getMessage(), e);
    }
  }

  @Override
  public void close() {
    enough = true;
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
