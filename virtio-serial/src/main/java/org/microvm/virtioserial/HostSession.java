package org.microvm.virtioserial;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.EventLoop.Watch;
import org.microvm.linux.Fd;
import org.microvm.linux.IovecArray;
import org.microvm.linux.PendingInput;
import org.microvm.linux.UnixSocket;
import org.microvm.virtioserial.backend.HostConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One connection of a host program to a port: watches its descriptors on the event loop and tracks
 * which directions have ended. Guarded by the device lock; created and closed on the loop.
 */
final class HostSession {
  /** Handles readiness of the descriptors, on the loop and without the lock. */
  interface Handler {
    /**
     * @param input bytes, or the end of the stream, can be read
     * @param output bytes can be written
     */
    void ready(HostSession session, boolean input, boolean output);
  }

  private static final int REST_CHUNK = 64 * 1024;

  private static final int GONE = EventLoop.HUP | EventLoop.ERR;

  /** The delay before bytes that a full disk has refused are written again. */
  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private static final Logger LOG = LoggerFactory.getLogger(HostSession.class);

  private final HostConnection connection;
  private final Runnable retry;
  private final EventLoop loop;

  /** Tries again to write to a full disk, or null. */
  private EventLoop.Timer retryTimer;

  private boolean fullLogged;

  /** Also gets what is written to the peer, or null. */
  private Fd log;

  private boolean logFailureReported;

  /**
   * The events watched while neither input nor output is wanted: the peer may disconnect at any
   * time.
   */
  private int idle;

  private Watch inputWatch;
  private Watch outputWatch;
  private boolean inputWanted;
  private boolean outputWanted;
  private boolean inputEnded;
  private boolean outputEnded;

  /** The peer has hung up; there may still be bytes to read. */
  private boolean peerGone;

  /** Takes over the connection; on failure closes it and throws. */
  HostSession(HostConnection connection, EventLoop loop, DeviceLock lock, Handler handler)
      throws ErrnoException {
    this.connection = connection;
    this.loop = loop;
    retry = () -> tryAgain(lock, handler);
    // If the end of input ends the connection, the kernel reports it as RDHUP and not as HUP.
    idle = connection.halfClose() ? EventLoop.HUP : EventLoop.HUP | EventLoop.RDHUP;
    inputEnded = connection.input() == null;
    try {
      if (connection.isDuplex()) {
        inputWatch =
            watch(loop, connection.input(), events -> ready(lock, handler, events, events));
        outputWatch = inputWatch;
      } else {
        inputWatch = watch(loop, connection.input(), events -> ready(lock, handler, events, 0));
        outputWatch = watch(loop, connection.output(), events -> ready(lock, handler, 0, events));
      }
    } catch (ErrnoException | RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  HostConnection connection() {
    return connection;
  }

  /** Sets the file that also gets what the host program receives; null for none. */
  void log(Fd file) {
    log = file;
  }

  /** Whether the end of the input has been read. */
  boolean inputEnded() {
    return inputEnded;
  }

  /** Whether no more bytes can be written. */
  boolean outputEnded() {
    return outputEnded;
  }

  /** Whether the loop reports readable bytes; if not, the caller has to try to read. */
  boolean inputIsWatched() {
    return inputWatch != null;
  }

  /**
   * Whether the loop reports room to write; if not, the output is a file, which always has room.
   */
  boolean outputIsWatched() {
    return outputWatch != null;
  }

  /**
   * Checks, while there is no room to read into, whether the peer has disconnected and all of its
   * bytes are read. Without this check the end would be noticed only when there is room again.
   */
  void checkForEnd() {
    if (peerGone && PendingInput.bytes(connection.input()) == 0) {
      inputEnded = true;
      outputEnded |= !connection.halfClose();
    }
  }

  /**
   * Reads into the ranges. Returns the number of bytes, or 0 if there are none now or the input has
   * ended, which is recorded.
   */
  long read(IovecArray ranges) {
    long bytes;
    do {
      bytes = connection.input().readv(ranges);
    } while (bytes == -Errno.EINTR);
    if (bytes > 0) {
      return bytes;
    }
    if (bytes == -Errno.EAGAIN || bytes == -Errno.ENOMEM || bytes == -Errno.ENOBUFS) {
      wantInput(true);
      return 0;
    }
    wantInput(false);
    inputEnded = true;
    logFailure(connection.input(), bytes);
    // An error such as ECONNRESET is reported after all data: the peer has disconnected.
    outputEnded |= bytes < 0 || !connection.halfClose();
    return 0;
  }

  /**
   * Stops the peer's sending, if the kernel can do that without loss, and drains what it has sent.
   * On a unix socket that is everything that the peer's writes accepted. Returns nothing for
   * descriptors that are not sockets.
   *
   * @param most the number of bytes after which draining stops, for a peer that keeps sending
   */
  byte[] drainInput(int most) throws ErrnoException {
    if (!connection.isDuplex()
        || (connection.halfClose() && !UnixSocket.shutdownInput(connection.input()))) {
      return new byte[0];
    }
    ByteArrayOutputStream rest = new ByteArrayOutputStream();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment chunk = arena.allocate(REST_CHUNK);
      for (long bytes = 1; bytes > 0 && rest.size() < most; ) {
        bytes = connection.input().read(chunk);
        if (bytes > 0) {
          rest.writeBytes(chunk.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE));
        }
      }
    }
    return rest.toByteArray();
  }

