package org.microvm.transport;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.List;
import org.microvm.linux.DescriptorMessage;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.SocketAccess;
import org.microvm.linux.UnixSocket;

/** A connection over a unix socket. */
public final class UnixTransport implements Transport {
  /** Of one read; a peer could attach many to each byte. */
  private static final int MAX_DESCRIPTORS = 16;

  private final Fd socket;
  private final SocketAccess access;

  /**
   * @param socket a connected socket; closed with this transport
   */
  public UnixTransport(Fd socket) throws ErrnoException {
    this(socket, null);
  }

  private UnixTransport(Fd socket, SocketAccess access) throws ErrnoException {
    this.socket = socket;
    this.access = access;
    socket.nonBlocking(false);
  }

  /**
   * Creates a transport whose {@link #open} refuses a peer that is not allowed.
   *
   * @param socket a connected socket; closed with this transport
   * @param access who may be the peer
   */
  public static UnixTransport authenticated(Fd socket, SocketAccess access) throws ErrnoException {
    return new UnixTransport(socket, access);
  }

  @Override
  public void open() throws IOException {
    if (access != null && !access.admits(socket)) {
      throw new IOException(socket + ": the peer's process belongs to a user who is not allowed");
    }
  }

  @Override
  public boolean isLocal() {
    return true;
  }

  @Override
  public void write(MemorySegment bytes, List<Fd> descriptors) throws IOException {
    long at = 0;
    if (!descriptors.isEmpty()) {
      long sent = DescriptorMessage.send(socket, bytes, descriptors);
      at = ErrnoException.check(sent, "send", socket);
    }
    while (at < bytes.byteSize()) {
      at += ErrnoException.check(socket.write(bytes.asSlice(at)), "write", socket);
    }
  }

  @Override
  public boolean read(MemorySegment target, List<Fd> descriptors) throws IOException {
    for (long at = 0; at < target.byteSize(); ) {
      MemorySegment rest = target.asSlice(at);
      long bytes =
          descriptors == null
              ? socket.read(rest)
              : DescriptorMessage.receive(socket, rest, descriptors);
      if (bytes == -Errno.EAGAIN) {
        throw new SocketTimeoutException("nothing received in time");
      }
      if (ErrnoException.check(bytes, "read", socket) == 0) {
        return false;
      }
      if (descriptors != null && descriptors.size() > MAX_DESCRIPTORS) {
        throw new IOException("the peer sent more than %d descriptors".formatted(MAX_DESCRIPTORS));
      }
      at += bytes;
    }
    return true;
  }

  @Override
  public void limitReads(Duration limit) throws IOException {
    UnixSocket.limitReads(socket, limit);
  }

  @Override
  public void shutdown() {
    UnixSocket.shutdown(socket);
  }

  @Override
  public void close() {
    socket.close();
  }

  @Override
  public String toString() {
    return socket.toString();
  }
}
