package org.microvm.virtioserial.backend;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import org.microvm.linux.EventLoop;

/**
 * The host end of a port: gets connections and hands them over, one at a time.
 *
 * <p>All methods are called with the device lock held and must not block; {@link #start} and {@link
 * #linkClosed} on the event loop, the others on any thread, {@link #close} perhaps while a handler
 * of the backend runs on the loop. What can be wrong about a backend's configuration is to be found
 * out before it is given to a port, when it is made.
 */
public interface PortBackend {
  /** What a backend knows of its port; to be called on the event loop, with or without the lock. */
  interface Port {
    /** The loop on which everything about the port happens. */
    EventLoop loop();

    /** Whether the guest runs a text console on it, which has a size. */
    boolean isConsole();

    /** The host's terminal has this size from now on; nothing to a port that is no console. */
    void resized(ConsoleSize size);

    /**
     * Hands over a connection. There must be none at the moment; {@link PortBackend#linkClosed}
     * tells when it has ended. After the port's end the link is closed at once.
     */
    void connected(HostLink link);
  }

  /** The port is there: begin to listen or to connect. Called once. */
  void start(Port port);

  /**
   * The port goes on with a connection that another process had: before {@link #start}, at most
   * once, and as if this backend had handed it over.
   */
  default void adopted() {}

  /**
   * The guest has come here for good: take over from the process that it came from, such as a
   * server's path. Before {@link #start}.
   *
   * @throws IOException if it cannot be taken over; the port is there all the same
   */
  default void takeOver() throws IOException {}

  /** The connection handed over has ended and its descriptors are closed: the next one may come. */
  void linkClosed();

  /** Whether there is a peer that can be disconnected; a file or a terminal is no such thing. */
  default boolean canDisconnect() {
    return true;
  }

  /** A program in the guest has opened the port. */
  default void guestOpened() {}

  /** The guest has closed the port, or was reset. */
  default void guestClosed() {}

  /**
   * Completes when the guest may be started: with {@code wait=on}, when a host program has
   * connected.
   */
  default CompletableFuture<Void> readyToBoot() {
    return CompletableFuture.completedFuture(null);
  }

  /** The port is gone: give up what is listened on. Called once, perhaps without a start. */
  void close();

  /** For people, as in messages: what it is and where. */
  String describe();
}
