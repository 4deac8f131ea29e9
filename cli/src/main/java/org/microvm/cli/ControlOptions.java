package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.microvm.cli.named.Background;
import org.microvm.cli.named.MachineFiles;
import org.microvm.linux.SocketAccess;
import org.microvm.machine.Machine;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.qmp.AwaitedGuest;
import org.microvm.qmp.ChannelRegistry;
import org.microvm.qmp.MachineFacts;
import org.microvm.qmp.MachineTarget;
import org.microvm.qmp.QmpEndpoint;
import org.microvm.qmp.QmpServer;
import org.microvm.qmp.QmpSocket;
import org.microvm.qmp.QmpTarget;
import org.microvm.sandbox.FileRules;
import picocli.CommandLine.Model.OptionSpec;

/** The options of the control socket, and the socket itself. */
final class ControlOptions {
  private static final long END_SECONDS = 10;

  private final QmpOption qmp = new QmpOption();

  private final OptionSpec name =
      Options.text(
              "NAME",
              "name of the machine: `microvm list`, `console`, `stop`, `agent` and others find it by"
                  + " this name, and query-name reports it",
              "--name",
              "-name")
          .build();

  private final RunExtras extras;
  private SnapshotKey snapshotKey = new SnapshotKey(null);
  private Machine machine;
  private QmpServer server;
  private QmpServer awaiting;
  private MachineFiles files;
  private Optional<Path> pidFile = Optional.empty();
  private boolean closed;

  ControlOptions() {
    this(new RunExtras());
  }

  /**
   * @param extras further endpoints, and the name that clients see
   */
  ControlOptions(RunExtras extras) {
    this.extras = extras;
  }

  /** The options, in the order of the help. */
  List<OptionSpec> all() {
    return List.of(qmp.spec(), name);
  }

  /** Gives the machine a name, and with it a control socket; null for none. */
  void name(MachineFiles ofMachine) {
    files = ofMachine;
  }

  /** Whether {@code --qmp} was given or the machine has a name. */
  boolean isRequested() {
    return files != null || qmp.isGiven() || !extras.monitors().isEmpty();
  }

  /**
   * Checks the options, before a machine is made.
   *
   * @throws UsageException if one is not accepted
   */
  void check() {
    qmp.check();
  }

  /**
   * Reads the key that snapshots need later. Call it while the process still has access to all
   * files of its user.
   */
  void prepare() {
    if (isRequested()) {
      snapshotKey = SnapshotKey.ofUser();
    }
  }

  /**
   * Opens the control sockets of a machine that is not started yet, if {@code --qmp} was given or
   * the machine has a name; the chardev of the UART may be null. With {@code wait=on} returns once
   * a client has connected or the sockets were closed.
   */
  void open(Machine ofMachine, ChannelOptions channels, UartChannel uart) throws IOException {
    if (!isRequested()) {
      return;
    }
    MachineTarget target =
        new MachineTarget(
            ofMachine,
            label(),
            () -> ExitStatsFile.json(ofMachine.statistics()),
            snapshotKey::seal);
    target.identify(extras.uuid());
    if (extras.qemuVersion().isPresent()) {
      target.behaveAsQemu();
    }
    if (uart != null) {
      target.serialLine(uart.id(), uart::describe);
    }
    QmpServer present;
    synchronized (this) {
      machine = ofMachine;
      present = server;
    }
    if (present == null) {
      if (extras.isPaused()) {
        target.startAtResume();
      }
      QmpServer created = create(target, channels.register(ofMachine));
      target.report(created);
      listen(created);
    } else {
      present.arrived(target, channels.register(ofMachine));
      target.report(present);
    }
  }

  /**
   * Creates the server for a machine whose guest is awaited, if {@code --qmp} was given or the
   * machine has a name. {@link #listenIncoming} follows, and {@link #open} when the guest has
   * arrived. Call this before the process listens for the source, which would wait for it.
   */
  void createIncoming(MachineConfig config, IncomingWait wait) throws IOException {
    if (!isRequested()) {
      return;
    }
    boolean asQemu = extras.qemuVersion().isPresent();
    AwaitedGuest guest =
        new ArrivingGuest(MachineFacts.of(config), label(), extras.uuid(), wait, asQemu);
    awaiting = create(guest, new ChannelRegistry());
  }

  /** Opens the control sockets of the server that {@link #createIncoming} has created. */
  void listenIncoming() throws IOException {
    if (awaiting != null) {
      listen(awaiting);
    }
  }

