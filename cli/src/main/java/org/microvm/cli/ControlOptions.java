package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.microvm.cli.named.MachineFiles;
import org.microvm.linux.SocketMode;
import org.microvm.machine.Machine;
import org.microvm.machine.config.MachineEnd;
import org.microvm.qmp.MachineTarget;
import org.microvm.qmp.QmpServer;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import picocli.CommandLine.Model.OptionSpec;

/** The options of the control socket, and the socket itself. */
final class ControlOptions {
  private static final String PREFIX = "unix:";
  private static final long END_SECONDS = 10;

  private final OptionSpec qmp =
      Options.text("OPTIONS", "QMP control socket: unix:PATH,server=on,wait=off", "--qmp", "-qmp")
          .build();

  private final OptionSpec name =
      Options.text(
              "NAME",
              "name of the machine: `microvm list`, `console`, `stop`, `agent` and others find it by"
                  + " this name, and query-name reports it",
              "--name",
              "-name")
          .build();

  private Machine machine;
  private QmpServer server;

  /** The values of the options. */
  private record Socket(Path path, boolean waits, SocketMode mode) {}

  /** The options, in the order of the help. */
  List<OptionSpec> all() {
    return List.of(qmp, name);
  }

  /**
   * Opens the control socket of a machine that is not started yet, if {@code --qmp} was given or
   * the machine has a name. With {@code wait=on} returns once a client has connected or the socket
   * was closed.
   *
   * @param files of the machine; null if it has no name
   */
  void open(Machine ofMachine, ChannelOptions channels, MachineFiles files) throws IOException {
    String where = qmp.getValue();
    if (where == null && files == null) {
      return;
    }
    Socket socket =
        where == null
            ? new Socket(files.control(), false, SocketMode.OWNER)
            : ChannelOptions.read("--qmp", where, ControlOptions::parse);
    MachineTarget target =
        new MachineTarget(
            ofMachine, name.getValue(), () -> ExitStatsFile.json(ofMachine.statistics()));
    QmpServer opened;
    synchronized (this) {
      machine = ofMachine;
      try {
        opened =
            QmpServer.listen(
                socket.path(),
                socket.mode(),
                target,
                channels.register(ofMachine),
                Version.number());
      } catch (IOException e) {
        throw new IOException("--qmp " + e.getMessage(), e);
      }
      server = opened;
    }
    target.report(opened);
    if (socket.waits()) {
      await(opened);
    }
    if (where != null && files != null) {
      Files.createSymbolicLink(files.control(), socket.path().toAbsolutePath());
    }
  }

  private static Socket parse(OptionList options) throws OptionException {
    String where = options.kind();
    if (!where.startsWith(PREFIX) || where.length() == PREFIX.length()) {
      throw new OptionException("%s is not unix:PATH".formatted(where));
    }
    boolean server = options.takeFlag("server", false);
    boolean wait = options.takeFlag("wait", true);
    SocketMode mode = ChardevOptions.mode(options.take("mode"));
    options.finish();
    if (!server) {
      throw new OptionException("needs server=on: the machine listens, its clients connect");
    }
    try {
      return new Socket(Path.of(where.substring(PREFIX.length())), wait, mode);
    } catch (InvalidPathException e) {
      throw new OptionException("%s is not unix:PATH: %s".formatted(where, e.getReason()));
    }
  }

  private static void await(QmpServer server) {
    try {
      server.firstClient().join();
    } catch (CancellationException | CompletionException e) {
      // The server was closed first, because the process is ending.
    }
  }

  /** The value of {@code --name}, or null. */
  String name() {
    return name.getValue();
  }

  /** Whether there is a control socket. */
  synchronized boolean isOpen() {
    return server != null;
  }

  /** Ends the machine, notifies the clients once it has ended, and disconnects them. */
  synchronized void close() {
    if (server != null) {
      machine.stop();
      MachineTarget.reportEnd(server, machine.isStarted() ? end() : new MachineEnd.Stopped());
      server.close();
    }
  }

  private MachineEnd end() {
    MachineEnd late = new MachineEnd.Failed("the vCPUs did not stop");
    return machine.end().completeOnTimeout(late, END_SECONDS, TimeUnit.SECONDS).join();
  }
}
