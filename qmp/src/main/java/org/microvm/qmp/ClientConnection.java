package org.microvm.qmp;

import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.virtioserial.backend.HostConnection;

/**
 * The connection of one client of a monitor: its descriptors, their watches, and the output that
 * the client has not received yet. All methods run on the control socket's event loop.
 */
final class ClientConnection {
  private final HostConnection connection;
  private final QmpOutput output;
  private final EventLoop.Watch watch;

  /** Of the output, if that is another descriptor than the input; else null. */
  private final EventLoop.Watch outputWatch;

  private boolean closed;

  /**
   * @param onReady handles the events of the input, and of the output if that is the same
   *     descriptor
   * @param onWritable handles the events of the output, if that is another descriptor
   */
  ClientConnection(
      EventLoop loop,
      HostConnection connection,
      EventLoop.Handler onReady,
      EventLoop.Handler onWritable)
      throws ErrnoException {
    this.connection = connection;
    output = new QmpOutput(connection.output());
    watch = loop.watch(connection.input(), EventLoop.IN, onReady);
    try {
      outputWatch = connection.isDuplex() ? null : loop.watch(connection.output(), 0, onWritable);
    } catch (ErrnoException | RuntimeException | Error e) {
      watch.close();
      throw e;
    }
  }

  Fd input() {
    return connection.input();
  }

  QmpOutput output() {
    return output;
  }

  boolean isClosed() {
    return closed;
  }

  /**
   * Awaits what can be done next: input, unless the client leaves too much unread, and room for
   * output if there is any.
   *
   * @param takesInput whether the client may send commands now
   */
  void await(boolean takesInput) {
    int in = output.isFull() || !takesInput ? 0 : EventLoop.IN;
    int out = output.pending() > 0 ? EventLoop.OUT : 0;
    if (outputWatch == null) {
      watch.interest(in | out);
    } else {
      watch.interest(in);
      outputWatch.interest(out);
    }
  }

  /** Awaits room for output, and no input. */
  void awaitRoom() {
    (outputWatch == null ? watch : outputWatch).interest(EventLoop.OUT);
  }

  /** Stops watching an input that has ended, if it is another descriptor than the output. */
  void endInput() {
    if (outputWatch != null) {
      watch.close();
    }
  }

  /** Disconnects the client. */
  void close() {
    closed = true;
    watch.close();
    if (outputWatch != null) {
      outputWatch.close();
    }
    connection.close();
  }
}
