package org.microvm.machine.board;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.Semaphore;
import org.microvm.devices.legacy.SerialOutput;
import org.microvm.devices.legacy.SerialRing;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries the UART's output to a stream that may block, without ever blocking the guest.
 *
 * <p>vCPUs put bytes into a ring of fixed size, and one thread writes them to the stream. If the
 * reader of the stream stalls until the ring is full, the oldest bytes are dropped and counted.
 */
public final class ConsoleOutput implements SerialOutput, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ConsoleOutput.class);
  private static final int CAPACITY = 256 << 10;
  private static final int CHUNK = 8192;
  private static final long CLOSE_MILLIS = 1000;

  private final Semaphore work = new Semaphore(0);
  private final SerialRing ring = new SerialRing(CAPACITY, work::release);
  private final OutputStream stream;
  private final Thread writer;
  private volatile boolean closed;
  private volatile long firstByteNanos;

  /** Starts the writer on a platform thread; the caller closes the stream. */
  public ConsoleOutput(OutputStream stream) {
    this(stream, Thread.ofPlatform().name("console-output"));
  }

  /** Starts the writer on a thread of this kind; the caller closes the stream. */
  public ConsoleOutput(OutputStream stream, Thread.Builder kind) {
    this.stream = stream;
    writer = kind.unstarted(this::run);
    // Virtual threads are always daemons.
    if (!writer.isDaemon()) {
      writer.setDaemon(true);
    }
    writer.start();
  }

  @Override
  public void write(byte value) {
    noteFirstByte();
    ring.write(value);
  }

  @Override
  public void write(MemorySegment data, long position, int length) {
    noteFirstByte();
    ring.write(data, position, length);
  }

  private void noteFirstByte() {
    if (firstByteNanos == 0) {
      firstByteNanos = System.nanoTime();
    }
  }

  /** Number of bytes dropped because the reader of the stream stalled. */
  public long dropped() {
    return ring.dropped();
  }

  /** {@link System#nanoTime} of the first byte, or 0 if there was none yet. */
  public long firstByteNanos() {
    return firstByteNanos;
  }

  private void run() {
    try {
      // Many guests never write anything, so the buffer is made for the first bytes.
      work.acquireUninterruptibly();
      byte[] chunk = new byte[CHUNK];
      MemorySegment drained = MemorySegment.ofArray(chunk);
      while (!closed || ring.size() > 0) {
        for (int taken = ring.drain(drained); taken > 0; taken = ring.drain(drained)) {
          stream.write(chunk, 0, taken);
          stream.flush();
        }
        work.acquireUninterruptibly();
      }
    } catch (IOException e) {
      // The stream no longer has a reader: the ring continues to drop and count its oldest bytes.
    } catch (RuntimeException | Error e) {
      LOG.error("the guest's console is no longer written", e);
    }
  }

  /** Writes the rest to the stream; stops after a second if the reader stalls. */
  @Override
  public void close() {
    closed = true;
    work.release();
    try {
      writer.join(CLOSE_MILLIS);
      if (writer.isAlive() && ring.size() > 0) {
        LOG.warn("the last {} bytes of the guest's console could not be written", ring.size());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
