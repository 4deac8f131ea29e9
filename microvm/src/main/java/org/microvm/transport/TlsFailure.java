package org.microvm.transport;

import java.io.EOFException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import javax.net.ssl.SSLException;

/** Describes in one line why a connection failed. */
final class TlsFailure {
  private TlsFailure() {}

  /**
   * Returns the message of the failure and, for TLS, that of its root cause, which is what the user
   * can fix.
   */
  static String describe(IOException failure) {
    return switch (failure) {
      case UnknownHostException _ -> "unknown host";
      case ConnectException e -> e.getMessage() + ": is `run --incoming` listening there?";
      case SocketTimeoutException _ -> "the connection timed out";
      case SSLException e when e.getCause() instanceof EOFException -> lost();
      case EOFException _ -> lost();
      case SSLException e -> "TLS: " + withRoot(e);
      default -> failure.getMessage();
    };
  }

  private static String lost() {
    return "the peer closed the connection";
  }

  private static String withRoot(SSLException failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String message = String.valueOf(failure.getMessage());
    String cause = String.valueOf(root.getMessage());
    return root == failure || message.contains(cause) ? message : message + ": " + cause;
  }
}
