package org.microvm.qmp;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.HostConnection;

/**
 * The client of a human monitor. Its input is echoed, as in QEMU, because its terminal may be in
 * raw mode. All methods run on the control socket's event loop.
 *
 * <p>While a client does not read its output, no input is read from it, so that the memory for it
 * is bounded.
 */
final class HumanSession {
  private static final String PROMPT = "(qemu) ";
  private static final String END = "\r\n";
  private static final int READ_BYTES = 256;

  /** A longer line is truncated, as in QEMU. */
  private static final int LONGEST_LINE = 4095;

  private static final int BACKSPACE = 8;
  private static final int DELETE = 127;
  private static final int CTRL_U = 21;

  private final ClientConnection connection;
  private final HumanMonitor monitor;
  private final Runnable onEnd;
  private final MemorySegment readBuffer = Arena.ofAuto().allocate(READ_BYTES);
  private final ByteArrayOutputStream line = new ByteArrayOutputStream();

  /** What was read, and how much of it was processed. */
  private byte[] chunk = {};

  private int processed;

  /** Whether a command waits for the machine; what is typed meanwhile waits for its end. */
  private boolean waiting;

  private int last;

  HumanSession(EventLoop loop, HostConnection connection, HumanMonitor monitor, Runnable onEnd)
      throws ErrnoException {
    this.monitor = monitor;
    this.onEnd = onEnd;
    this.connection = new ClientConnection(loop, connection, this::ready, events -> flush());
  }

  /** Sends the greeting and the first prompt. */
  void greet(String version) {
    send("QEMU " + version + " monitor - type 'help' for more information" + END + PROMPT);
  }

  private void ready(int events) {
    if ((events & EventLoop.OUT) != 0) {
      flush();
    }
    if ((events & (EventLoop.IN | EventLoop.HUP | EventLoop.ERR)) == 0 || connection.isClosed()) {
      return;
    }
    if (waiting) {
      // No input is requested now, so the client has gone. Its command still runs.
      end();
    } else {
      read();
    }
  }

  private void read() {
    long length = connection.input().read(readBuffer);
    if (length > 0) {
      chunk = readBuffer.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
      processed = 0;
      process();
    } else if (length != -Errno.EAGAIN && length != -Errno.EINTR) {
      end();
    }
  }

  private void process() {
    while (processed < chunk.length && !waiting) {
      type(chunk[processed++] & 0xff);
    }
  }

  private void type(int octet) {
    boolean lineFeedAfterReturn = octet == '\n' && last == '\r';
    last = octet;
    switch (octet) {
      case '\r', '\n' -> {
        if (!lineFeedAfterReturn) {
          run();
        }
      }
      case BACKSPACE, DELETE -> erase(1);
      case CTRL_U -> erase(line.size());
      default -> {
        if (octet >= ' ' && line.size() < LONGEST_LINE) {
          line.write(octet);
          send(Character.toString(octet));
        }
      }
    }
  }

  private void erase(int count) {
    byte[] typed = line.toByteArray();
    int erased = Math.min(count, typed.length);
    line.reset();
    line.write(typed, 0, typed.length - erased);
    send("\b \b".repeat(erased));
  }

  private void run() {
    String text = line.toString(StandardCharsets.UTF_8);
    line.reset();
    send(END);
    CompletableFuture<String> answer = monitor.answer(text);
    if (answer.isDone()) {
      send(answer.join() + PROMPT);
      return;
    }
    waiting = true;
    flush();
    answer.whenComplete(
        (printed, failure) -> {
          waiting = false;
          send((failure == null ? printed : "Error: " + failure.getMessage() + END) + PROMPT);
          process();
        });
  }

  /** Sends characters, each of which is a byte. */
  private void send(String text) {
    if (!connection.isClosed()) {
      connection.output().add(text.getBytes(StandardCharsets.ISO_8859_1));
      flush();
    }
  }

  private void flush() {
    if (connection.isClosed()) {
      return;
    }
    if (!connection.output().flush()) {
      end();
      return;
    }
    connection.await(!waiting);
  }

  /** Disconnects the client. */
  void end() {
    if (!connection.isClosed()) {
      connection.close();
      onEnd.run();
    }
  }
}
