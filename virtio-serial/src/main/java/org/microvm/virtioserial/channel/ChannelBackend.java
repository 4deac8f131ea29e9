package org.microvm.virtioserial.channel;

import java.io.IOException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixSocket;
import org.microvm.virtioserial.backend.HostLink;
import org.microvm.virtioserial.backend.PortBackend;

/**
 * Makes a port one for programs in this JVM, one at a time. The way is a pair of unix sockets, so
 * that such a port is no special case for the device.
 */
public final class ChannelBackend implements PortBackend {
  private final EventLoop loop;

  /** The following are guarded by {@code this}. */
  private Channel channel;

  private boolean guestOpen;
  private boolean closed;

  /** The device's end of a new channel while an earlier one still has bytes on the way. */
  private Fd waiting;

  private Port port;
  private boolean linked;

  /**
   * @param loop the device's loop
   */
  public ChannelBackend(EventLoop loop) {
    this.loop = loop;
  }

  /**
   * Connects to the port.
   *
   * @throws PortClosedException if the port is gone
   * @throws IOException if there is an open channel already
   */
  public synchronized Channel open() throws IOException {
    if (closed) {
      throw new PortClosedException();
    }
    if (channel != null) {
      throw new IOException("the port has an open channel already");
    }
    Fd[] pair = UnixSocket.pair();
    channel = new Channel(loop, pair[0], this::channelClosed);
    channel.guest(guestOpen);
    waiting = pair[1];
    loop.execute(this::link);
    return channel;
  }

  @Override
  public void start(Port owner) {
    synchronized (this) {
      port = owner;
    }
    link();
  }

  @Override
  public synchronized void adopted() {
    linked = true;
  }

  @Override
  public void linkClosed() {
    synchronized (this) {
      linked = false;
    }
    link();
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
    if (waiting != null) {
      waiting.close();
    }
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

  /** Hands the waiting end over if the port is there and free. On the loop. */
  private void link() {
    Fd end;
    synchronized (this) {
      if (port == null || linked || waiting == null || closed) {
        return;
      }
      end = waiting;
      waiting = null;
      linked = true;
    }
    port.connected(HostLink.duplex(end));
  }
}
