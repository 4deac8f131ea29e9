package org.microvm.qmp;

import java.nio.file.Path;
import java.util.Objects;
import org.microvm.linux.SocketAccess;

/**
 * A unix socket on which a machine is controlled or observed.
 *
 * @param path where the socket's file is created
 * @param access the permissions of the file, and who may connect
 * @param readOnly whether clients may only query the machine and receive its events
 */
public record QmpSocket(Path path, SocketAccess access, boolean readOnly) implements QmpEndpoint {
  /** Checks that nothing is null. */
  public QmpSocket {
    Objects.requireNonNull(path);
    Objects.requireNonNull(access);
  }

  /**
   * Creates a socket on which this process's user and root control the machine.
   *
   * @param path where the socket's file is created
   */
  public QmpSocket(Path path) {
    this(path, SocketAccess.OWNER, false);
  }
}