  /** Serves the control sockets without a machine, until a client sends {@code quit}. */
  void serveWithoutGuest() throws Exception {
    if (extras.monitors().isEmpty()) {
      throw new IOException("without a machine and without -qmp there is nothing to do");
    }
    Shutdown shutdown =
        new Shutdown(
            () -> {
              close();
              PidFile.remove(pidFile);
            },
            extras.areSignalsSuccess());
    shutdown.interruptBy(this::close);
    try {
      AwaitedGuest guest = new MissingGuest(label(), extras.uuid());
      shutdown.during(() -> listen(create(guest, new ChannelRegistry())));
      shutdown.during(() -> pidFile = PidFile.write(extras.pidFile()));
      if (extras.isBackground()) {
        Background.runs(Path.of("/dev/null"));
      }
      awaitQuit();
    } finally {
      shutdown.run();
    }
  }

  private QmpServer create(QmpTarget target, ChannelRegistry registry) throws IOException {
    return QmpServer.create(target, registry, version());
  }

  /**
   * Opens the control sockets and serves their clients; with {@code wait=on} returns once a client
   * has connected.
   */
  private void listen(QmpServer created) throws IOException {
    List<QmpOption.Socket> sockets = new ArrayList<>(qmp.sockets());
    if (files != null) {
      QmpSocket own = new QmpSocket(files.control(), SocketAccess.OWNER, false);
      sockets.add(new QmpOption.Socket(own, false));
    }
    List<QmpEndpoint> endpoints = new ArrayList<>(extras.monitors());
    sockets.forEach(socket -> endpoints.add(socket.address()));
    synchronized (this) {
      if (closed) {
        created.close();
        return;
      }
      try {
        created.listen(endpoints);
      } catch (IOException e) {
        throw new IOException("--qmp " + e.getMessage(), e);
      }
      server = created;
    }
    ClientWait.watch(created.readyToBoot(), List.of("a control socket"));
    await(created.readyToBoot());
    List<String> awaited =
        sockets.stream()
            .filter(QmpOption.Socket::waits)
            .map(socket -> "--qmp " + socket.address().path())
            .toList();
    if (!awaited.isEmpty()) {
      ClientWait.watch(created.firstClient(), awaited);
      await(created.firstClient());
    }
  }

  /** Completes when a client has sent {@code quit}; never if there is no control socket. */
  CompletableFuture<Void> quitRequested() {
    synchronized (this) {
      return server == null ? new CompletableFuture<>() : server.quitRequested();
    }
  }

  /** Tells the clients how the machine has ended, while the process stays. */
  void reportEnd(MachineEnd end) {
    synchronized (this) {
      MachineTarget.reportEnd(server, end);
    }
  }

  /** Waits until a client has sent {@code quit}, or the socket was closed. */
  void awaitQuit() {
    try {
      quitRequested().join();
    } catch (CancellationException | CompletionException e) {
      // The process is ending.
    }
  }

  /** Adds the sockets, if there are any, to what the process may use. */
  void addTo(FileRules rules) {
    qmp.addTo(rules);
  }

  /**
   * The version to report to clients, and the name of the package if the version is another
   * program's.
   */
  private String version() {
    return extras
        .qemuVersion()
        .map(qemu -> qemu + " microvm " + Version.number())
        .orElse(Version.number());
  }

  private static void await(CompletableFuture<Void> client) {
    try {
      client.join();
    } catch (CancellationException | CompletionException e) {
      // The server was closed first, because the process is ending.
    }
  }

  /** The machine's name for clients, or null. */
  private String label() {
    return extras.label().orElse(name.getValue());
  }

  /** The value of {@code --name}, or null. */
  String name() {
    return name.getValue();
  }

  /** Whether there is a control socket. */
  synchronized boolean isOpen() {
    return server != null;
  }

  /**
   * Ends the machine, notifies the clients once it has ended, and disconnects them. Later the
   * sockets are not opened any more.
   */
  synchronized void close() {
    closed = true;
    if (server != null) {
      MachineEnd end = new MachineEnd.Stopped();
      if (machine != null) {
        machine.stop();
        end = machine.isStarted() ? end() : end;
      }
      MachineTarget.reportEnd(server, end);
      server.close();
    }
  }

  private MachineEnd end() {
    MachineEnd late = new MachineEnd.Failed("the vCPUs did not stop");
    return machine.end().completeOnTimeout(late, END_SECONDS, TimeUnit.SECONDS).join();
  }
}
