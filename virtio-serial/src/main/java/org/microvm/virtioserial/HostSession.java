package org.microvm.virtioserial;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.EventLoop.Watch;
import org.microvm.linux.Fd;
import org.microvm.linux.IovecArray;
import org.microvm.linux.UnixSocket;
import org.microvm.virtioserial.backend.HostLink;

/**
 * One connection of a host program to a port: what is being waited for on its descriptors, and
 * which of its directions have ended. Guarded by the device lock; made and closed on the loop.
 */
final class HostSession {
  /** Is told what the descriptors are ready for; on the loop, without the lock. */
  interface Handler {
    /**
     * @param input bytes can be read, or the end of them
     * @param output there is room to write
     */
    void ready(HostSession session, boolean input, boolean output);
  }

  private static final int REST_CHUNK = 64 * 1024;

  private static final int GONE = EventLoop.HUP | EventLoop.ERR;

  private final HostLink link;

  /** What is waited for when nothing is wanted: the peer may leave at any time. */
  private int idle;

  private Watch inputWatch;
  private Watch outputWatch;
  private boolean inputWanted;
  private boolean outputWanted;
  private boolean inputEnded;
  private boolean outputEnded;

  /** A hang-up was seen; there may be bytes to read yet. */
  private boolean peerGone;

  /** Takes over the link, or closes it and throws. */
  HostSession(HostLink link, EventLoop loop, DeviceLock lock, Handler handler)
      throws ErrnoException {
    this.link = link;
    // Where the end of input is the end of all, the kernel says that rather than a hang-up.
    idle = link.halfClose() ? EventLoop.HUP : EventLoop.HUP | EventLoop.RDHUP;
    inputEnded = link.input() == null;
    try {
      if (link.isDuplex()) {
        inputWatch = watch(loop, link.input(), events -> ready(lock, handler, events, events));
        outputWatch = inputWatch;
      } else {
        inputWatch = watch(loop, link.input(), events -> ready(lock, handler, events, 0));
        outputWatch = watch(loop, link.output(), events -> ready(lock, handler, 0, events));
      }
    } catch (ErrnoException e) {
      close();
      throw e;
    }
  }

  HostLink link() {
    return link;
  }

  /** Whether no more bytes will come, and all that came have been read. */
  boolean inputEnded() {
    return inputEnded;
  }

  /** Whether nothing can be written any more. */
  boolean outputEnded() {
    return outputEnded;
  }

  /** Whether readable bytes will be reported; if not, reading is to be tried unasked. */
  boolean inputIsWatched() {
    return inputWatch != null;
  }

  /** Whether room to write will be reported; if not, the output is a file and has it always. */
  boolean outputIsWatched() {
    return outputWatch != null;
  }

  /**
   * Where there is no room to read into: looks whether the peer has left with nothing of its bytes
   * unread, which would otherwise show only when there is room again.
   */
  void lookForTheEnd() {
    if (peerGone && link.input().available() == 0) {
      inputEnded = true;
      outputEnded |= !link.halfClose();
    }
  }

  /** Reads into the ranges: bytes, or 0 when there are none now or, being noted, any more. */
  long read(IovecArray ranges) {
    long bytes;
    do {
      bytes = link.input().readv(ranges);
    } while (bytes == -Errno.EINTR);
    if (bytes > 0) {
      return bytes;
    }
    if (bytes == -Errno.EAGAIN) {
      wantInput(true);
      return 0;
    }
    wantInput(false);
    inputEnded = true;
    // An error, such as ECONNRESET, comes behind all data: nobody is there any more.
    outputEnded |= bytes < 0 || !link.halfClose();
    return 0;
  }

  /**
   * Has the peer send no more, where the kernel can do that without a loss, and takes what it has
   * sent; on a unix socket that is all that it could send. Nothing from what is no socket.
   *
   * @param most an end for a peer that sends on and on
   */
  byte[] takeRest(int most) throws ErrnoException {
    if (!link.isDuplex() || (link.halfClose() && !UnixSocket.shutdownInput(link.input()))) {
      return new byte[0];
    }
    ByteArrayOutputStream rest = new ByteArrayOutputStream();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment chunk = arena.allocate(REST_CHUNK);
      for (long bytes = 1; bytes > 0 && rest.size() < most; ) {
        bytes = link.input().read(chunk);
        if (bytes > 0) {
          rest.writeBytes(chunk.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE));
        }
      }
    }
    return rest.toByteArray();
  }

  /** Writes the ranges: bytes, or 0 when the peer takes nothing now or, being noted, any more. */
  long write(IovecArray ranges) {
    long bytes;
    do {
      bytes = link.output().writev(ranges);
    } while (bytes == -Errno.EINTR);
    // After an error the input is still read to its end: the peer may have sent before it left.
    outputEnded |= bytes < 0 && bytes != -Errno.EAGAIN;
    return Math.max(bytes, 0);
  }

  /** Asks to be told of readable bytes, or not. */
  void wantInput(boolean wanted) {
    if (inputWanted != wanted) {
      inputWanted = wanted;
      update();
    }
  }

  /** Asks to be told of room to write, or not. */
  void wantOutput(boolean wanted) {
    if (outputWanted != wanted) {
      outputWanted = wanted;
      update();
    }
  }

  /** Ends the connection. */
  void close() {
    closeInputWatch();
    closeOutputWatch();
    link.close();
  }

  private void ready(DeviceLock lock, Handler handler, int input, int output) {
    ReentrantLock outer = lock.enter();
    try {
      // A hang-up is reported for as long as it is watched, so the watch goes. What the peer sent
      // before that is still there to be read.
      if ((input & EventLoop.RDHUP) != 0) {
        // Reported for as long as it is watched, like a hang-up.
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
    // Room to write says nothing of bytes to read, and trying costs a call in vain.
    boolean readable = (input & ~EventLoop.OUT) != 0;
    boolean writable = (output & ~EventLoop.IN) != 0;
    handler.ready(this, readable, writable);
  }

  private void update() {
    int in = inputWanted ? idle | EventLoop.IN : idle;
    int out = outputWanted ? idle | EventLoop.OUT : idle;
    if (link.isDuplex()) {
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
      outputWatch = link.isDuplex() ? null : outputWatch;
    }
  }

  private void closeOutputWatch() {
    if (outputWatch != null) {
      outputWatch.close();
      outputWatch = null;
      inputWatch = link.isDuplex() ? null : inputWatch;
    }
  }

  private static void set(Watch watch, int events) {
    if (watch != null) {
      watch.interest(events);
    }
  }

  /** Watches, or gives null for a file, which epoll refuses because it is always ready. */
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
