package org.microvm.transport;

import java.io.EOFException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.security.cert.CertificateException;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;

/** Describes in one line why a connection failed. */
final class TlsFailure {
  /** The messages of the JDK. */
  private static final String NOT_TLS = "Unsupported or unrecognized SSL message";

  private static final Set<String> ENDS = Set.of("Connection reset", "Broken pipe");

  private static final Pattern ALERT = Pattern.compile("Received fatal alert: (\\w+)");
  private static final String PREFIX = "^\\(\\w+\\) ";

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
      case IOException e when isLost(e) -> "the peer closed the connection";
      case SSLException e -> "TLS: " + describeTls(e);
      default -> failure.getMessage();
    };
  }

  /** Whether the peer has closed or reset the connection, without an alert of TLS. */
  static boolean isLost(IOException failure) {
    return isEnd(failure) || isEnd(failure.getCause());
  }

  private static boolean isEnd(Throwable failure) {
    return failure instanceof EOFException
        || (failure instanceof SocketException && ENDS.contains(failure.getMessage()));
  }

  private static String describeTls(SSLException failure) {
    String message = withRoot(failure);
    if (message.contains(NOT_TLS)) {
      return "the peer does not use it, and this side does";
    }
    Matcher alert = ALERT.matcher(message);
    if (alert.find()) {
      boolean certificate = alert.group(1).contains("cert") || alert.group(1).equals("unknown_ca");
      return certificate
          ? "the peer rejected this side's certificate (%s)".formatted(alert.group(1))
          : message;
    }
    return isAboutCertificate(failure)
        ? "this side rejected the peer's certificate: " + message.replaceFirst(PREFIX, "")
        : message;
  }

  private static boolean isAboutCertificate(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof CertificateException) {
        return true;
      }
    }
    return false;
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
