package org.microvm.virtioserial.backend;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixSocket;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A backend that keeps the guest's last bytes in memory ({@code ringbuf}), and sends none. */
public final class RingBackend extends FixedBackend {
  private static final Logger LOG = LoggerFactory.getLogger(RingBackend.class);
  private static final int PIECE = 1 << 16;

  private final RingBuffer buffer;
  private final Fd reader;
  private EventLoop.Watch watch;

  private RingBackend(RingBuffer buffer, Fd reader, Fd writer) {
    super(new HostConnection(null, writer, false));
    this.buffer = buffer;
    this.reader = reader;
  }

  /**
   * Creates the backend. It uses a pair of unix sockets, so that such a port is not a special case
   * for the device.
   *
   * @param buffer receives the guest's bytes
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if the process has too many open files
   */
  public static RingBackend open(RingBuffer buffer) throws ErrnoException {
    Fd[] pair = UnixSocket.pair();
    return new RingBackend(buffer, pair[0], pair[1]);
  }

  @Override
  void started(Port port) {
    try {
      watch = port.loop().watch(reader, EventLoop.IN, events -> drain());
    } catch (ErrnoException e) {
      LOG.error("{}: the guest's bytes are not kept: {}", describe(), e.getMessage());
    }
  }

  /**
   * Synchronized, because {@link #close} and the event loop both call it, and the bytes must stay
   * in order.
   */
  private synchronized void drain() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment piece = arena.allocate(PIECE);
      long count = reader.read(piece);
      if (count > 0) {
        buffer.write(piece.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE));
      } else if (count == 0) {
        // The port has closed the other end.
        watch.interest(0);
      }
    }
  }

  @Override
  public void close() {
    super.close();
    if (watch != null) {
      watch.close();
      // The bytes that the port has written before its end.
      drain();
    }
    reader.close();
  }

  @Override
  public String describe() {
    return "ringbuf";
  }
}
