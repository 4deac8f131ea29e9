package org.microvm.virtioserial.channel;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixSocket;
import org.microvm.virtioserial.backend.HostConnection;
import org.microvm.virtioserial.backend.PortBackend;

/**
 * The host end of a port for programs in this JVM, one at a time. It uses a pair of unix sockets,
 * so that such a port is not a special case for the device.
 */
public final class ChannelBackend implements PortBackend {
  /** Most waiting connections: the usual backlog of a listening socket. */
  private static final int MAX_WAITING = 128;

  private final EventLoop loop;

  /** The following are guarded by {@code this}. */
  private Channel channel;

  private boolean guestOpen;
  private boolean closed;

  /**
   * The device's ends of channels that were opened while bytes of an earlier one are not delivered
   * yet.
   */
  private final Deque<Fd> waiting = new ArrayDeque<>();

  private Port port;
  private boolean linked;

  /**
   * Creates the host end of a port that is connected while a channel is open.
   *
   * @param loop the device's event loop
   */
  public ChannelBackend(EventLoop loop) {
    this.loop = loop;
  }

  /**
   * Connects to the port. Bytes that were written to an earlier channel are still delivered, before
   * those of this one.
   *
   * @return the channel, which the caller closes
   * @throws PortClosedException if the port is closed
   * @throws IOException if a channel is already open, or the guest has not read the bytes of
   *     {@value #MAX_WAITING} closed ones
   */
  public synchronized Channel open() throws IOException {
    if (closed) {
      throw new PortClosedException();
    }
    if (channel != null) {
      throw new IOException("the port already has an open channel");
    }
    if (waiting.size() == MAX_WAITING) {
      throw new IOException(
          "the guest has not yet read the bytes of %d earlier channels".formatted(MAX_WAITING));
    }
    Fd[] pair = UnixSocket.pair();
    try {
      channel = new Channel(loop, pair[0], this::channelClosed);
      loop.execute(this::attach);
    } catch (IOException | RuntimeException | Error e) {
      channel = null;
      pair[0].close();
      pair[1].close();
      throw e;
    }
    channel.guest(guestOpen);
    waiting.add(pair[1]);
    return channel;
  }

  @Override
  public void start(Port owner) {
    synchronized (this) {
      port = owner;
    }
    attach();
  }

  @Override
  public synchronized void adopted() {
    linked = true;
  }

  @Override
  public void connectionClosed() {
    synchronized (this) {
      linked = false;
    }
    attach();
  }

  @Override
  public boolean canMove() {
    return false;
  }

  @Override
  public synchronized void guestOpened() {
    guest(true);
  }

  @Override
  public synchronized void guestClosed() {
    guest(false);
  }

  @Override
  public synchronized void close() {
    closed = true;
    waiting.forEach(Fd::close);
    waiting.clear();
    if (channel != null) {
      channel.portGone();
    }
  }

  @Override
  public String describe() {
    return "in-process channel";
  }

  private void guest(boolean open) {
    guestOpen = open;
    if (channel != null) {
      channel.guest(open);
    }
  }

  private synchronized void channelClosed() {
    channel = null;
  }

  /** Hands the next waiting connection to the port if it has none. Runs on the loop. */
  private void attach() {
    Fd end;
    synchronized (this) {
      if (port == null || linked || waiting.isEmpty() || closed) {
        return;
      }
      end = waiting.remove();
      linked = true;
    }
    port.connected(HostConnection.duplex(end));
  }
}
