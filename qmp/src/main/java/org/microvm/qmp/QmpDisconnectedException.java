package org.microvm.qmp;

import java.io.IOException;

/** The server has closed the connection, or its process has ended. */
public final class QmpDisconnectedException extends IOException {
  private static final long serialVersionUID = 1L;

  QmpDisconnectedException(String message) {
    super(message);
  }

  QmpDisconnectedException(String message, Throwable cause) {
    super(message, cause);
  }
}
