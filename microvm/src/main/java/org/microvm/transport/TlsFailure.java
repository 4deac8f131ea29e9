package org.microvm.transport;

import java.io.EOFException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import javax.net.ssl.SSLException;

/** Says in a line why a connection did not come about or ended. */
final class TlsFailure {
  private TlsFailure() {}

  /** What the platform says, and the cause at the root of it, which is what a person can mend. */
  static String describe(IOException failure) {
    return switch (failure) {
      case UnknownHostException _ -> "there is no such host";
      case ConnectException e -> e.getMessage() + ": does `run --incoming` wait there?";
      case SocketTimeoutException _ -> "no answer";
      case SSLException e when e.getCause() instanceof EOFException -> lost();
      case EOFException _ -> lost();
      case SSLException e -> "TLS: " + withRoot(e);
      default -> failure.getMessage();
    };
  }

  private static String lost() {
    return "the other side has closed the connection";
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
