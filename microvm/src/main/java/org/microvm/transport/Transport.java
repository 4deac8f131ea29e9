package org.microvm.transport;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import org.microvm.linux.Fd;

/**
 * A bidirectional byte stream to the other side of a migration. One thread reads and one writes; it
 * may be the same thread. All calls block until they are done, and buffers are native memory.
 */
public interface Transport extends AutoCloseable {
  /**
   * Connects, if not connected yet.
   *
   * @throws IOException if nothing listens there, or the peer cannot be authenticated
   */
  void open() throws IOException;

  /**
   * Whether the peer is a process on this host. Then descriptors can be sent, and what the peer
   * wrote before it died is read before the end of the stream. Over a network neither holds, and
   * the end of the connection does not tell whether the peer is alive.
   */
  boolean isLocal();

  /**
   * Writes all of the bytes.
   *
   * @param descriptors passed to the peer, empty unless {@link #isLocal}; the caller still closes
   *     its own
   */
  void write(MemorySegment bytes, List<Fd> descriptors) throws IOException;

  /**
   * Reads until the segment is full.
   *
   * @param descriptors receives the descriptors that came with the bytes
   * @return false at the end of the stream
   */
  boolean read(MemorySegment target, List<Fd> descriptors) throws IOException;

  /**
   * Limits how long each read from the next one on waits for a byte. A read that waits longer
   * throws a {@link java.net.SocketTimeoutException}.
   *
   * @param limit zero for no limit
   */
  void limitReads(Duration limit) throws IOException;

  /** Makes all calls fail or return, now and later. Any thread may call this. */
  void shutdown();

  @Override
  void close();
}
