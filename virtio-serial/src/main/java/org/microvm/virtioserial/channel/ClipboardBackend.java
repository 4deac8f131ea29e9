package org.microvm.virtioserial.channel;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.microvm.linux.ClientAcceptor;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.linux.SocketMode;
import org.microvm.linux.UnixListener;
import org.microvm.spice.ClipboardException;
import org.microvm.spice.ClipboardHub;
import org.microvm.virtioserial.backend.PortBackend;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The host end of a port for the SPICE agent of a guest ({@code qemu-vdagent}): accesses the
 * guest's clipboard and serves it to host programs on a unix socket, over the same protocol.
 *
 * <p>The connection to the agent ends when the guest closes the port, so the port needs {@link
 * org.microvm.virtioserial.GuestClose#DISCONNECT}: a restarted agent would otherwise read the rest
 * of a message to its predecessor.
 */
public final class ClipboardBackend implements PortBackend {
  private static final Logger LOG = LoggerFactory.getLogger(ClipboardBackend.class);

  /**
   * The pause after an agent has violated the protocol, so that it cannot keep the host busy, or
   * could not be served.
   */
  private static final long PAUSE_SECONDS = 1;

  /** The pause after no thread could be started. */
  private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final EventLoop loop;
  private final ChannelBackend agent;
  private final Optional<UnixListener> listener;
  private final ClipboardHub hub = new ClipboardHub();
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Optional<ClientAcceptor> programs;

  /** Whether a protocol violation was logged: once only, because an agent could fill the log. */
  private boolean violationLogged;

  /**
   * Whether a host shortage that prevents serving an agent was logged. Used by the agent's thread.
   */
  private boolean shortageLogged;

  private ClipboardBackend(EventLoop loop, Optional<UnixListener> listener) {
    this.loop = loop;
    this.listener = listener;
    programs =
        listener.map(socket -> new ClientAcceptor(loop, socket.fd(), describe(), this::join));
    agent = new ChannelBackend(loop);
  }

  /**
   * Creates the host end, and listens for host programs at once.
   *
   * @param loop the device's event loop
   * @param socket the unix socket to which host programs of this user connect; empty for none
   * @param takeover whether another process has the socket until {@link #takeOver}
   * @return the backend, which a port owns and closes
   * @throws IOException if the path is too long, in use, or not accessible
   */
  public static ClipboardBackend open(EventLoop loop, Optional<Path> socket, boolean takeover)
      throws IOException {
    if (socket.isEmpty()) {
      return new ClipboardBackend(loop, Optional.empty());
    }
    UnixListener listener =
        takeover
            ? UnixListener.openHidden(socket.get(), SocketMode.OWNER)
            : UnixListener.open(socket.get());
    return new ClipboardBackend(loop, Optional.of(listener));
  }

  /** {@return the hub, for programs in this JVM} */
  public ClipboardHub hub() {
    return hub;
  }

  @Override
  public void start(Port port) {
    agent.start(port);
    programs.ifPresent(ClientAcceptor::startWhenPossible);
    begin();
  }

  /** Starts the thread that serves agents, or tries again later if the host has no more threads. */
  private void begin() {
    if (ended.getCount() == 0) {
      return;
    }
    try {
      Thread.ofPlatform().daemon().name("clipboard-agent").start(this::serveAgents);
    } catch (OutOfMemoryError noThread) {
      LOG.warn("{}: {}; trying again", describe(), noThread.getMessage());
      loop.schedule(RETRY_NANOS, this::begin);
    }
  }

  /** Serves one connection of the guest's agent after the other, until the port ends. */
  private void serveAgents() {
    try {
      while (ended.getCount() > 0) {
        try (Channel channel = agent.open()) {
          channel.guestOpened().get();
          hub.guest().serve(channel);
        } catch (ClipboardException e) {
          if (!violationLogged) {
            violationLogged = true;
            LOG.warn("{}: the guest sent {}; disconnected", describe(), e.getMessage());
          }
          ended.await(PAUSE_SECONDS, TimeUnit.SECONDS);
        } catch (PortClosedException e) {
          throw e;
        } catch (IOException | OutOfMemoryError e) {
          // For example, the host has no descriptor, or no thread that writes to the agent.
          if (!shortageLogged) {
            shortageLogged = true;
            LOG.warn("{}: {}; trying again", describe(), e.getMessage());
          }
          ended.await(PAUSE_SECONDS, TimeUnit.SECONDS);
        }
      }
    } catch (PortClosedException | ExecutionException e) {
      LOG.debug("{}: the port has ended", describe());
    } catch (RuntimeException | Error e) {
      LOG.error("{}: the clipboard is no longer served", describe(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Serves a program that waits for the clipboard. */
  private boolean join() throws IOException {
    Fd program = listener.orElseThrow().accept();
    if (program == null) {
      return false;
    }
    Channel channel;
    try {
      channel = new Channel(loop, program, () -> {});
    } catch (IOException | RuntimeException | Error e) {
      program.close();
      throw e;
    }
    hub.join(channel);
    return true;
  }

  @Override
  public void adopted() {
    agent.adopted();
  }

  @Override
  public void takeOver() throws IOException {
    if (listener.isPresent()) {
      listener.get().publish();
    }
  }

  @Override
  public void guestLeft() {
    programs.ifPresent(ClientAcceptor::close);
    listener.ifPresent(UnixListener::close);
  }

  @Override
  public void connectionClosed() {
    agent.connectionClosed();
  }

  @Override
  public boolean canMove() {
    return false;
  }

  @Override
  public void guestOpened() {
    agent.guestOpened();
  }

  @Override
  public void guestClosed() {
    agent.guestClosed();
  }

  @Override
  public void close() {
    ended.countDown();
    guestLeft();
    agent.close();
    hub.close();
  }

  @Override
  public String describe() {
    return listener
        .map(socket -> "clipboard, unix:%s,server=on".formatted(socket.path()))
        .orElse("clipboard");
  }
}
