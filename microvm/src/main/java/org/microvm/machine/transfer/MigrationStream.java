package org.microvm.machine.transfer;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.transport.Transport;
import org.microvm.transport.UnixTransport;

/**
 * The frames of a live migration, little-endian: u32 type, u32 zero, u64 argument, u64 length of
 * the payload, payload.
 *
 * <pre>
 * source                                 destination
 * HELLO    version, RAM, vCPUs     -&gt;
 *                                  &lt;-    OK, or FAILED with the reason
 * MEMORY   a descriptor            -&gt;          or, without it:
 * PAGES    argument: file offset   -&gt;          any number of times
 *    (the guest stops here)
 * PAGES, LINK                      -&gt;          LINK: a port's number and a descriptor
 * STATE    argument: 1 if paused   -&gt;
 *                                  &lt;-    READY, or FAILED with the reason
 * REST                             -&gt;          a port's number and bytes for the guest
 * GO or ABORT                      -&gt;
 *                                  &lt;-    RUNNING
 * </pre>
 *
 * <p>MEMORY has the file that RAM is in, sealed so that it cannot shrink; no PAGES come then. It is
 * sent to a destination whose OK has the argument {@link #TAKES_MEMORY}. From then on both map one
 * RAM: the source alone touches it until it says GO, and not after that unless the guest goes on
 * there; the destination reads it from STATE on, and writes it once it has said RUNNING.
 *
 * <p>LINK is for unix sockets, REST for TCP: there the connections cannot go along, but the bytes
 * that are in them can.
 *
 * <p>On a unix socket exactly one of the two goes on, whatever dies and when. Until GO the source
 * does, after an ABORT unless the destination is gone. After READY a destination that finds the end
 * of the stream without an ABORT goes on: the source is dead. After GO a source that finds the end
 * of the stream without RUNNING goes on: the destination died before its guest ran, for it says
 * RUNNING first. All of that rests on what was written being read even after the writer's death.
 *
 * <p>A TCP connection may be cut while both live, and then says nothing about the other side. So
 * the destination runs on GO alone; without it, after READY, it keeps the guest paused. After GO a
 * source that does not hear RUNNING keeps the guest paused, too. Never do two run by themselves,
 * and where none does a person decides.
 *
 * <p>One thread reads and one writes, perhaps the same.
 */
public final class MigrationStream implements AutoCloseable {
  /** Types of frames. */
  public enum Type {
    HELLO,
    OK,
    FAILED,
    PAGES,
    LINK,
    STATE,
    READY,
    GO,
    ABORT,
    RUNNING,
    REST,
    MEMORY
  }

  /**
   * A frame that has been read, but for the payload of PAGES.
   *
   * @param descriptors what came with it
   */
  public record Frame(Type type, long argument, long length, byte[] payload, List<Fd> descriptors) {
    /** The payload as a text. */
    public String text() {
      return new String(payload, StandardCharsets.UTF_8);
    }
  }

  /** The version of the protocol, in HELLO. */
  public static final int VERSION = 1;

  /** In the argument of OK, a set of bits that older destinations leave empty. */
  public static final long TAKES_MEMORY = 1;

  private static final int HEADER = 24;
  private static final long MOST_PAYLOAD = 1 << 30;

  private final Transport transport;
  private final MemorySegment readHeader = Arena.ofAuto().allocate(HEADER, 8);
  private final MemorySegment writeHeader = Arena.ofAuto().allocate(HEADER, 8);

  /**
   * @param socket a unix socket; closed with the stream
   */
  public MigrationStream(Fd socket) throws ErrnoException {
    this(new UnixTransport(socket));
  }

  /**
   * @param transport closed with the stream
   */
  public MigrationStream(Transport transport) {
    this.transport = transport;
  }

  /** Connects, if it is not connected yet. */
  public void open() throws IOException {
    transport.open();
  }

  /** Whether the other side is a process on this host; see {@link Transport#isLocal}. */
  public boolean isLocal() {
    return transport.isLocal();
  }

  /** Writes a frame with nothing in it. */
  public void write(Type type) throws IOException {
    write(type, 0, new byte[0], List.of());
  }

  /** Writes a frame with a text. */
  public void write(Type type, String text) throws IOException {
    write(type, 0, text.getBytes(StandardCharsets.UTF_8), List.of());
  }

  /** Writes a frame and the descriptors that go with it, which stay the caller's. */
  public synchronized void write(Type type, long argument, byte[] payload, List<Fd> descriptors)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment frame = arena.allocate(HEADER + payload.length, 8);
      header(frame, type, argument, payload.length);
      MemorySegment.copy(payload, 0, frame, ValueLayout.JAVA_BYTE, HEADER, payload.length);
      transport.write(frame, descriptors);
    }
  }

  /** Writes a PAGES frame straight from guest RAM. */
  synchronized void writePages(long fileOffset, MemorySegment pages) throws IOException {
    header(writeHeader, Type.PAGES, fileOffset, pages.byteSize());
    transport.write(writeHeader, List.of());
    transport.write(pages, List.of());
  }

  private static void header(MemorySegment to, Type type, long argument, long length) {
    to.set(ValueLayout.JAVA_INT, 0, type.ordinal());
    to.set(ValueLayout.JAVA_INT, 4, 0);
    to.set(ValueLayout.JAVA_LONG, 8, argument);
    to.set(ValueLayout.JAVA_LONG, 16, length);
  }

  /** The next frame, or null at the end of the stream. */
  public Frame read() throws IOException {
    List<Fd> descriptors = new ArrayList<>();
    if (!transport.read(readHeader, descriptors)) {
      descriptors.forEach(Fd::close);
      return null;
    }
    int type = readHeader.get(ValueLayout.JAVA_INT, 0);
    long argument = readHeader.get(ValueLayout.JAVA_LONG, 8);
    long length = readHeader.get(ValueLayout.JAVA_LONG, 16);
    if (type < 0 || type >= Type.values().length || length < 0 || length > MOST_PAYLOAD) {
      throw new IOException(transport + ": the other end does not speak this protocol");
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
  public boolean readAll(MemorySegment target) throws IOException {
    return transport.read(target, null);
  }

  /** How long a read may wait for a byte; see {@link Transport#limitReads}. */
  public void limitReads(Duration limit) throws IOException {
    transport.limitReads(limit);
  }

  /** Has every call on both ends end, now and later. */
  void shutdown() {
    transport.shutdown();
  }

  @Override
  public void close() {
    transport.close();
  }
}
