package org.microvm.virtioserial.backend;

import java.io.IOException;
import java.nio.file.Path;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.SocketMode;
import org.microvm.linux.UnixListener;

/** A backend that listens on a unix socket and serves one client at a time. */
public final class UnixServerBackend extends ServerBackend {
  private final UnixListener listener;

  private UnixServerBackend(UnixListener listener, boolean wait) {
    super(listener.fd(), wait);
    this.listener = listener;
  }

  /**
   * Starts listening at once, only for the owner, so that clients can connect before the VM runs.
   * Further clients wait in the listen backlog until the current one has disconnected and the guest
   * has its bytes.
   *
   * @param path where the socket's file is created
   * @param wait whether the guest starts only after a client has connected
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if the path is too long, in use, or not accessible
   */
  public static UnixServerBackend listen(Path path, boolean wait) throws ErrnoException {
    return listen(path, SocketMode.OWNER, wait);
  }

  /**
   * Starts listening as {@link #listen(Path, boolean)} does, with other permissions.
   *
   * @param path where the socket's file is created
   * @param mode the permissions of the file
   * @param wait whether the guest starts only after a client has connected
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if the path is too long, in use, or not accessible
   */
  public static UnixServerBackend listen(Path path, SocketMode mode, boolean wait)
      throws ErrnoException {
    return new UnixServerBackend(UnixListener.open(path, mode), wait);
  }

  /**
   * Prepares to replace the server of another process, which keeps its path until the guest has
   * migrated here and {@link #takeOver} is called.
   *
   * @param path the other server's socket
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if the path is too long or not accessible
   */
  public static UnixServerBackend listenAtTakeover(Path path) throws ErrnoException {
    return listenAtTakeover(path, SocketMode.OWNER);
  }

  /**
   * Prepares as {@link #listenAtTakeover(Path)} does, with other permissions.
   *
   * @param path the other server's socket
   * @param mode the permissions of the new socket's file
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if the path is too long or not accessible
   */
  public static UnixServerBackend listenAtTakeover(Path path, SocketMode mode)
      throws ErrnoException {
    return new UnixServerBackend(UnixListener.openHidden(path, mode), false);
  }

  @Override
  public void takeOver() throws IOException {
    listener.publish();
  }

  @Override
  public String describe() {
    return "unix:%s,server=on".formatted(listener.path());
  }

  @Override
  HostConnection accept() throws ErrnoException {
    Fd client = listener.accept();
    return client == null ? null : HostConnection.duplex(client);
  }

  @Override
  void stopListening() {
    listener.close();
  }
}
