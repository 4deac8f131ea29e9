package org.microvm.cli;

import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;

/**
 * Recognizes failures that the sandbox of a server may have caused. A process of the machine's own
 * may succeed, because it opens what the options name, and makes links, before its sandbox begins.
 */
final class ServerRefusal {
  private ServerRefusal() {}

  /**
   * Returns whether a missing permission, which may be the sandbox's, is why a machine cannot
   * start.
   */
  static boolean isCauseOf(Throwable failure) {
    for (Throwable e = failure; e != null; e = e.getCause()) {
      if (isRefusal(e)) {
        return true;
      }
    }
    return false;
  }

  private static boolean isRefusal(Throwable e) {
    return switch (e) {
      case ErrnoException call -> call.errno() == Errno.EPERM || call.errno() == Errno.EACCES;
      case AccessDeniedException _ -> true;
      // Java has no type for EPERM, and the reason is in the user's language.
      case FileSystemException file -> file.getClass() == FileSystemException.class;
      default -> false;
    };
  }
}
