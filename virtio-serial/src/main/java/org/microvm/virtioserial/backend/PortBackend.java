package org.microvm.virtioserial.backend;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;

/**
 * The host end of a port: accepts or makes connections and hands them to the port, one at a time.
 *
 * <p>All methods are called with the device lock held and must not block. {@link #start} and {@link
 * #connectionClosed} are called on the event loop, the others on any thread, {@link #close}
 * possibly while a handler of the backend runs on the loop. A backend checks its configuration when
 * it is created, before a port uses it.
 */
public interface PortBackend {
  /**
   * The port as its backend sees it. Call the methods on the event loop, with or without the lock.
   */
  interface Port {
    /** {@return the event loop of the port, on which the backend watches its descriptors} */
    EventLoop loop();

    /** {@return whether the port is a console, which has a size} */
    default boolean isConsole() {
      return false;
    }

    /**
     * Reports the size of the host's terminal. Ignored by a port that is not a console.
     *
     * @param size columns and rows; both 0 if the terminal does not know
     */
    default void resized(ConsoleSize size) {}

    /**
     * Hands a connection to the port, which must have none. The port calls {@link
     * PortBackend#connectionClosed} when the connection has ended. If the port has been removed, or
     * its guest has left, the connection is closed at once.
     *
     * @param connection the connection, which the port owns from now on
     */
    void connected(HostConnection connection);
  }

  /**
   * Starts listening or connecting for a new port. Called once.
   *
   * @param port the port, which uses this backend alone
   */
  void start(Port port);

  /**
   * Notifies the backend that its port continues with a connection of another process, as if this
   * backend had handed it over. Called at most once, before {@link #start}.
   */
  default void adopted() {}

  /**
   * Takes over the resources of the process that the guest migrated from, such as a server's path.
   * Called once the migration is final, before {@link #start}.
   *
   * @throws IOException if that fails; the port exists nevertheless
   */
  default void takeOver() throws IOException {}

  /**
   * Ends what makes or accepts connections, because the guest continues in another process. {@link
   * #close} follows, possibly much later. Called at most once, possibly without a start.
   */
  default void guestLeft() {}

  /**
   * Reports that the connection has ended and its descriptors are closed, so that the backend may
   * hand over the next one.
   */
  void connectionClosed();

  /** {@return whether there is a peer that can be disconnected, unlike a file or a terminal} */
  default boolean canDisconnect() {
    return true;
  }

  /**
   * {@return whether a connection that this backend has handed over can continue in another
   * process, unlike that of a file, of a terminal or of a program in this JVM}
   */
  default boolean canMove() {
    return true;
  }

  /** Reports that a program in the guest has opened the port. */
  default void guestOpened() {}

  /** Reports that the guest has closed the port or was reset. */
  default void guestClosed() {}

  /**
   * {@return a future that completes when the guest may start: with {@code wait=on}, once a host
   * program has connected; otherwise at once}
   */
  default CompletableFuture<Void> readyToBoot() {
    return CompletableFuture.completedFuture(null);
  }

  /**
   * Releases the backend's resources after the port's end. Called once, possibly without a start.
   */
  void close();

  /** {@return the backend itself, or the one that a backend with a log adds the log to} */
  default PortBackend plain() {
    return this;
  }

  /** {@return the file that also gets what the host program receives; null for none} */
  default Fd log() {
    return null;
  }

  /** {@return the kind and the address of the backend, for messages} */
  String describe();
}
