package org.microvm.virtioserial.backend;

import java.nio.file.Path;
import java.util.Optional;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;

/**
 * A backend that writes to a file and optionally reads from another one. Files are always ready; a
 * slow disk delays the event loop as long as the kernel's page cache accepts no more data.
 */
public final class FileBackend extends FixedBackend {
  private final Path path;

  private FileBackend(HostConnection connection, Path path) {
    super(connection);
    this.path = path;
  }

  /**
   * Opens the files.
   *
   * @param path the output file, which is created if it does not exist
   * @param append whether to keep the content of the output file
   * @param input the file whose bytes the guest receives
   * @return the backend, which a port owns and closes
   * @throws ErrnoException if a file cannot be opened or created
   */
  public static FileBackend open(Path path, boolean append, Optional<Path> input)
      throws ErrnoException {
    Fd in = input.isPresent() ? Fd.open(input.get(), Fd.READ_ONLY, Fd.NON_BLOCKING) : null;
    try {
      int mode = append ? Fd.APPEND : Fd.TRUNCATE;
      Fd out = Fd.open(path, Fd.WRITE_ONLY, Fd.CREATE, Fd.NON_BLOCKING, mode);
      // The end of the input file is not the end of the output.
      return new FileBackend(new HostConnection(in, out, true), path);
    } catch (ErrnoException | RuntimeException | Error e) {
      if (in != null) {
        in.close();
      }
      throw e;
    }
  }

  /**
   * Writes to a file that another process has opened.
   *
   * @param file a descriptor for writing, which the backend owns
   * @param path how the user names it
   * @return the backend, which a port owns and closes
   */
  public static FileBackend of(Fd file, Path path) {
    return new FileBackend(new HostConnection(null, file, true), path);
  }

  @Override
  public String describe() {
    return "file:" + path;
  }
}
