package org.microvm.machine.linux;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.UnixServerBackend;

/**
 * The host side of one port in a soak: connects, disconnects, reads, writes, idles and replugs the
 * port at random, while port-probe does the same in the guest. Used by one thread, until {@link
 * #finish}.
 */
final class SoakPort {
  /** Number of the guest's bytes that a unix socket can hold when the host program disconnects. */
  private static final long MAX_SKIPPED = 256 << 10;

  private static final int CHUNK = 4 << 10;
  private static final Duration REPLUG = Duration.ofSeconds(4);

  /**
   * Number of bytes that may be in transit to the guest, in all consecutive connections together.
   * All of them must arrive before the end, through a kernel that may be emulated.
   */
  private static final long WINDOW = 16 << 10;

  /**
   * What the host does to a port.
   *
   * @param reconnects whether the host leaves without having read everything
   * @param replugs whether the port is removed and added again
   */
  record Habits(boolean reconnects, boolean replugs) {}

  /** What has happened to a port. */
  record Totals(long bytesSent, long bytesReceived, long bytesSkipped, int connects, int plugs) {
    Totals plus(Totals other) {
      return new Totals(
          bytesSent + other.bytesSent,
          bytesReceived + other.bytesReceived,
          bytesSkipped + other.bytesSkipped,
          connects + other.connects,
          plugs + other.plugs);
    }
  }

  private final LinuxGuest guest;
  private final Path directory;
  private final int nr;
  private final Habits habits;
  private final Random random;
  private final ByteBuffer buffer = ByteBuffer.allocate(CHUNK);
  private final ReentrantLock acting = new ReentrantLock(true);
  private volatile boolean finish;

  private HostPort port;
  private int generation = -1;
  private long replugNanos;
  private SocketChannel host;
  private long sent;
  private long delivered;
  private StreamChecker received;
  private Totals earlier = new Totals(0, 0, 0, 0, 0);
  private int connects;

  /** Number of disconnections since the last received byte. */
  private int skips;

  SoakPort(LinuxGuest guest, Path directory, int nr, Habits habits, long seed) {
    this.guest = guest;
    this.directory = directory;
    this.nr = nr;
    this.habits = habits;
    random = new Random(seed);
  }

  /** Number of the guest's stream; the host's is the next number, as in port-probe. */
  private int guestStream() {
    return nr << 20 | generation << 1;
  }

  /** Adds the port; the guest side may start. */
  void plug() throws Exception {
    generation++;
    Path socket = directory.resolve(nr + "." + generation);
    port =
        guest.add(
            PortConfig.named("soak.%d.%d".formatted(nr, generation)).withNr(nr),
            UnixServerBackend.listen(socket, false));
    received = new StreamChecker(guestStream());
    skips = 0;
    sent = 0;
    delivered = 0;
    replugNanos = System.nanoTime() + (long) ((0.5 + random.nextDouble()) * REPLUG.toNanos());
  }

  /** Requests the end of both streams. After the return, this side closes no connection. */
  void finish() {
    acting.lock();
    finish = true;
    acting.unlock();
  }

  /**
   * Runs until {@link #finish}, and then to the end of both streams. The guest's stream ends first:
   * a side that has sent the end never closes again, so the host's end marker cannot be lost in
   * unread buffers.
   */
  void run() throws Exception {
    while (!finish) {
      // May take long: a session lasts until the guest has received everything, and the backlog is
      // short.
      connect();
      actWhileConnected();
    }
    if (host == null) {
      connect();
    }
    while (!received.ended()) {
      if (read() == 0) {
        rest(1);
      }
    }
    writeEnd();
  }

  private void actWhileConnected() throws Exception {
    while (host != null) {
      acting.lock();
      try {
        if (finish) {
          return;
        }
        act();
      } finally {
        acting.unlock();
      }
    }
  }

  private void act() throws Exception {
    if (habits.replugs() && System.nanoTime() - replugNanos > 0) {
      replug();
      return;
    }
    int dice = random.nextInt(64);
    if (dice == 0 && habits.reconnects()) {
      disconnect();
    } else if (dice < 4) {
      rest(dice == 1 && random.nextInt(8) == 0 ? 200 : 10);
    } else if (dice < 40) {
      if (read() == 0) {
        rest(2);
      }
    } else if (write(1 + random.nextInt(random.nextInt(4) == 0 ? CHUNK : 1024)) == 0) {
      rest(2);
    }
  }

  private void connect() throws IOException {
    Path socket = directory.resolve(nr + "." + generation);
    host = SocketChannel.open(UnixDomainSocketAddress.of(socket));
    host.configureBlocking(false);
    connects++;
  }

  private void disconnect() throws IOException {
    host.close();
    host = null;
    received.allowSkip();
    skips++;
  }

  private void replug() throws Exception {
    disconnect();
    earlier = totals();
    connects = 0;
    port.close();
    rest(random.nextInt(50));
    plug();
  }

  private int read() throws IOException {
    buffer.clear();
    int bytes = host.read(buffer);
    if (bytes < 0) {
      throw new AssertionError(port.name() + ": the VMM closed the connection");
    }
    long skipped = received.skipped();
    received.check(buffer.flip());
    if (received.skipped() - skipped > skips * MAX_SKIPPED) {
      throw new AssertionError(port.name() + ": lost " + (received.skipped() - skipped));
    }
    if (!received.maySkip()) {
      skips = 0;
    }
    return bytes;
  }

  private int write(int length) throws Exception {
    if (sent - delivered > WINDOW) {
      delivered = port.statistics().bytesToGuest();
    }
    if (sent - delivered > WINDOW) {
      return 0;
    }
    int bytes = host.write(ByteBuffer.wrap(NumberedStream.bytes(guestStream() + 1, sent, length)));
    sent += bytes;
    return bytes;
  }

  private void writeEnd() throws Exception {
    while (sent % NumberedStream.RECORD_BYTES != 0) {
      if (write(NumberedStream.RECORD_BYTES - (int) (sent % NumberedStream.RECORD_BYTES)) == 0) {
        rest(1);
        read();
      }
    }
    ByteBuffer end = ByteBuffer.wrap(NumberedStream.end(guestStream() + 1, sent));
    while (end.hasRemaining()) {
      if (host.write(end) == 0) {
        rest(1);
        read();
      }
    }
  }

  private static void rest(int milliseconds) throws InterruptedException {
    TimeUnit.MILLISECONDS.sleep(milliseconds);
  }

  /** What has happened to the port since the start, including earlier plugs. */
  Totals totals() {
    return earlier.plus(new Totals(sent, received.position(), received.skipped(), connects, 1));
  }

  /** Bytes written since the port was last plugged, which the guest must have received. */
  long sent() {
    return sent;
  }

  /** Bytes read since the port was last plugged, which the guest must have sent. */
  long receivedPosition() {
    return received.position();
  }

  /** Removes the port. */
  void close() throws IOException {
    if (host != null) {
      host.close();
    }
    port.close();
  }

  @Override
  public String toString() {
    return "soak of port %d, generation %d: sent %d, received %d"
        .formatted(nr, generation, sent, received.position());
  }
}
