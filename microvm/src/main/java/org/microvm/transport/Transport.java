package org.microvm.transport;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import org.microvm.linux.Fd;

/**
 * A stream of bytes to the other side of a migration and back. One thread reads and one writes,
 * perhaps the same; all calls wait until they are done, and native memory is what they take.
 */
public interface Transport extends AutoCloseable {
  /**
   * Connects, if it is not connected yet.
   *
   * @throws IOException if nobody is there, or it is not who it should be
   */
  void open() throws IOException;

  /**
   * Whether the other side is a process on this host: descriptors can be sent, and what it wrote
   * before it died is read, and then the end. Over a network neither is so, and no end of the
   * connection says whether the other side lives.
   */
  boolean isLocal();

  /**
   * Writes all of the bytes.
   *
   * @param descriptors go along; they stay the caller's, and there are none unless it is local
   */
  void write(MemorySegment bytes, List<Fd> descriptors) throws IOException;

  /**
   * Reads until the segment is full.
   *
   * @param descriptors gets those that came along
   * @return false at the end of the stream
   */
  boolean read(MemorySegment target, List<Fd> descriptors) throws IOException;

  /**
   * How long a read may wait for a byte, from the next one on; it throws a {@link
   * java.net.SocketTimeoutException} then.
   *
   * @param limit zero for no limit
   */
  void limitReads(Duration limit) throws IOException;

  /** Has every call end, now and later; any thread may call. */
  void shutdown();

  @Override
  void close();
}
