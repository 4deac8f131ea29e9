package org.microvm.linux;

import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/**
 * Describes an exception for a user. The message of a {@link NoSuchFileException} and of similar
 * exceptions is only the file's name.
 */
public final class FailureText {
  private FailureText() {}

  /**
   * {@return the message of an exception, with the reason that its type implies; its class if it
   * has no message}
   *
   * @param failure an exception, maybe of a file
   */
  public static String of(Throwable failure) {
    if (failure instanceof UncheckedIOException unchecked) {
      return of(unchecked.getCause());
    }
    if (failure instanceof FileSystemException file
        && file.getFile() != null
        && file.getReason() == null) {
      return file.getFile() + ": " + reason(file);
    }
    if (failure instanceof ClosedByInterruptException) {
      return "interrupted";
    }
    return failure.getMessage() == null ? failure.toString() : failure.getMessage();
  }

  /**
   * {@return why a file could not be used, without its name}
   *
   * @param failure an exception of a file
   */
  public static String reason(FileSystemException failure) {
    if (failure.getReason() != null) {
      return failure.getReason();
    }
    return switch (failure) {
      case NoSuchFileException _ -> "no such file or directory";
      case AccessDeniedException _ -> "permission denied";
      case FileAlreadyExistsException _ -> "the file exists";
      case NotDirectoryException _ -> "not a directory";
      case DirectoryNotEmptyException _ -> "the directory is not empty";
      default -> failure.getClass().getSimpleName();
    };
  }
}
