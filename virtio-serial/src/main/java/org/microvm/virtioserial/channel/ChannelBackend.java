package org.microvm.virtioserial.channel;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
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
  /** As many as usually wait in the backlog of a listening socket. */
  private static final int MAX_WAITING = 128;

  private final EventLoop loop;

  /** The following are guarded by {@code this}. */
  private Channel channel;

  private boolean guestOpen;
  private boolean closed;

  /** The device's ends of channels that opened while an earlier one still has bytes on the way. */
  private final Deque<Fd> waiting = new ArrayDeque<>();

  private Port port;
  private boolean linked;

  /**
   * @param loop the device's loop
   */
  public ChannelBackend(EventLoop loop) {
    this.loop = loop;
  }

  /**
   * Connects to the port. What an earlier channel has written and the guest has not taken yet stays
   * on its way, and comes first.
   *
   * @throws PortClosedException if the port is gone
   * @throws IOException if there is an open channel already, or {@value #MAX_WAITING} closed ones
   *     whose bytes the guest does not take
   */
  public synchronized Channel open() throws IOException {
    if (closed) {
      throw new PortClosedException();
    }
    if (channel != null) {
      throw new IOException("the port has an open channel already");
    }
    if (waiting.size() == MAX_WAITING) {
      throw new IOException(
          "the guest has not taken the bytes of %d earlier channels yet".formatted(MAX_WAITING));
    }
    Fd[] pair = UnixSocket.pair();
    try {
      channel = new Channel(loop, pair[0], this::channelClosed);
      loop.execute(this::link);
    } catch (IOException | RuntimeException e) {
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

  /** Hands the waiting end over if the port is there and free. On the loop. */
  private void link() {
    Fd end;
    synchronized (this) {
      if (port == null || linked || waiting.isEmpty() || closed) {
        return;
      }
      end = waiting.remove();
      linked = true;
    }
    port.connected(HostLink.duplex(end));
  }
}
