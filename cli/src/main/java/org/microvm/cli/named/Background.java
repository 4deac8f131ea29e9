package org.microvm.cli.named;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.microvm.linux.Daemon;

/**
 * Runs this command again in a process of its own session, which stays when this one ends.
 *
 * <p>Standard output and standard error of that process are pipes to this one until its machine
 * runs: it then writes a byte to standard output, and turns both to its log. If it ends earlier,
 * this process has printed its messages and exits with its status.
 */
public final class Background {
  /** A system property of the process in the background. */
  private static final String PROPERTY = "microvm.background";

  private static final Path NULL = Path.of("/dev/null");
  private static final int RUNS = 'R';

  private Background() {}

  /** {@return whether this is the process in the background} */
  public static boolean isThisProcess() {
    return System.getProperty(PROPERTY) != null;
  }

  /**
   * Starts the process in the background, with the command line of this one, and waits until its
   * machine runs.
   *
   * @param err receives the messages of that process until then
   * @return 0, or the status of that process if it ended
   * @throws IOException if it cannot be started
   */
  public static int start(PrintStream err) throws IOException {
    String line = Files.readString(Path.of("/proc/self/cmdline"), NativeText.CHARSET);
    List<String> words = Arrays.asList(line.substring(0, line.length() - 1).split("\0", -1));
    return start(withProperty(words, System.getProperty("sun.java.command", "")), err);
  }

  /** Starts a process that ends at once, for the ahead-of-time cache. */
  public static void rehearse() {
    try {
      start(List.of("/bin/true"), System.err);
    } catch (IOException e) {
      System.err.println("no process was started: " + e.getMessage());
    }
  }

  static int start(List<String> command, PrintStream err) throws IOException {
    Process process = HostProgram.start(new ProcessBuilder(command).redirectInput(NULL.toFile()));
    try {
      process.getErrorStream().transferTo(err);
      err.flush();
      try (InputStream output = process.getInputStream()) {
        int first = output.read();
        if (first == RUNS) {
          return 0;
        }
        if (first >= 0) {
          // The JVM says on standard output why it has failed, such as that memory is short.
          err.write(first);
          output.transferTo(err);
          err.flush();
        }
        return process.waitFor();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while the machine started");
    }
  }

  /**
   * Inserts the property before the main class.
   *
   * @param words the command line of the JVM
   * @param main the main class and its arguments, as in the property {@code sun.java.command}
   */
  static List<String> withProperty(List<String> words, String main) {
    List<String> command = new ArrayList<>(words);
    int at = 1;
    while (at < command.size()
        && !main.equals(command.get(at))
        && !main.startsWith(command.get(at) + " ")) {
      at++;
    }
    if (at == command.size()) {
      throw new IllegalStateException(
          "the command line of this process has no main class: " + words);
    }
    boolean afterOption = List.of("-jar", "-m", "--module").contains(command.get(at - 1));
    command.add(afterOption ? at - 1 : at, "-D" + PROPERTY + "=true");
    return command;
  }

  /** Leaves the session of the process that started this one, if this is one in the background. */
  public static void begin() {
    if (isThisProcess()) {
      Daemon.leaveSession();
    }
  }

  /**
   * Notifies the process that started this one that the machine runs, and redirects the output to a
   * log.
   *
   * @param log is appended to
   * @throws IOException if that process has ended: somebody has given up waiting for the machine
   */
  public static void runs(Path log) throws IOException {
    if (!isThisProcess()) {
      return;
    }
    Daemon.redirectError(log);
    // Not closed: the descriptor is that of standard output.
    FileOutputStream output = new FileOutputStream(FileDescriptor.out);
    output.write(RUNS);
    Daemon.redirectOutput(log);
  }
}
