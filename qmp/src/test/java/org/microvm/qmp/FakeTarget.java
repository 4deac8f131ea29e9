package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.machine.config.Topology;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.virtioserial.SerialConfig;
import org.microvm.virtioserial.SerialDevice;

/** A machine without a guest: its channels are real, and the test sets its state. */
public final class FakeTarget implements QmpTarget, AutoCloseable {
  private final EventLoop loop;
  private final SerialDevice serial;
  volatile RunState state = RunState.RUNNING;
  volatile int resets;

  /** What {@link #pause} throws; null for nothing. */
  volatile LinkageError fault;

  volatile boolean powerButton;
  volatile MachineFacts facts = new MachineFacts(64 << 20, Topology.ofCores(1), List.of(), false);

  volatile Map<String, String> serialLines = Map.of();
  volatile Optional<UUID> generation = Optional.empty();

  final FakeAccess access = new FakeAccess();

  /** Called on the thread that asks for the access. */
  volatile Runnable onAccess = () -> {};

  /** Thrown by a dump, or null. */
  volatile Error dumpFailure;

  volatile boolean asQemu;

  /** What a machine that is being saved waits for, in calls that take its locks. */
  volatile CountDownLatch busy = new CountDownLatch(0);

  /** Where the machine reports its events, as a machine does; null for nowhere. */
  volatile QmpServer server;

  /** Creates a machine without channels. */
  public FakeTarget() throws ErrnoException {
    this(SerialConfig.defaults());
  }

  /** Creates a machine without channels, with a serial device of this kind. */
  FakeTarget(SerialConfig config) throws ErrnoException {
    loop = EventLoop.open("fake-machine");
    serial = new SerialDevice(loop, config);
    loop.start();
  }

  @Override
  public Optional<String> name() {
    return Optional.of("fake");
  }

  @Override
  public Map<String, String> serialLines() {
    return serialLines;
  }

  @Override
  public RunState state() {
    return state;
  }

  @Override
  public void pause() throws IOException {
    awaitTurn();
    if (fault != null) {
      throw fault;
    }
    if (state == RunState.SHUTDOWN) {
      throw new IOException("the guest has ended");
    }
    state = RunState.PAUSED;
    report(QmpServer::stopped);
  }

  @Override
  public void resume() {
    awaitTurn();
    state = RunState.RUNNING;
    report(QmpServer::resumed);
  }

  private void awaitTurn() {
    try {
      busy.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private void report(Consumer<QmpServer> event) {
    if (server != null) {
      event.accept(server);
    }
  }

  @Override
  public boolean pressPowerButton() {
    report(QmpServer::powerButtonPressed);
    return powerButton;
  }

  @Override
  public void snapshot(Path directory, UnaryOperator<List<String>> options) throws IOException {
    awaitTurn();
    if (state == RunState.SHUTDOWN) {
      throw new IOException("only a running or paused machine can be saved");
    }
    Files.createDirectory(directory);
  }

  @Override
  public void snapshotDiff(Path directory, Path base, UnaryOperator<List<String>> options)
      throws IOException {
    awaitTurn();
    throw new IOException("written pages are not tracked");
  }

  @Override
  public void snapshotAndQuit(
      Path directory, Path base, UnaryOperator<List<String>> options, Runnable onSaved)
      throws IOException {
    if (base == null) {
      snapshot(directory, options);
    } else {
      snapshotDiff(directory, base, options);
    }
    onSaved.run();
    quit();
  }

  @Override
  public void dumpMemory(Fd file) throws IOException {
    awaitTurn();
    if (dumpFailure != null) {
      throw dumpFailure;
    }
    try (Arena arena = Arena.ofConfined()) {
      ErrnoException.check(file.write(arena.allocateFrom("memory")), "write", file);
    }
  }

  @Override
  public void migrate(MigrationAddress destination, MigrationLimits limits, MigrationMemory memory)
      throws IOException {
    awaitTurn();
    if (destination instanceof MigrationAddress.Passed passed) {
      passed.socket().close();
      throw new IOException("a socket was passed");
    }
    throw new IOException(
        "migration", new ErrnoException("connect to " + destination, Errno.ENOENT));
  }

  @Override
  public Optional<Migration> migration() {
    return Optional.empty();
  }

  @Override
  public void reset() {
    awaitTurn();
    resets++;
    // A machine starts again on a thread of its own.
    CompletableFuture.runAsync(() -> report(to -> to.reset(false))).join();
  }

  @Override
  public void quit() {
    awaitTurn();
    state = RunState.SHUTDOWN;
    report(to -> to.ended(false, "host-signal"));
  }

  @Override
  public GuestAccess access() {
    onAccess.run();
    access.turn = this::awaitTurn;
    return access;
  }

  @Override
  public boolean isAsQemu() {
    return asQemu;
  }

  @Override
  public SerialDevice channels() {
    return serial;
  }

  @Override
  public EventLoop eventLoop() {
    return loop;
  }

  @Override
  public Optional<UUID> generation() {
    return generation;
  }

  @Override
  public MachineFacts facts() {
    return facts;
  }

  @Override
  public List<Integer> vcpuThreads() {
    return IntStream.range(0, facts.topology().cpus()).mapToObj(i -> 1000 + i).toList();
  }

  @Override
  public JsonNode statistics() {
    awaitTurn();
    ObjectNode result = JsonNodeFactory.instance.objectNode().put("resets", resets);
    result.putObject("kvm").put("pages", 2).put("exits", 3);
    ObjectNode vcpu = result.putArray("vcpus").addObject().putObject("kvm");
    vcpu.put("halts", 1).put("wait[0]", 5).put("wait[1]", 6);
    return result;
  }

  @Override
  public void close() {
    serial.close();
    loop.close();
  }
}
