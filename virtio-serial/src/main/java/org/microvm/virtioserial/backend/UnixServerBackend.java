package org.microvm.virtioserial.backend;

import java.io.IOException;
import java.nio.file.Path;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixListener;

/** Listens on a unix socket; see {@link ServerBackend} for who is served when. */
public final class UnixServerBackend extends ServerBackend {
  private final UnixListener listener;

  private UnixServerBackend(UnixListener listener, boolean wait) {
    super(listener.fd(), wait);
    this.listener = listener;
  }

  /**
   * Listens from now on, so that clients can connect before the VM runs. One client is served at a
   * time, further ones wait in the listen backlog until it has left and the guest has its bytes.
   *
   * @param wait whether the guest is not to start before a client has connected
   * @throws ErrnoException if the path is too long, in use, or not allowed
   */
  public static UnixServerBackend listen(Path path, boolean wait) throws ErrnoException {
    return new UnixServerBackend(UnixListener.open(path), wait);
  }

  /**
   * Listens in the place of a server that is there, which goes on until the guest has come here
   * from its process.
   *
   * @throws ErrnoException if the path is too long or not allowed
   */
  public static UnixServerBackend listenAtTakeover(Path path) throws ErrnoException {
    return new UnixServerBackend(UnixListener.openHidden(path), false);
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
  HostLink accept() throws ErrnoException {
    Fd client = listener.accept();
    return client == null ? null : HostLink.duplex(client);
  }

  @Override
  void stopListening() {
    listener.close();
  }
}
