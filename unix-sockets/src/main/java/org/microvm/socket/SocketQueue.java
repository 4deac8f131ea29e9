package org.microvm.socket;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

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

  /** What a machine appends to the path of a socket until its guest has arrived. */
  private static final String INCOMING = ".incoming";

  private SocketQueue() {}

  /**
   * Asks whether a client of a server waits while the server has another client.
   *
   * @param path the path of the server's socket, or of a symbolic link to it
   * @return whether this is so; false if it is not known, for example because the server is in
   *     another network namespace
   */
  public static boolean hasSeveral(Path path) {
    Set<String> wanted = names(path);
    boolean waits = false;
    boolean accepted = false;
    try (BufferedReader sockets = Files.newBufferedReader(SOCKETS, StandardCharsets.ISO_8859_1)) {
      for (String line = sockets.readLine(); line != null; line = sockets.readLine()) {
        String[] columns = line.split(" +", COLUMNS);
        if (columns.length == COLUMNS && wanted.contains(columns[PATH])) {
          waits |= columns[STATE].equals(WAITS);
          accepted |= columns[STATE].equals(IS_ACCEPTED);
        }
      }
    } catch (IOException e) {
      return false;
    }
    return waits && accepted;
  }

  /**
   * Returns the paths to which the server may have bound its socket. The socket of a machine whose
   * guest has arrived in a migration was bound to another path and was moved.
   */
  private static Set<String> names(Path path) {
    Set<String> names = new HashSet<>();
    add(names, path);
    try {
      add(names, path.toRealPath());
    } catch (IOException e) {
      // The socket's file was removed.
    }
    return names;
  }

  /** The list contains the bytes of a path, without escapes. */
  private static void add(Set<String> names, Path path) {
    String bytes =
        new String(path.toString().getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    names.add(bytes);
    names.add(bytes + INCOMING);
  }
}
