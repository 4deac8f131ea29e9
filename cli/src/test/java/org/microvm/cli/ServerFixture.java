package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.cli.named.MachineName;
import org.microvm.cli.named.Machines;
import org.microvm.cli.named.Registration;
import org.microvm.cli.serve.ServerAnswer;
import org.microvm.cli.serve.ServerClient;
import org.microvm.cli.serve.ServerFiles;
import org.microvm.cli.serve.ServerLimits;
import org.microvm.cli.serve.ServerRequest;
import org.microvm.qmp.QmpClient;

/** Servers in this process, with bare-metal guests. */
abstract class ServerFixture {
  static final String MACHINES = "microvm.machines";
  static final long NO_LIMIT = Long.MAX_VALUE;

  static final Path HOME =
      Path.of(System.getProperty("microvm.home", "..")).toAbsolutePath().normalize();

  static final Path GUEST = HOME.resolve("test-images/target/bare-metal/serial-echo");

  @TempDir Path directory;

  final StringBuilder err = new StringBuilder();
  final List<MachineServer> servers = new CopyOnWriteArrayList<>();
  Machines machines;
  ServerFiles serverFiles;

  @BeforeEach
  void begin() throws IOException {
    System.setProperty(MACHINES, directory.resolve("microvm").toString());
    machines = Machines.ofUser();
    serverFiles = new ServerFiles(machines);
  }

  @AfterEach
  void end() {
    servers.forEach(MachineServer::close);
    System.clearProperty(MACHINES);
  }

  MachineServer serve(ServerLimits limits, boolean replace) throws IOException {
    MachineServer server = MachineServer.open(machines, limits, replace, err);
    servers.add(server);
    return server;
  }

  MachineServer serve() throws IOException {
    return serve(new ServerLimits(10, NO_LIMIT, NO_LIMIT), false);
  }

  ServerAnswer ask(String... words) throws IOException {
    String home = System.getProperty("microvm.home", "");
    try (ServerClient client = ServerClient.connect(serverFiles.socket())) {
      return client.ask(new ServerRequest(home, directory, List.of(words)));
    }
  }

  ServerAnswer start(String name, String... more) throws IOException {
    List<String> words = new ArrayList<>(List.of("run", "--detach", "--name", name, "-m", "16M"));
    words.addAll(List.of("--kernel", GUEST.toString(), "--append", "mode=echo wait=halt"));
    words.addAll(List.of(more));
    return ask(words.toArray(String[]::new));
  }

  QmpClient qmp(String name) throws IOException {
    return QmpClient.connect(
        machines.find(new MachineName(name)).files().control(), PowerCut.ANSWER);
  }

  String state(String name) throws IOException {
    try (QmpClient client = qmp(name)) {
      return client.execute("query-status").path("status").asText();
    }
  }

  void quit(String name) throws IOException {
    Machines.Entry machine = machines.find(new MachineName(name));
    assertFalse(new PowerCut(machine).cut());
    assertFalse(Files.exists(machine.files().directory()));
  }

  /** Asks the server to wait for a guest, which nobody sends. */
  static String[] receive(Registration ghost) {
    return new String[] {"receive", ghost.name().text(), "-m", "16M", "--kernel", GUEST.toString()};
  }

  /** A name with the files that a machine on the move has. */
  Registration ghost() throws IOException {
    Registration ghost = machines.register(new MachineName("ghost"), true);
    Files.createFile(ghost.files().consoleLog());
    return ghost;
  }
}
