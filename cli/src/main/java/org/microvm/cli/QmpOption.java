package org.microvm.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.microvm.linux.SocketAccess;
import org.microvm.qmp.QmpSocket;
import org.microvm.sandbox.FileRules;
import org.microvm.virtioserial.options.AccessOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import picocli.CommandLine.Model.OptionSpec;

/** The option {@code --qmp}, each of whose values is a control socket. */
final class QmpOption {
  private static final String PREFIX = "unix:";

  private final OptionSpec spec =
      Options.texts(
          "OPTIONS",
          "QMP control socket: unix:PATH,server=on,wait=off, optionally with mode=0660, allow-uid=N,"
              + " allow-gid=N, and readonly=on for clients that may only observe",
          "--qmp",
          "-qmp");

  /**
   * A control socket.
   *
   * @param address where it is, and who may use it
   * @param waits whether the machine starts only after a client has connected
   */
  record Socket(QmpSocket address, boolean waits) {}

  /** The option, for the help. */
  OptionSpec spec() {
    return spec;
  }

  /** Whether the option was given. */
  boolean isGiven() {
    return !Options.all(spec).isEmpty();
  }

  /**
   * Reads the values.
   *
   * @throws UsageException if one is not accepted
   */
  List<Socket> sockets() {
    List<Socket> sockets = new ArrayList<>();
    for (String value : Options.all(spec)) {
      sockets.add(ChannelOptions.read("--qmp", value, QmpOption::parse));
    }
    return sockets;
  }

  /**
   * Checks the values, before a machine is made.
   *
   * @throws UsageException if one is not accepted
   */
  void check() {
    Set<Path> paths = new HashSet<>();
    for (Socket socket : sockets()) {
      Path path = socket.address().path();
      if (!paths.add(path.toAbsolutePath().normalize())) {
        throw new UsageException("--qmp unix:%s is given twice".formatted(path));
      }
    }
  }

  /** Adds the sockets, if there are any, to what the process may use. */
  void addTo(FileRules rules) {
    sockets().forEach(socket -> rules.createAt(socket.address().path()));
  }

  private static Socket parse(OptionList options) throws OptionException {
    String where = options.kind();
    if (!where.startsWith(PREFIX) || where.length() == PREFIX.length()) {
      throw new OptionException("%s is not unix:PATH".formatted(where));
    }
    boolean server = options.takeFlag("server", false);
    boolean wait = options.takeFlag("wait", true);
    boolean readOnly = options.takeFlag("readonly", false);
    SocketAccess access = AccessOptions.take(options);
    options.finish();
    if (!server) {
      throw new OptionException("needs server=on: the machine listens, its clients connect");
    }
    try {
      Path path = Path.of(where.substring(PREFIX.length()));
      return new Socket(new QmpSocket(path, access, readOnly), wait);
    } catch (InvalidPathException e) {
      throw new OptionException("%s is not unix:PATH: %s".formatted(where, e.getReason()));
    }
  }
}
