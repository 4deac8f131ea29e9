package org.microvm.cli.serve;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.microvm.cli.named.Machines;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixSocket;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of the process that hosts machines of this user. They are in the directory of the
 * machines.
 *
 * @param machines the machines of this user
 */
public record ServerFiles(Machines machines) {
  private static final Logger LOG = LoggerFactory.getLogger(ServerFiles.class);

  private static final String SOCKET = ".serve.sock";
  private static final String LOG_FILE = ".serve.log";

  /** {@return the socket for requests} */
  public Path socket() {
    return machines.directory().resolve(SOCKET);
  }

  /** {@return the log of the process if it is in the background} */
  public Path log() {
    return machines.directory().resolve(LOG_FILE);
  }

  /**
   * Publishes the socket while no command removes that of a killed server.
   *
   * @param publication moves the socket to its path
   * @throws IOException if that fails
   */
  public void publish(Machines.Change publication) throws IOException {
    machines.exclusively(publication);
  }

  /**
   * Removes the socket that a killed server has left.
   *
   * @throws IOException if it cannot be removed
   */
  public void removeStaleSocket() throws IOException {
    if (Files.exists(socket())) {
      machines.exclusively(this::removeIfStale);
    }
  }

  private void removeIfStale() throws IOException {
    try (Fd _ = UnixSocket.connect(socket())) {
      LOG.debug("{} is served", socket());
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ECONNREFUSED) {
        Files.deleteIfExists(socket());
      }
    }
  }
}
