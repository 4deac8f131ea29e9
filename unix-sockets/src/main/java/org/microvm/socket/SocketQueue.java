package org.microvm.socket;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The clients of a unix socket whose server accepts one at a time. */
public final class SocketQueue {
  private static final Path SOCKETS = Path.of("/proc/net/unix");

  /** The columns of the list: Num, RefCount, Protocol, Flags, Type, St, Inode and Path. */
  private static final int COLUMNS = 8;

  private static final int STATE = 5;
  private static final int PATH = 7;

  /** SS_CONNECTING of linux/net.h: the server has not accepted the connection. */
  private static final String WAITS = "02";

  /** SS_CONNECTED. */
  private static final String IS_ACCEPTED = "03";

  private SocketQueue() {}

  /**
   * Asks whether a client of a server waits while the server has another client.
   *
   * @param path the path to which the server has bound its socket
   * @return whether this is so; false if it is not known, for example because the server is in
   *     another network namespace
   */
  public static boolean hasSeveral(Path path) {
    // The list contains the bytes of a path, without escapes.
    String wanted =
        new String(path.toString().getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    boolean waits = false;
    boolean accepted = false;
    try (BufferedReader sockets = Files.newBufferedReader(SOCKETS, StandardCharsets.ISO_8859_1)) {
      for (String line = sockets.readLine(); line != null; line = sockets.readLine()) {
        String[] columns = line.split(" +", COLUMNS);
        if (columns.length == COLUMNS && columns[PATH].equals(wanted)) {
          waits |= columns[STATE].equals(WAITS);
          accepted |= columns[STATE].equals(IS_ACCEPTED);
        }
      }
    } catch (IOException e) {
      return false;
    }
    return waits && accepted;
  }
}
