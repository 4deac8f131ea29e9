package org.microvm.cli.faults;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** A host program at a channel of a guest that echoes; it connects again when it has to. */
final class EchoClient implements AutoCloseable {
  private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(30);

  private final Path path;
  private final BooleanSupplier machineEnded;
  private final StringBuilder received = new StringBuilder();
  private SocketChannel socket;
  private boolean wasConnected;
  private int number;
  private int disconnections;

  EchoClient(Path path, BooleanSupplier machineEnded) {
    this.path = path;
    this.machineEnded = machineEnded;
  }

  /** How often the machine has disconnected the client. */
  int disconnections() {
    return disconnections;
  }

  /**
   * Sends a line, again on a new connection if that ends, until it comes back.
   *
   * @return false if the machine ends meanwhile
   */
  boolean echoes() {
    long deadline = System.nanoTime() + LIMIT_NANOS;
    while (true) {
      try {
        if (socket == null) {
          socket = SocketChannel.open(UnixDomainSocketAddress.of(path));
          socket.configureBlocking(false);
          wasConnected = true;
          received.setLength(0);
        }
        return exchange("%s %d\n".formatted(path.getFileName(), ++number), deadline);
      } catch (IOException e) {
        disconnected();
        check(deadline, "does not come back: " + e.getMessage());
        if (machineEnded.getAsBoolean()) {
          return false;
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
      }
    }
  }

  private boolean exchange(String line, long deadline) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      socket.write(bytes);
      check(deadline, "takes nothing");
    }
    ByteBuffer answer = ByteBuffer.allocate(4096);
    while (received.indexOf(line) < 0) {
      int count = socket.read(answer.clear());
      if (count < 0) {
        throw new IOException("end of stream");
      }
      received.append(StandardCharsets.UTF_8.decode(answer.flip()));
      if (count == 0) {
        if (machineEnded.getAsBoolean()) {
          return false;
        }
        check(deadline, "has lost a line");
        LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(50));
      }
    }
    received.setLength(0);
    return true;
  }

  private void check(long deadline, String what) {
    if (System.nanoTime() > deadline) {
      throw new AssertionError("the channel " + path.getFileName() + " " + what);
    }
  }

  private void disconnected() {
    if (wasConnected) {
      wasConnected = false;
      disconnections++;
    }
    close();
  }

  @Override
  public void close() {
    if (socket != null) {
      try {
        socket.close();
      } catch (IOException e) {
        throw new AssertionError(e);
      }
      socket = null;
    }
  }
}
