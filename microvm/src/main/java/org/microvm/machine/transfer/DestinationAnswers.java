package org.microvm.machine.transfer;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the answers of a migration's destination, and decides what a missing answer means. */
final class DestinationAnswers {
  private static final Logger LOG = LoggerFactory.getLogger(DestinationAnswers.class);
  private static final Duration PATHS = Duration.ofSeconds(1);

  private final MigrationStream stream;
  private final Duration handover;
  private volatile boolean abandoned;

  /**
   * @param handover how long the destination may take for an answer while the guest is stopped
   */
  DestinationAnswers(MigrationStream stream, Duration handover) {
    this.stream = stream;
    this.handover = handover;
  }

  /** Ends the wait for an answer, on any thread; the guest may still run at the destination. */
  void abandon() {
    abandoned = true;
    stream.shutdown();
  }

  /** Reads the next frame, which must be of this type. */
  Frame expect(Type type) throws IOException {
    Frame frame = stream.readAnswer();
    if (frame == null) {
      throw new IOException("the destination closed the connection");
    }
    if (frame.type() == Type.FAILED) {
      throw new IOException("the destination refused: " + frame.text());
    }
    if (frame.type() != type) {
      throw new IOException("the destination sent %s, expected %s".formatted(frame.type(), type));
    }
    return frame;
  }

  /** Waits until the destination has loaded the guest, which it must not run yet. */
  void expectReady() throws IOException {
    stream.limitReads(handover);
    try {
      expect(Type.READY);
    } catch (SocketTimeoutException e) {
      throw late(handover, e);
    }
    if (stream.isLocal()) {
      stream.limitReads(Duration.ZERO);
    }
  }

  /**
   * Sends GO and waits for RUNNING. From here on the guest may run at the destination.
   *
   * @param held stays stopped if it is not known whether it does
   */
  void runGuest(MigrationSource.Stopped held) throws IOException {
    Frame answer;
    try {
      if (!stream.isLocal()) {
        // No limit on this host: the destination sends RUNNING or dies, which ends the stream.
        stream.limitReads(handover);
      }
      stream.write(Type.GO);
      answer = stream.readAnswer();
    } catch (IOException e) {
      throw isReliable() ? e : undecided(held, e.getMessage());
    } catch (RuntimeException | Error e) {
      held.stay();
      throw e;
    }
    if (answer != null && answer.type() == Type.RUNNING) {
      return;
    }
    if (answer != null && answer.type() == Type.FAILED) {
      throw new IOException("the destination refused: " + answer.text());
    }
    throw isReliable()
        ? new IOException("the destination ended before the guest ran there")
        : undecided(held, "the connection was closed");
  }

  /** Whether the end of the stream means that the destination has ended. */
  private boolean isReliable() {
    return stream.isLocal() && !abandoned;
  }

  /**
   * Waits until the destination has taken over the paths of server sockets, and closed the stream:
   * who connects to a port after the migration must not reach this process.
   */
  void awaitPaths() {
    if (!stream.isLocal()) {
      return;
    }
    try {
      stream.limitReads(PATHS);
      stream.readAnswer();
    } catch (IOException e) {
      LOG.debug("the destination has the guest and did not close the stream: {}", e.getMessage());
    }
  }

  /**
   * Keeps the guest paused: over a network the end of a connection does not mean that the
   * destination has ended.
   */
  private static IOException undecided(MigrationSource.Stopped held, String why) {
    held.stay();
    return new IOException(
        "the destination did not confirm that the guest is running (%s); it is paused here."
                .formatted(why)
            + " Check the destination before you run `cont`.");
  }

  /** The failure of a handover that took too long. */
  static IOException late(Duration limit, IOException cause) {
    return new IOException(
        "the handover took longer than %d s".formatted(limit.toSeconds()), cause);
  }
}
