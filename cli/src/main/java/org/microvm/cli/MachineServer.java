package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.microvm.cli.named.MachineName;
import org.microvm.cli.named.Machines;
import org.microvm.cli.serve.RequestSocket;
import org.microvm.cli.serve.ServerAnswer;
import org.microvm.cli.serve.ServerClient;
import org.microvm.cli.serve.ServerFiles;
import org.microvm.cli.serve.ServerLimits;
import org.microvm.cli.serve.ServerRequest;
import org.microvm.linux.FailureText;
import org.microvm.machine.ChannelWarmup;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.runtime.VmmRuntime;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The machines of a server, and what is done for each request. Besides {@code run} and {@code
 * restore}, requests are {@code stop}, and those by which a new server replaces this one:
 *
 * <ol>
 *   <li>The new server takes the path of the socket and asks this one for {@code handover}.
 *   <li>For each machine this one asks the new one to {@code receive} it, whose answer is the
 *       socket on which its guest is awaited. The guest migrates there.
 *   <li>This one closes the sockets of the machine, unlocks its name and asks the new one to {@code
 *       adopt} it.
 * </ol>
 *
 * A machine that cannot move stays here: the new server gets the request {@code forget}, and this
 * one ends with the last of those.
 */
final class MachineServer implements RequestSocket.Handler, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(MachineServer.class);

  static final String STOP = "stop";
  static final String HANDOVER = "handover";
  private static final String RECEIVE = "receive";
  private static final String ADOPT = "adopt";
  private static final String FORGET = "forget";

  private final Machines machines;
  private final ServerLimits limits;
  private final VmmRuntime runtime;
  private final ServedMachine.Shared shared;
  private final Map<MachineName, ServedMachine> served = new ConcurrentHashMap<>();
  private final ArrivingMachines arriving;
  private final CompletableFuture<Void> ended = new CompletableFuture<>();

  /** Completes when no machine of an earlier server arrives any more. */
  private final CompletableFuture<Void> complete = new CompletableFuture<>();

  private RequestSocket socket;
  private boolean replaced;
  private boolean handedOver;
  private boolean closed;
  private boolean released;

  private MachineServer(Machines machines, ServerLimits limits, VmmRuntime runtime) {
    this.machines = machines;
    this.limits = limits;
    this.runtime = runtime;
    shared = new ServedMachine.Shared(runtime, new LimitedRoom());
    arriving = new ArrivingMachines(machines, shared, this::add, this::finish);
  }

  private final class LimitedRoom implements ServedMachine.Room {
    @Override
    public void take(long guestBytes) throws IOException {
      synchronized (limits) {
        limits.add(guestBytes);
      }
    }

    @Override
    public void give(long guestBytes) {
      synchronized (limits) {
        limits.remove(guestBytes);
      }
    }
  }

  /**
   * Starts a server.
   *
   * @param replace whether an earlier server hands its machines over
   * @param err receives messages about machines that stay there
   * @throws IOException if a server runs already and is not to be replaced
   */
  static MachineServer open(Machines machines, ServerLimits limits, boolean replace, Appendable err)
      throws IOException {
    ServerFiles files = new ServerFiles(machines);
    Path path = files.socket();
    try (ServerClient earlier = earlier(path)) {
      if (earlier != null && !replace) {
        throw new IOException(
            "a server of this user listens on %s already: --replace takes its machines over"
                .formatted(path));
      }
      MachineServer server = new MachineServer(machines, limits, VmmRuntime.open());
      try {
        server.socket = RequestSocket.open(path, server);
        files.publish(server.socket::publish);
      } catch (IOException | RuntimeException | Error e) {
        server.close();
        throw e;
      }
      if (earlier != null) {
        server.takeOver(earlier, err);
      }
      server.complete.complete(null);
      return server;
    }
  }

  /** Moves the machines of an earlier server here, as far as possible. */
  private void takeOver(ServerClient earlier, Appendable err) throws IOException {
    String message;
    try {
      message = earlier.ask(ServerRequest.ofServer(List.of(HANDOVER))).message();
    } catch (IOException e) {
      // The machines that have arrived must not end because that server has.
      message =
          "microvm: the earlier server did not complete the handover: %s%n".formatted(line(e));
    }
    arriving.callOffAll();
    err.append(message);
  }

  /** Connects to the server that listens there; null if there is none. */
  private static ServerClient earlier(Path path) {
    try {
      return ServerClient.connect(path);
    } catch (IOException none) {
      return null;
    }
  }

  /** Returns once the server has been stopped, or was replaced and has no machines left. */
  void await() {
    DelayedWarmup.start("channel-warmup", ended, ChannelWarmup::runForRuntime);
    ended.join();
  }

  @Override
  public ServerAnswer answer(ServerRequest request) {
    List<String> words = request.words();
    try {
      return switch (words.getFirst()) {
        case STOP -> stop();
        case HANDOVER -> handOver();
        case RECEIVE ->
            arriving.receive(new MachineName(words.get(1)), words.subList(2, words.size()));
        case ADOPT -> arriving.adopt(new MachineName(words.get(1)));
        case FORGET -> arriving.callOff(new MachineName(words.get(1)));
        default -> start(request);
      };
    } catch (UsageException e) {
      // A process of the machine's own reports the error, with the status of a usage error.
      return ServerAnswer.ownProcess();
    } catch (IOException | MachineException | RuntimeException | OutOfMemoryError e) {
      // The JVM also throws an OutOfMemoryError if it cannot create a thread.
      return ServerAnswer.failed("microvm: " + line(e) + "\n");
    }
  }

  /** Returns what went wrong, in one line without control characters. */
  static String line(Throwable e) {
    String text = e.getMessage() == null ? e.toString() : e.getMessage();
    return GuestText.line(text);
  }

  private ServerAnswer start(ServerRequest request) throws IOException, MachineException {
    boolean same = request.home().equals(System.getProperty("microvm.home", ""));
    Optional<ServedOptions> options =
        same
            ? ServedOptions.parse(request.words(), request.directory())
            : Optional.<ServedOptions>empty();
    synchronized (this) {
      if (replaced || closed || options.isEmpty()) {
        return ServerAnswer.ownProcess();
      }
    }
    ServedMachine machine;
    try {
      machine = ServedMachine.start(options.get(), machines, shared);
    } catch (IOException | MachineException e) {
      if (ServerRefusal.isCauseOf(e)) {
        return ServerAnswer.ownProcess();
      }
      throw e;
    }
    add(machine);
    return ServerAnswer.done(machine.warning());
  }

  private void add(ServedMachine machine) {
    synchronized (this) {
      if (!closed) {
        served.put(machine.name(), machine);
      }
    }
    machine.machine().end().thenRun(() -> finishLater(machine));
    if (isClosed()) {
      finish(machine);
    }
  }

  private synchronized boolean isClosed() {
    return closed;
  }

  /** Finishes a machine on another thread, or on this one if none can be created. */
  private void finishLater(ServedMachine machine) {
    try {
      later(() -> finish(machine));
    } catch (OutOfMemoryError noThread) {
      finish(machine);
    }
  }

  /** Runs a task for which no request waits. */
  static void later(Runnable work) {
    Thread.ofPlatform().daemon().name("serve-end").start(work);
  }

  private void finish(ServedMachine machine) {
    try {
      machine.finish();
    } catch (IOException | RuntimeException | Error e) {
      LOG.warn("{}: {}", machine.name(), FailureText.of(e));
    } finally {
      forget(machine);
    }
  }

  private synchronized void forget(ServedMachine machine) {
    if (machine.isFinished()) {
      served.remove(machine.name(), machine);
    }
    endIfReplaced();
  }

  private synchronized void endIfReplaced() {
    if (handedOver && served.isEmpty()) {
      ended.complete(null);
    }
  }

  @Override
  public void answered(ServerRequest request) {
    switch (request.words().getFirst()) {
      case STOP -> ended.complete(null);
      case HANDOVER -> {
        synchronized (this) {
          handedOver = true;
        }
        endIfReplaced();
      }
      default -> {}
    }
  }

  @Override
  public void unanswered(ServerRequest request, ServerAnswer answer) {
    answered(request);
    if (answer.status() != 0) {
      return;
    }
    if (request.words().getFirst().equals(RECEIVE)) {
      // The server that asked has ended, so no guest comes.
      arriving.callOff(new MachineName(request.words().get(1)));
    } else {
      // Somebody has given up waiting for the machine that was started.
      ServedOptions.parse(request.words(), request.directory())
          .map(options -> served.get(options.name()))
          .ifPresent(this::finish);
    }
  }

  private ServerAnswer stop() {
    int count = served.size();
    endAll();
    return ServerAnswer.done(
        "microvm: the server has ended; machines ended with it: %d\n".formatted(count));
  }

  private ServerAnswer handOver() {
    // A machine that is moving here now may arrive here or at the newest server.
    complete.join();
    synchronized (this) {
      replaced = true;
    }
    StringBuilder message = new StringBuilder();
    for (ServedMachine machine : new ArrayList<>(served.values())) {
      try {
        move(machine);
      } catch (IOException | MachineException | RuntimeException | OutOfMemoryError e) {
        message.append(
            "microvm: %s stays in the process %d: %s%n"
                .formatted(machine.name(), ProcessHandle.current().pid(), line(e)));
      }
      forget(machine);
    }
    return ServerAnswer.done(message.toString());
  }

  private void move(ServedMachine machine) throws IOException, MachineException {
    List<String> words = new ArrayList<>(List.of(RECEIVE, machine.name().text()));
    words.addAll(machine.words());
    ask(words);
    try {
      machine.handOver(machine.address(), () -> ask(List.of(ADOPT, machine.name().text())));
    } catch (IOException | MachineException | RuntimeException | Error e) {
      ask(List.of(FORGET, machine.name().text()));
      throw e;
    }
  }

  /** Sends a request to the server that replaces this one. */
  private void ask(List<String> words) throws IOException {
    try (ServerClient other = ServerClient.connect(new ServerFiles(machines).socket())) {
      ServerAnswer answer = other.ask(ServerRequest.ofServer(words));
      if (answer.status() != 0) {
        throw new IOException(answer.message().replaceFirst("^microvm: ", "").strip());
      }
    }
  }

  private void endAll() {
    List<ServedMachine> all;
    synchronized (this) {
      closed = true;
      all = List.copyOf(served.values());
    }
    // Stopped and closed together first, because most of a close is a wait for the kernel.
    all.forEach(machine -> machine.machine().stop());
    all.parallelStream().forEach(this::finish);
  }

  /** Ends all machines and the server. A second call does nothing. */
  @Override
  public void close() {
    endAll();
    synchronized (this) {
      if (released) {
        return;
      }
      released = true;
    }
    if (socket != null) {
      socket.close();
    }
    try {
      runtime.close();
    } catch (IllegalStateException e) {
      // A machine is just starting: it ends with the process.
    }
    ended.complete(null);
  }
}
