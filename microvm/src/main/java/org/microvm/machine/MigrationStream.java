package org.microvm.machine;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.microvm.linux.DescriptorMessage;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixSocket;

/**
 * The frames of a live migration on a unix socket, in the byte order of the host, which both ends
 * share: u32 type, u32 zero, u64 argument, u64 length of the payload, payload.
 *
 * <pre>
 * source                                 destination
 * HELLO    version, RAM, vCPUs     -&gt;
 *                                  &lt;-    OK, or FAILED with the reason
 * PAGES    argument: file offset   -&gt;          any number of times
 *    (the guest stops here)
 * PAGES, LINK                      -&gt;          LINK: a port's number and a descriptor
 * STATE    argument: 1 if paused   -&gt;
 *                                  &lt;-    READY, or FAILED with the reason
 * GO or ABORT                      -&gt;
 *                                  &lt;-    RUNNING
 * </pre>
 *
 * <p>Exactly one of the two goes on, whatever dies and when. Until GO the source does, after an
 * ABORT unless the destination is gone. After READY a destination that finds the end of the stream
 * without an ABORT goes on: the source is dead. After GO a source that finds the end of the stream
 * without RUNNING goes on: the destination died before its guest ran, for it says RUNNING first.
 * All of that holds for a unix socket, where what was written is read even after the writer's
 * death.
 *
 * <p>One thread reads and one writes, perhaps the same.
 */
final class MigrationStream implements AutoCloseable {
  /** Types of frames. */
  enum Type {
    HELLO,
    OK,
    FAILED,
    PAGES,
    LINK,
    STATE,
    READY,
    GO,
    ABORT,
    RUNNING
  }

  /**
   * A frame that has been read, but for the payload of PAGES.
   *
   * @param descriptors what came with it
   */
  record Frame(Type type, long argument, long length, byte[] payload, List<Fd> descriptors) {
    /** The payload as a text. */
    String text() {
      return new String(payload, StandardCharsets.UTF_8);
    }
  }

  static final int VERSION = 1;
  private static final int HEADER = 24;
  private static final long MOST_PAYLOAD = 1 << 30;

  private final Fd socket;
  private final MemorySegment readHeader = Arena.ofAuto().allocate(HEADER, 8);
  private final MemorySegment writeHeader = Arena.ofAuto().allocate(HEADER, 8);

  /**
   * @param socket closed with the stream
   */
  MigrationStream(Fd socket) throws ErrnoException {
    this.socket = socket;
    socket.nonBlocking(false);
  }

  void write(Type type) throws IOException {
    write(type, 0, new byte[0], List.of());
  }

  void write(Type type, String text) throws IOException {
    write(type, 0, text.getBytes(StandardCharsets.UTF_8), List.of());
  }

  synchronized void write(Type type, long argument, byte[] payload, List<Fd> descriptors)
      throws IOException {
    header(type, argument, payload.length, descriptors);
    try (Arena arena = Arena.ofConfined()) {
      writeAll(arena.allocateFrom(ValueLayout.JAVA_BYTE, payload));
    }
  }

  /** Writes a PAGES frame straight from guest RAM. */
  synchronized void writePages(long fileOffset, MemorySegment pages) throws IOException {
    header(Type.PAGES, fileOffset, pages.byteSize(), List.of());
    writeAll(pages);
  }

  private void header(Type type, long argument, long length, List<Fd> descriptors)
      throws IOException {
    writeHeader.set(ValueLayout.JAVA_INT, 0, type.ordinal());
    writeHeader.set(ValueLayout.JAVA_INT, 4, 0);
    writeHeader.set(ValueLayout.JAVA_LONG, 8, argument);
    writeHeader.set(ValueLayout.JAVA_LONG, 16, length);
    long sent =
        ErrnoException.check(
            DescriptorMessage.send(socket, writeHeader, descriptors), "send", socket);
    writeAll(writeHeader.asSlice(sent));
  }

  private void writeAll(MemorySegment bytes) throws IOException {
    for (long at = 0; at < bytes.byteSize(); ) {
      at += ErrnoException.check(socket.write(bytes.asSlice(at)), "write", socket);
    }
  }

  /** The next frame, or null at the end of the stream. */
  Frame read() throws IOException {
    List<Fd> descriptors = new ArrayList<>();
    for (long at = 0; at < HEADER; ) {
      long bytes = DescriptorMessage.receive(socket, readHeader.asSlice(at), descriptors);
      if (ErrnoException.check(bytes, "receive", socket) == 0) {
        descriptors.forEach(Fd::close);
        return null;
      }
      at += bytes;
    }
    int type = readHeader.get(ValueLayout.JAVA_INT, 0);
    long argument = readHeader.get(ValueLayout.JAVA_LONG, 8);
    long length = readHeader.get(ValueLayout.JAVA_LONG, 16);
    if (type < 0 || type >= Type.values().length || length < 0 || length > MOST_PAYLOAD) {
      throw new IOException(socket + ": the other end does not speak this protocol");
    }
    Type known = Type.values()[type];
    byte[] payload = known == Type.PAGES ? new byte[0] : readPayload((int) length);
    return payload == null ? null : new Frame(known, argument, length, payload, descriptors);
  }

  private byte[] readPayload(int length) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(Math.max(1, length));
      if (!readAll(bytes.asSlice(0, length))) {
        return null;
      }
      return bytes.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
    }
  }

  /** Reads the payload of PAGES to where it belongs; false at the end of the stream. */
  boolean readAll(MemorySegment target) throws IOException {
    for (long at = 0; at < target.byteSize(); ) {
      long bytes = socket.read(target.asSlice(at));
      if (ErrnoException.check(bytes, "read", socket) == 0) {
        return false;
      }
      at += bytes;
    }
    return true;
  }

  /** Has every call on both ends end, now and later. */
  void shutdown() {
    UnixSocket.shutdown(socket);
  }

  @Override
  public void close() {
    socket.close();
  }
}
