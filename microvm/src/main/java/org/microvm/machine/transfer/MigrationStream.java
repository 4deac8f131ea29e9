package org.microvm.machine.transfer;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.microvm.devices.state.StateReader;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.PlainText;
import org.microvm.transport.Transport;
import org.microvm.transport.UnixTransport;

/**
 * The protocol of a live migration: a sequence of frames, each u32 type, u32 zero, u64 argument,
 * u64 length of the payload, payload; little-endian.
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
 * <p>MEMORY carries the descriptor of the RAM file, which is sealed against shrinking; no PAGES
 * follow. It is sent only if the argument of OK has the bit {@link #TAKES_MEMORY}. From then on
 * both processes map the same RAM. The source alone accesses it until it sends GO, and afterwards
 * only if the guest continues there. The destination reads it from STATE on, and writes it after it
 * has sent RUNNING.
 *
 * <p>LINK is used over unix sockets. REST is used over TCP, which cannot move connections, only the
 * bytes in them.
 *
 * <p>Over a unix socket exactly one of the two processes runs the guest, whichever dies and when.
 * Until GO it is the source, which sends ABORT if it keeps the guest. After READY, a destination
 * that reads the end of the stream without an ABORT runs the guest: the source has died. After GO,
 * a source that reads the end of the stream without RUNNING resumes the guest: the destination has
 * died before the guest ran, because it sends RUNNING first. This relies on the fact that what a
 * process wrote to a unix socket is read even after its death.
 *
 * <p>A TCP connection can be cut while both processes live, and its end says nothing about the
 * peer. So the destination runs the guest only after GO; if it has sent READY and receives neither
 * GO nor ABORT, it keeps the guest paused. After GO, a source that does not receive RUNNING also
 * keeps the guest paused. The guest never runs twice without an operator's command; if it runs
 * nowhere, an operator decides.
 *
 * <p>The peer is not trusted: a payload has a limit that depends on the type, memory for it grows
 * only as it arrives, and descriptors that belong to no frame are closed.
 *
 * <p>One thread reads and one writes; it may be the same thread.
 */
public final class MigrationStream implements AutoCloseable {
  /** Types of frames. A frame has the ordinal, so new types may only be appended. */
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
   * A frame that has been read, without the payload if it is PAGES.
   *
   * @param descriptors the descriptors that came with it
   */
  public record Frame(Type type, long argument, long length, byte[] payload, List<Fd> descriptors) {
    /** The payload as text; control characters, which a terminal might interpret, are replaced. */
    public String text() {
      return PlainText.of(new String(payload, StandardCharsets.UTF_8), "");
    }

    /** Closes the descriptors. */
    public void close() {
      descriptors.forEach(Fd::close);
    }
  }

  /**
   * The version of the protocol, the argument of HELLO. A destination accepts only its own version.
   */
  public static final int VERSION = 1;

  /**
   * A bit in the argument of OK: the destination accepts MEMORY. Older destinations send no bits.
   */
  public static final long TAKES_MEMORY = 1;

  /** The most bytes of one REST frame, and of all of a migration. */
  public static final int MAX_REST = 64 << 20;

  private static final Type[] TYPES = Type.values();
  private static final int HEADER = 24;
  private static final int MAX_HELLO = 64 << 10;
  private static final int MAX_TEXT = 4 << 10;

  /** A character has at most three bytes in UTF-8, a surrogate pair four. */
  private static final int MAX_TEXT_CHARS = MAX_TEXT / 3;

  /** Payloads are copied in parts of this size; memory for them grows as they arrive. */
  private static final int PART = 64 << 10;

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

  /** Connects, if not connected yet. */
  public void open() throws IOException {
    transport.open();
  }

  /** Whether the peer is a process on this host; see {@link Transport#isLocal}. */
  public boolean isLocal() {
    return transport.isLocal();
  }

  /** Writes a frame without argument and payload. */
  public void write(Type type) throws IOException {
    write(type, 0, new byte[0], List.of());
  }

  /** Writes a frame with text as its payload; the end of a long text is left out. */
  public void write(Type type, String text) throws IOException {
    String part = text.substring(0, Math.min(text.length(), MAX_TEXT_CHARS));
    write(type, 0, part.getBytes(StandardCharsets.UTF_8), List.of());
  }

