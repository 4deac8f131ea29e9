package org.microvm.virtioserial.backend;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;

/**
 * A backend with a log: what another backend's host program receives from the guest is also written
 * to a file, as with QEMU's {@code logfile=}.
 */
public final class LoggedBackend implements PortBackend {
  private final PortBackend backend;
  private final Fd log;

  private LoggedBackend(PortBackend backend, Fd log) {
    this.backend = backend;
    this.log = log;
  }

  /**
   * Opens the log.
   *
   * @param backend where the bytes go; closed with the result, and if this fails
   * @param path the log, which is created if it does not exist
   * @param append whether the content of the log is kept
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if the log cannot be opened or created
   */
  public static LoggedBackend open(PortBackend backend, Path path, boolean append)
      throws ErrnoException {
    try {
      int mode = append ? Fd.APPEND : Fd.TRUNCATE;
      Fd log = Fd.open(path, Fd.WRITE_ONLY, Fd.CREATE, Fd.NON_BLOCKING, mode);
      return new LoggedBackend(backend, log);
    } catch (ErrnoException | RuntimeException | Error e) {
      backend.close();
      throw e;
    }
  }

  @Override
  public PortBackend plain() {
    return backend;
  }

  @Override
  public Fd log() {
    return log;
  }

  @Override
  public void start(Port port) {
    backend.start(port);
  }

  @Override
  public void adopted() {
    backend.adopted();
  }

  @Override
  public void takeOver() throws IOException {
    backend.takeOver();
  }

  @Override
  public void guestLeft() {
    backend.guestLeft();
  }

  @Override
  public void connectionClosed() {
    backend.connectionClosed();
  }

  @Override
  public boolean canDisconnect() {
    return backend.canDisconnect();
  }

  @Override
  public boolean canMove() {
    return backend.canMove();
  }

  @Override
  public void guestOpened() {
    backend.guestOpened();
  }

  @Override
  public void guestClosed() {
    backend.guestClosed();
  }

  @Override
  public CompletableFuture<Void> readyToBoot() {
    return backend.readyToBoot();
  }

  @Override
  public void close() {
    backend.close();
    log.close();
  }

  @Override
  public String describe() {
    return backend.describe();
  }
}