  /**
   * Writes the ranges. Returns the number of bytes, or 0 if the peer accepts none now or the output
   * has ended, which is recorded.
   */
  long write(IovecArray ranges) {
    long bytes;
    do {
      bytes = connection.output().writev(ranges);
    } while (bytes == -Errno.EINTR);
    if (isPassing(bytes)) {
      awaitSpace((int) -bytes);
      return 0;
    }
    if (bytes > 0 && log != null) {
      ranges.truncate(bytes);
      log(ranges);
    }
    // After an error the input is still read to its end: the peer may have sent before it
    // disconnected.
    if (bytes < 0 && bytes != -Errno.EAGAIN) {
      outputEnded = true;
      // Otherwise a connected peer would not notice that it receives nothing more.
      inputEnded |= connection.isDuplex() && !saysPeerIsGone(bytes);
      logFailure(connection.output(), bytes);
    }
    return Math.max(bytes, 0);
  }

  /**
   * Bytes that the log does not accept are missing in it, because it must not delay the host
   * program.
   */
  private void log(IovecArray ranges) {
    long bytes = log.writev(ranges);
    if (bytes < 0 && bytes != -Errno.EINTR && !logFailureReported) {
      logFailureReported = true;
      LOG.warn(
          "{}: {} ({}); the log is incomplete",
          log,
          Errno.name((int) -bytes),
          Errno.describe((int) -bytes));
    }
  }

  /** Whether the disk is full, or the kernel lacks memory for a socket. */
  private static boolean isPassing(long result) {
    return (result < 0 && Errno.isNoRoom((int) -result))
        || result == -Errno.ENOMEM
        || result == -Errno.ENOBUFS;
  }

  private static boolean saysPeerIsGone(long result) {
    return result == -Errno.EPIPE || result == -Errno.ECONNRESET || result == -Errno.ETIMEDOUT;
  }

  /** Reports an error that ends a direction, unless it means that the peer has disconnected. */
  private static void logFailure(Fd fd, long result) {
    if (result < 0 && !saysPeerIsGone(result)) {
      int errno = (int) -result;
      LOG.warn("{}: {} ({})", fd, Errno.name(errno), Errno.describe(errno));
    }
  }

  /** Schedules another attempt to write, for when the disk has room again. No byte is lost. */
  private void awaitSpace(int errno) {
    if (!fullLogged) {
      fullLogged = true;
      LOG.warn(
          "{}: {} ({}); the guest's output waits until there is room",
          connection.output(),
          Errno.name(errno),
          Errno.describe(errno));
    }
    if (retryTimer == null) {
      retryTimer = loop.schedule(RETRY_NANOS, retry);
    }
  }

  private void tryAgain(DeviceLock lock, Handler handler) {
    ReentrantLock outer = lock.enter();
    try {
      retryTimer = null;
    } finally {
      lock.exit(outer);
    }
    handler.ready(this, false, true);
  }

  /** Sets whether readable bytes are reported to the handler. */
  void wantInput(boolean wanted) {
    if (inputWanted != wanted) {
      inputWanted = wanted;
      update();
    }
  }

  /** Sets whether room to write is reported to the handler. */
  void wantOutput(boolean wanted) {
    if (outputWanted != wanted) {
      outputWanted = wanted;
      update();
    }
  }

  /** Ends the connection. */
  void close() {
    if (retryTimer != null) {
      retryTimer.cancel();
    }
    closeInputWatch();
    closeOutputWatch();
    connection.close();
  }

  private void ready(DeviceLock lock, Handler handler, int input, int output) {
    ReentrantLock outer = lock.enter();
    try {
      // A hang-up is reported as long as it is watched, so the watch is removed. What the peer sent
      // before can still be read.
      if ((input & EventLoop.RDHUP) != 0) {
        // Like a hang-up, this is reported as long as it is watched.
        peerGone = true;
        idle = EventLoop.HUP;
        update();
      }
      if ((input & GONE) != 0) {
        peerGone = true;
        closeInputWatch();
      }
      if ((output & GONE) != 0) {
        outputEnded = true;
        closeOutputWatch();
      }
    } finally {
      lock.exit(outer);
    }
    // Room to write does not imply bytes to read, and a futile read costs a system call.
    boolean readable = (input & ~EventLoop.OUT) != 0;
    boolean writable = (output & ~EventLoop.IN) != 0;
    handler.ready(this, readable, writable);
  }

  private void update() {
    int in = inputWanted ? idle | EventLoop.IN : idle;
    int out = outputWanted ? idle | EventLoop.OUT : idle;
    if (connection.isDuplex()) {
      set(inputWatch, in | out);
    } else {
      set(inputWatch, in);
      set(outputWatch, out);
    }
  }

  private void closeInputWatch() {
    if (inputWatch != null) {
      inputWatch.close();
      inputWatch = null;
      outputWatch = connection.isDuplex() ? null : outputWatch;
    }
  }

  private void closeOutputWatch() {
    if (outputWatch != null) {
      outputWatch.close();
      outputWatch = null;
      inputWatch = connection.isDuplex() ? null : inputWatch;
    }
  }

  private static void set(Watch watch, int events) {
    if (watch != null) {
      watch.interest(events);
    }
  }

  /**
   * Watches a descriptor. Returns null for a file, which epoll refuses because it is always ready.
   */
  private Watch watch(EventLoop loop, Fd fd, EventLoop.Handler handler) throws ErrnoException {
    if (fd == null) {
      return null;
    }
    try {
      return loop.watch(fd, idle, handler);
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EPERM) {
        return null;
      }
      throw e;
    }
  }
}
