package org.microvm.cli;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.microvm.linux.FailureText;
import org.microvm.machine.config.GuestImages;

/** Describes what is wrong with a file. */
final class FileProblem {
  /** The file type of {@code st_mode}, and that of a socket: inode(7). */
  private static final int TYPE = 0170000;

  private static final int SOCKET = 0140000;

  private FileProblem() {}

  /**
   * Returns an exception that names the option of the file.
   *
   * @param option such as {@code --symbols}
   * @param file its value
   * @param e what failed
   */
  static IOException of(String option, Path file, IOException e) {
    String text = FailureText.of(e);
    return new IOException(
        option + " " + (text.startsWith(file + ": ") ? text : file + ": " + text), e);
  }

  /**
   * Checks that a file can be written, before a command begins the work whose results the file gets
   * at the end.
   *
   * @param option such as {@code --exit-stats}
   * @param file its value; null if it was not given
   * @throws IOException if the file cannot be written, as far as is known
   */
  static void checkOutput(String option, Path file) throws IOException {
    if (file == null) {
      return;
    }
    String what = option + " " + file + ": ";
    if (Files.exists(file)) {
      if (Files.isDirectory(file)) {
        throw new IOException(what + "is a directory");
      }
      if (!Files.isWritable(file)) {
        throw new IOException(what + "permission denied");
      }
      return;
    }
    Path directory = file.toAbsolutePath().getParent();
    try {
      Files.getLastModifiedTime(directory);
    } catch (NoSuchFileException e) {
      throw new IOException(what + "the directory " + directory + " does not exist", e);
    } catch (FileSystemException e) {
      throw new IOException(what + directory + ": " + FailureText.reason(e), e);
    }
    if (!Files.isDirectory(directory)) {
      throw new IOException(what + directory + " is not a directory");
    }
    if (!Files.isWritable(directory)) {
      throw new IOException(what + "no file can be created in " + directory);
    }
  }

  /**
   * Says why the guest images cannot be used; empty if they can, or one of them is missing.
   *
   * @param images of which one is not there or cannot be read
   */
  static Optional<String> unreadable(GuestImages images) {
    for (Path file : List.of(images.kernel(), images.disk(), images.commandLineFile())) {
      try {
        Files.newByteChannel(file).close();
      } catch (NoSuchFileException e) {
        return Optional.empty();
      } catch (IOException e) {
        return Optional.of(FailureText.of(e));
      }
    }
    return Optional.empty();
  }

  /**
   * Checks that a file is a unix socket, before a command connects to it.
   *
   * @param option such as {@code --qmp}
   * @param file its value
   * @throws IOException if it is none
   */
  static void checkSocket(String option, Path file) throws IOException {
    String what = option + " " + file + ": ";
    int mode;
    try {
      mode = (Integer) Files.getAttribute(file, "unix:mode");
    } catch (NoSuchFileException e) {
      throw new IOException(what + "there is no such socket", e);
    } catch (FileSystemException e) {
      throw new IOException(what + FailureText.reason(e), e);
    }
    if ((mode & TYPE) != SOCKET) {
      throw new IOException(what + "is not a socket");
    }
  }
}
