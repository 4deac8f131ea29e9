package org.microvm.virtioserial.channel;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.linux.Errno;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;

/**
 * The host end of a port, for a program in this JVM. While it is open the guest sees the port
 * connected.
 *
 * <p>Reads and writes block at first; see {@link #setBlocking}. Bytes go through a kernel socket,
 * so a write returns when they are there, not when the guest has them; a guest that does not read
 * makes writers wait. The stream has no end but {@link PortClosedException}: that the guest closes
 * the port is told by {@link #guestOpened} and listeners, for it may open it again.
 *
 * <p>Any thread may call; of several readers, or writers, one gets its turn after the other.
 *
 * <p>A question to an agent in the guest, and its answer:
 *
 * {@snippet file="AgentQuestion.java" region="question"}
 */
public final class Channel implements ByteChannel {
  private static final int COPY_BYTES = 64 * 1024;

  private final Fd fd;
  private final Readiness readiness;
  private final ReentrantLock readLock = new ReentrantLock();
  private final ReentrantLock writeLock = new ReentrantLock();
  private final CopyBuffer readCopy = new CopyBuffer();
  private final CopyBuffer writeCopy = new CopyBuffer();
  private final Runnable onClose;
  private volatile boolean blocking = true;
  private volatile boolean closed;

  /** These two are guarded by {@code this}. */
  private CompletableFuture<Void> guestOpened = new CompletableFuture<>();

  private boolean guestOpen;

  Channel(EventLoop loop, Fd fd, Runnable onClose) throws IOException {
    this.fd = fd;
    this.onClose = onClose;
    readiness = new Readiness(loop, fd);
  }

  /** Whether reads wait for bytes and writes for room, or return 0 and a part instead. */
  public void setBlocking(boolean on) {
    blocking = on;
  }

  /**
   * Reads what there is, at least one byte if blocking.
   *
   * @return how many bytes, or 0 if there are none and the channel is not blocking
   * @throws PortClosedException if the port is gone and everything has been read
   */
  @Override
  public int read(ByteBuffer target) throws IOException {
    readLock.lock();
    try {
      while (target.hasRemaining()) {
        long bytes = readOnce(target);
        if (bytes > 0) {
          return (int) bytes;
        }
        check(bytes == 0 ? -Errno.EPIPE : bytes);
        if (!blocking) {
          return 0;
        }
        readiness.await(EventLoop.IN);
      }
      return 0;
    } finally {
      readLock.unlock();
    }
  }

  /**
   * Writes all bytes if blocking, otherwise as many as there is room for.
   *
   * @return how many bytes
   * @throws PortClosedException if the port is gone
   */
  @Override
  public int write(ByteBuffer source) throws IOException {
    writeLock.lock();
    try {
      int start = source.position();
      while (source.hasRemaining()) {
        long bytes = writeOnce(source);
        if (bytes > 0) {
          continue;
        }
        check(bytes);
        if (!blocking) {
          break;
        }
        readiness.await(EventLoop.OUT);
      }
      return source.position() - start;
    } finally {
      writeLock.unlock();
    }
  }

  /**
   * Completes when the guest has the port open, at once if it has; with {@link PortClosedException}
   * if the port goes first. After the guest has closed the port there is a new future.
   */
  public synchronized CompletableFuture<Void> guestOpened() {
    return guestOpened.copy();
  }

  @Override
  public boolean isOpen() {
    return !closed;
  }

  /** Disconnects from the port; threads in a read or a write get {@link ClosedChannelException}. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    readiness.close();
    fd.close();
    onClose.run();
  }

  /** Called with locks held, so that nobody's continuation may run within. */
  synchronized void guest(boolean open) {
    if (open && !guestOpen) {
      guestOpened.completeAsync(() -> null);
    } else if (!open && guestOpen) {
      guestOpened = new CompletableFuture<>();
    }
    guestOpen = open;
  }

  /** The port's end is closed: whoever waits is to find that out. */
  synchronized void portGone() {
    CompletableFuture<Void> future = guestOpened;
    CompletableFuture.runAsync(() -> future.completeExceptionally(new PortClosedException()));
    readiness.close();
  }

  private long readOnce(ByteBuffer target) {
    if (target.isDirect()) {
      long bytes = fd.read(MemorySegment.ofBuffer(target));
      target.position(target.position() + (int) Math.max(bytes, 0));
      return bytes;
    }
    ByteBuffer copy = readCopy.clear(target.remaining());
    long bytes = fd.read(MemorySegment.ofBuffer(copy));
    target.put(copy.limit((int) Math.max(bytes, 0)));
    return bytes;
  }

  private long writeOnce(ByteBuffer source) {
    ByteBuffer from = source;
    if (!source.isDirect()) {
      from = writeCopy.clear(source.remaining());
      from.put(source.slice(source.position(), from.remaining())).flip();
    }
    long bytes = fd.write(MemorySegment.ofBuffer(from));
    source.position(source.position() + (int) Math.max(bytes, 0));
    return bytes;
  }

  /** Throws unless the call is just to be tried again. */
  private void check(long result) throws IOException {
    if (closed) {
      throw new ClosedChannelException();
    }
    if (result != -Errno.EAGAIN && result != -Errno.EINTR) {
      throw new PortClosedException();
    }
  }

  /** Native memory for those who bring heap buffers, made when the first one does. */
  private static final class CopyBuffer {
    private ByteBuffer buffer;

    ByteBuffer clear(int wanted) {
      if (buffer == null) {
        buffer = Arena.ofAuto().allocate(COPY_BYTES).asByteBuffer();
      }
      return buffer.clear().limit(Math.min(wanted, COPY_BYTES));
    }
  }
}
