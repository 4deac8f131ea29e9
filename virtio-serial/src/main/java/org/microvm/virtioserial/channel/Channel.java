package org.microvm.virtioserial.channel;

import java.io.IOException;
import java.io.InterruptedIOException;
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
 * The host end of a port, for a program in this JVM. While it is open, the guest sees the port as
 * connected.
 *
 * <p>Reads and writes block by default; see {@link #setBlocking}. Bytes pass through a kernel
 * socket, so a write returns when the socket has them, not when the guest does; writers wait while
 * the guest does not read. The stream ends only by {@link PortClosedException}. A guest that closes
 * the port may open it again, so its close does not end the stream; {@link #guestOpened} and
 * listeners report it.
 *
 * <p>All methods may be called from any thread; concurrent reads are serialized, and so are
 * concurrent writes. A thread that is interrupted while it waits gets {@link
 * InterruptedIOException} and stays interrupted; the channel stays open.
 *
 * <p>A request to an agent in the guest, and its answer:
 *
 * {@snippet file="AgentQuestion.java" region="question"}
 */
public final class Channel implements ByteChannel {
  /** The most bytes of a heap buffer that one call moves. */
  private static final int COPY_BYTES = 64 * 1024;

  private static final int FIRST_COPY_BYTES = 4096;

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

  /**
   * Sets whether reads wait for bytes and writes wait for room. If not, reads return 0 and writes
   * write a part. On the event loop, for instance in a {@code PortListener}, a call that would have
   * to wait throws {@link IllegalStateException}.
   *
   * @param on true to wait
   */
  public void setBlocking(boolean on) {
    blocking = on;
  }

  /**
   * Reads the available bytes, at least one if blocking.
   *
   * @return the number of bytes, or 0 if there are none and the channel is not blocking
   * @throws PortClosedException if the port is closed and everything has been read
   * @throws ClosedChannelException if this channel is closed
   * @throws InterruptedIOException if the thread is interrupted while it waits
   * @throws IllegalArgumentException if the buffer is read-only
   */
  @Override
  public int read(ByteBuffer target) throws IOException {
    if (target.isReadOnly()) {
      throw new IllegalArgumentException("a read needs a buffer that is not read-only");
    }
    lock(readLock);
    try {
      checkOpen();
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
   * Writes all bytes if blocking, otherwise as many as fit.
   *
   * @return the number of bytes written
   * @throws PortClosedException if the port is closed
   * @throws ClosedChannelException if this channel is closed
   * @throws InterruptedIOException if the thread is interrupted while it waits; the buffer's
   *     position says how much was written
   */
  @Override
  public int write(ByteBuffer source) throws IOException {
    lock(writeLock);
    try {
      checkOpen();
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
   * {@return a future that completes once the guest has the port open, or fails with {@link
   * PortClosedException} if the port is closed first, with {@link ClosedChannelException} if this
   * channel is} After the guest has closed the port this method returns a new future.
   */
  public synchronized CompletableFuture<Void> guestOpened() {
    return closed
        ? CompletableFuture.failedFuture(new ClosedChannelException())
        : guestOpened.copy();
  }

  @Override
  public boolean isOpen() {
    return !closed;
  }

  /**
   * Disconnects from the port. Threads that wait in a read or write, or for {@link #guestOpened},
   * get {@link ClosedChannelException}.
   */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      failGuestOpened(new ClosedChannelException());
    }
    readiness.close();
    fd.close();
    onClose.run();
  }

  /**
   * Records whether the guest has the port open. Called with locks held, so futures complete
   * asynchronously: a continuation must not run here.
   */
  synchronized void guest(boolean open) {
    if (open && !guestOpen) {
      guestOpened.completeAsync(() -> null);
    } else if (!open && guestOpen) {
      guestOpened = new CompletableFuture<>();
    }
    guestOpen = open;
  }

  /** Handles the end of the port: wakes up the threads that wait. */
  synchronized void portGone() {
    failGuestOpened(new PortClosedException());
    readiness.close();
  }

  private void failGuestOpened(IOException why) {
    CompletableFuture<Void> future = guestOpened;
    CompletableFuture.runAsync(() -> future.completeExceptionally(why));
  }

  /** Takes a lock that another thread may hold while it waits for the guest. */
  private static void lock(ReentrantLock lock) throws InterruptedIOException {
    // A thread that has been interrupted may still read and write as long as it need not wait.
    if (lock.tryLock()) {
      return;
    }
    try {
      lock.lockInterruptibly();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for another thread");
    }
  }

  private void checkOpen() throws ClosedChannelException {
    if (closed) {
      throw new ClosedChannelException();
    }
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

  /** Throws unless the call may simply be repeated. */
  private void check(long result) throws IOException {
    checkOpen();
    if (result != -Errno.EAGAIN && result != -Errno.EINTR) {
      throw new PortClosedException();
    }
  }

  /** Native memory for calls with heap buffers, as large as the largest call needed. */
  private static final class CopyBuffer {
    private ByteBuffer buffer = ByteBuffer.allocate(0);

    ByteBuffer clear(int wanted) {
      int bytes = Math.min(wanted, COPY_BYTES);
      if (bytes > buffer.capacity()) {
        int capacity = Math.max(FIRST_COPY_BYTES, Integer.highestOneBit(2 * bytes - 1));
        buffer = Arena.ofAuto().allocate(capacity).asByteBuffer();
      }
      return buffer.clear().limit(bytes);
    }
  }
}
