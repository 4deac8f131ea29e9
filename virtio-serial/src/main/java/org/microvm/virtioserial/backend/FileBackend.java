package org.microvm.virtioserial.backend;

import java.nio.file.Path;
import java.util.Optional;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;

/**
 * Writes to a file, and reads from another if there is one. Files are always ready; a slow disk
 * delays the event loop for as long as the kernel's page cache does not take what is written.
 */
public final class FileBackend extends FixedBackend {
  private final Path path;

  private FileBackend(HostLink link, Path path) {
    super(link);
    this.path = path;
  }

  /**
   * Opens the files.
   *
   * @param path is created if it is not there
   * @param append whether to leave what is in it
   * @param input whose bytes the guest gets
   */
  public static FileBackend open(Path path, boolean append, Optional<Path> input)
      throws ErrnoException {
    Fd in = input.isPresent() ? Fd.open(input.get(), Fd.READ_ONLY, Fd.NON_BLOCKING) : null;
    try {
      int mode = append ? Fd.APPEND : Fd.TRUNCATE;
      Fd out = Fd.open(path, Fd.WRITE_ONLY, Fd.CREATE, Fd.NON_BLOCKING, mode);
      // The end of the input file is not the end of the output.
      return new FileBackend(new HostLink(in, out, true), path);
    } catch (ErrnoException e) {
      if (in != null) {
        in.close();
      }
      throw e;
    }
  }

  @Override
  public String describe() {
    return "file:" + path;
  }
}