  /** Writes a frame and passes descriptors with it; the caller still closes its own. */
  public synchronized void write(Type type, long argument, byte[] payload, List<Fd> descriptors)
      throws IOException {
    if (payload.length > mostPayload(type)) {
      throw new IOException(
          "the payload of %s has %d bytes, but a peer accepts at most %d"
              .formatted(type, payload.length, mostPayload(type)));
    }
    try (Arena arena = Arena.ofConfined()) {
      int first = Math.min(payload.length, PART);
      MemorySegment bytes = arena.allocate(HEADER + first, 8);
      header(bytes, type, argument, payload.length);
      MemorySegment.copy(payload, 0, bytes, ValueLayout.JAVA_BYTE, HEADER, first);
      transport.write(bytes, descriptors);
      for (int at = first; at < payload.length; ) {
        int part = Math.min(payload.length - at, PART);
        MemorySegment.copy(payload, at, bytes, ValueLayout.JAVA_BYTE, 0, part);
        transport.write(bytes.asSlice(0, part), List.of());
        at += part;
      }
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

  /**
   * Reads the next frame; returns null at the end of the stream. Descriptors that come with a type
   * that has none are closed.
   */
  public Frame read() throws IOException {
    return read(new ArrayList<>(), EnumSet.allOf(Type.class));
  }

  /**
   * Reads the first frame of an unknown peer, which must be HELLO; returns null at the end of the
   * stream.
   */
  Frame readHello() throws IOException {
    return read(null, EnumSet.of(Type.HELLO));
  }

  /**
   * Reads the next frame of a destination, which sends short frames without descriptors; returns
   * null at the end of the stream.
   */
  Frame readAnswer() throws IOException {
    return read(null, EnumSet.of(Type.OK, Type.FAILED, Type.READY, Type.RUNNING));
  }

  /**
   * @param descriptors receives those of the frame; null if the peer may send none, and the kernel
   *     then drops them
   */
  private Frame read(List<Fd> descriptors, Set<Type> accepted) throws IOException {
    boolean isRead = false;
    try {
      if (!transport.read(readHeader, descriptors)) {
        return null;
      }
      Type type = type();
      long argument = readHeader.get(ValueLayout.JAVA_LONG, 8);
      long length = readHeader.get(ValueLayout.JAVA_LONG, 16);
      if (!accepted.contains(type) || length < 0 || length > mostPayload(type)) {
        throw invalid();
      }
      byte[] payload = type == Type.PAGES ? new byte[0] : readPayload((int) length);
      if (payload == null) {
        return null;
      }
      isRead = type == Type.MEMORY || type == Type.LINK;
      return new Frame(type, argument, length, payload, isRead ? descriptors : List.of());
    } finally {
      if (descriptors != null && !isRead) {
        descriptors.forEach(Fd::close);
      }
    }
  }

  /** The type in the header that was read. */
  private Type type() throws IOException {
    int number = readHeader.get(ValueLayout.JAVA_INT, 0);
    if (number < 0 || number >= TYPES.length) {
      throw invalid();
    }
    return TYPES[number];
  }

  private IOException invalid() {
    return new IOException(
        transport + ": the peer sent an invalid frame; is the peer another `microvm` process?");
  }

  /** The most bytes that the payload of a type has. */
  private static long mostPayload(Type type) {
    return switch (type) {
      case HELLO -> MAX_HELLO;
      case FAILED, ABORT -> MAX_TEXT;
      case STATE -> StateReader.MAX_BYTES;
      case REST -> MAX_REST;
      // Not read here, but into guest memory, whose size is checked there.
      case PAGES -> Long.MAX_VALUE;
      case OK, READY, GO, RUNNING, LINK, MEMORY -> 0;
    };
  }

  private byte[] readPayload(int length) throws IOException {
    byte[] bytes = new byte[Math.min(length, PART)];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(PART);
      for (int at = 0; at < length; ) {
        int part = Math.min(length - at, PART);
        if (!readAll(buffer.asSlice(0, part))) {
          return null;
        }
        if (at + part > bytes.length) {
          bytes = Arrays.copyOf(bytes, Math.min(length, 2 * bytes.length));
        }
        MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, bytes, at, part);
        at += part;
      }
    }
    return bytes;
  }

  /** Reads the payload of PAGES into guest RAM; returns false at the end of the stream. */
  public boolean readAll(MemorySegment target) throws IOException {
    return transport.read(target, null);
  }

  /** Limits how long a read waits for a byte; see {@link Transport#limitReads}. */
  public void limitReads(Duration limit) throws IOException {
    transport.limitReads(limit);
  }

  /** Makes all calls at both ends fail or return, now and later. */
  void shutdown() {
    transport.shutdown();
  }

  @Override
  public void close() {
    transport.close();
  }

  /** The address of the peer. */
  @Override
  public String toString() {
    return transport.toString();
  }
}
