package org.microvm.cli.faults;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.microvm.machine.Machine;
import org.microvm.machine.TestImages;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.qmp.ChannelRegistry;
import org.microvm.qmp.MachineTarget;
import org.microvm.qmp.QmpClient;
import org.microvm.qmp.QmpServer;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.UnixServerBackend;

/**
 * A machine from its creation to its end, with channels, a control socket, a channel that is added
 * later, a snapshot and a restored machine. A step that fails is repeated once, so that a single
 * failure of a system call is either not noticed or costs one error message.
 */
final class MachineLife {
  private static final Duration QMP_LIMIT = Duration.ofSeconds(30);
  private static final int ATTEMPTS = 2;

  private final Path directory;
  private final List<String> errors = new ArrayList<>();
  private Machine machine;
  private QmpServer server;
  private QmpClient qmp;
  private final List<EchoClient> clients = new ArrayList<>();
  private int disconnections;

  MachineLife(Path directory) {
    this.directory = directory;
  }

  /** What may fail. */
  private interface Step {
    void run() throws IOException, MachineException, InterruptedException;
  }

  /** The machine has ended. */
  private static final class Ended extends IOException {
    private static final long serialVersionUID = 1L;

    Ended(String message) {
      super(message);
    }
  }

  /** Runs the life; returns the messages of the errors. */
  List<String> run() throws Exception {
    Path disk = directory.resolve("disk.img");
    Files.write(disk, new byte[64 << 10]);
    repeat(this::first, false);
    repeat(this::second, false);
    check(Files.exists(disk), "the disk's image is gone");
    Files.delete(disk);
    try (Stream<Path> files = Files.list(snapshot())) {
      for (Path file : files.toList()) {
        check(!file.toString().endsWith(".new"), "a part of a snapshot is left: " + file);
        Files.delete(file);
      }
    }
    Files.delete(snapshot());
    try (Stream<Path> left = Files.list(directory)) {
      List<Path> files = left.toList();
      check(files.isEmpty(), "files are left: " + files);
    }
    check(disconnections <= 1, disconnections + " channels were disconnected");
    return errors;
  }

  /** Runs a step again if it fails, unless it has failed too often. */
  private void repeat(Step step) throws IOException, InterruptedException {
    repeat(step, true);
  }

  private void repeat(Step step, boolean inside) throws IOException, InterruptedException {
    for (int attempt = 1; ; attempt++) {
      try {
        step.run();
        return;
      } catch (IOException | MachineException e) {
        if (inside && machine.end().isDone()) {
          throw ended();
        }
        errors.add(String.valueOf(e.getMessage()));
        check(attempt < ATTEMPTS && errors.size() < ATTEMPTS, "more than one error: " + errors);
      }
    }
  }

  private static void check(boolean condition, String otherwise) {
    if (!condition) {
      throw new AssertionError(otherwise);
    }
  }

  private Path snapshot() {
    return directory.resolve("snapshot");
  }

  private MachineConfig config() {
    return MachineConfig.builder(TestImages.bareMetal("serial-echo"))
        .memory(4 << 20)
        .commandLine("mode=echo ports=all wait=halt")
        .channel(channel("one"))
        .channel(channel("two"))
        .disk(new DiskConfig(directory.resolve("disk.img"), false))
        .build();
  }

  private ChannelConfig channel(String name) {
    return new ChannelConfig(
        PortConfig.named(name), loop -> UnixServerBackend.listen(directory.resolve(name), false));
  }

  private void first() throws IOException, MachineException, InterruptedException {
    machine = Machine.create(config());
    try {
      serve();
      EchoClient one = client("one");
      EchoClient two = client("two");
      exchange(one, two);
      command("query-status", QmpClient.arguments());
      addPort();
      EchoClient three = client("three");
      exchange(three, one, two);
      repeat(() -> machine.snapshot(snapshot()));
      exchange(one, two, three);
      three.close();
      command("device_del", QmpClient.arguments().put("id", "p3"));
      exchange(one, two);
    } finally {
      end();
    }
  }

  private void second() throws IOException, MachineException, InterruptedException {
    Snapshot saved = Snapshot.open(snapshot());
    machine = Machine.restore(saved, restored());
    try {
      serve();
      exchange(client("one"), client("two"));
    } finally {
      end();
    }
  }

  /** The snapshot also has the port that was added. */
  private MachineConfig restored() {
    return MachineConfig.builder(TestImages.bareMetal("serial-echo"))
        .memory(4 << 20)
        .commandLine("mode=echo ports=all wait=halt")
        .channel(channel("one"))
        .channel(channel("two"))
        .channel(channel("three"))
        .disk(new DiskConfig(directory.resolve("disk.img"), false))
        .build();
  }

  private void serve() throws IOException {
    MachineTarget target = new MachineTarget(machine, null, JsonNodeFactory.instance::objectNode);
    server = QmpServer.listen(control(), target, new ChannelRegistry(), "1");
    target.report(server);
    machine.start();
    qmp = QmpClient.connect(control(), QMP_LIMIT);
  }

  private Path control() {
    return directory.resolve("qmp");
  }

  private EchoClient client(String name) {
    EchoClient client = new EchoClient(directory.resolve(name), machine.end()::isDone);
    clients.add(client);
    return client;
  }

  private void exchange(EchoClient... with) throws IOException {
    for (EchoClient client : with) {
      boolean runs;
      try {
        runs = client.echoes();
      } catch (AssertionError e) {
        throw new AssertionError(e.getMessage() + ": " + MachineReport.of(machine), e);
      }
      if (!runs) {
        throw ended();
      }
    }
  }

  private Ended ended() {
    MachineEnd end = machine.end().join();
    return new Ended(end instanceof MachineEnd.Failed(String report) ? report : end.toString());
  }

  private void addPort() throws IOException, InterruptedException {
    ObjectNode chardev = QmpClient.arguments().put("id", "c3");
    ObjectNode data = chardev.putObject("backend").put("type", "socket").putObject("data");
    data.put("server", true).put("wait", false);
    data.putObject("addr")
        .put("type", "unix")
        .putObject("data")
        .put("path", directory.resolve("three").toString());
    command("chardev-add", chardev);
    command(
        "device_add",
        QmpClient.arguments()
            .put("driver", "virtserialport")
            .put("id", "p3")
            .put("chardev", "c3")
            .put("name", "three"));
  }

  /** Executes a command; it may have been executed already if the answer was lost. */
  private void command(String name, ObjectNode arguments) throws IOException, InterruptedException {
    repeat(
        () -> {
          try {
            qmp.execute(name, arguments);
          } catch (IOException e) {
            boolean done =
                !errors.isEmpty()
                    && e.getMessage().matches(".*(already exists|Duplicate|not found).*");
            if (!done) {
              qmp.close();
              qmp = QmpClient.connect(control(), QMP_LIMIT);
              throw e;
            }
          }
        });
  }

  private void end() throws IOException {
    for (EchoClient client : clients) {
      disconnections += client.disconnections();
      client.close();
    }
    clients.clear();
    if (qmp != null) {
      qmp.close();
      qmp = null;
    }
    if (server != null) {
      server.close();
      server = null;
    }
    machine.close();
  }
}
