package org.microvm.machine.board;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.Semaphore;
import org.microvm.devices.legacy.SerialOutput;
import org.microvm.devices.legacy.SerialRing;

/**
 * Carries the UART's output to a stream that may block, without ever blocking the guest.
 *
 * <p>vCPUs put bytes into a ring of fixed size and one thread writes them out. Where the reader of
 * the stream stands still for longer than the ring lasts, the oldest bytes are dropped and counted.
 */
public final class ConsoleOutput implements SerialOutput, AutoCloseable {
  private static final int CAPACITY = 256 << 10;
  private static final int CHUNK = 8192;
  private static final long CLOSE_MILLIS = 1000;

  private final Semaphore work = new Semaphore(0);
  private final SerialRing ring = new SerialRing(CAPACITY, work::release);
  private final OutputStream stream;
  private final Thread writer = new Thread(this::run, "console-output");
  private volatile boolean closed;
  private volatile long firstByteNanos;

  /** Begins to carry; the stream stays the caller's. */
  public ConsoleOutput(OutputStream stream) {
    this.stream = stream;
    writer.setDaemon(true);
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

  /** Bytes that were dropped because the stream's reader stood still. */
  public long dropped() {
    return ring.dropped();
  }

  /** {@link System#nanoTime} of the first byte, or 0 before it. */
  public long firstByteNanos() {
    return firstByteNanos;
  }

  private void run() {
    byte[] chunk = new byte[CHUNK];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment drained = arena.allocate(CHUNK);
      while (!closed || ring.size() > 0) {
        work.acquireUninterruptibly();
        for (int taken = ring.drain(drained); taken > 0; taken = ring.drain(drained)) {
          MemorySegment.copy(drained, ValueLayout.JAVA_BYTE, 0, chunk, 0, taken);
          stream.write(chunk, 0, taken);
          stream.flush();
        }
      }
    } catch (IOException e) {
      // Nobody reads any more: the ring goes on dropping its oldest bytes and counts them.
    }
  }

  /** Writes out what is there, for a second at most if the reader stands still. */
  @Override
  public void close() {
    closed = true;
    work.release();
    try {
      writer.join(CLOSE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
