package org.microvm.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.microvm.qmp.QmpClient;

/** Drives microvm, started as a user starts it. */
final class MicrovmDriver implements VmmDriver {
  private static final Duration BOOT = Duration.ofMinutes(3);
  private static final Duration ANSWER = Duration.ofSeconds(30);

  private final Path launcher;
  private final String memory;
  private final Path directory;
  private int number;
  private StateProcess running;

  /**
   * @param launcher {@code bin/microvm}
   * @param directory for sockets and the snapshot
   */
  MicrovmDriver(Path launcher, String memory, Path directory) {
    this.launcher = launcher;
    this.memory = memory;
    this.directory = directory;
  }

  @Override
  public String name() {
    return "microvm";
  }

  private Path agent() {
    return directory.resolve("agent");
  }

  private Path control() {
    return directory.resolve("qmp" + number);
  }

  private Path snapshot() {
    return directory.resolve("snapshot");
  }

  private StateProcess start(List<String> more) throws IOException {
    List<String> command = new ArrayList<>(List.of(launcher.toString(), "run", "--no-console"));
    command.addAll(List.of("--memory", memory, "--chardev"));
    command.add("socket,id=agent,path=" + agent() + ",server=on,wait=off");
    command.addAll(List.of("--device", "virtserialport,chardev=agent,name=" + StateProcess.AGENT));
    command.addAll(List.of("--qmp", "unix:" + control() + ",server=on,wait=off"));
    command.addAll(more);
    return StateProcess.start(command, agent(), control());
  }

  @Override
  public void boot() throws IOException {
    running = start(List.of());
    running.awaitAgent(BOOT);
  }

  @Override
  public double save() throws IOException {
    try (QmpClient qmp = running.control()) {
      long begin = System.nanoTime();
      qmp.execute("x-snapshot", QmpClient.arguments().put("directory", snapshot().toString()));
      return (System.nanoTime() - begin) / 1e6;
    }
  }

  @Override
  public double restore() throws IOException {
    Path sockets = Files.createDirectories(directory.resolve("restored"));
    List<String> command =
        List.of(
            launcher.toString(),
            "restore",
            snapshot().toString(),
            "--no-console",
            "--sockets",
            sockets.toString());
    try (StateProcess restored =
        StateProcess.start(command, sockets.resolve("agent"), sockets.resolve("qmp"))) {
      return restored.awaitAgent(ANSWER);
    }
  }

  @Override
  public Move move(boolean copied) throws IOException {
    StateProcess from = running;
    try (QmpClient qmp = from.control()) {
      number++;
      Path incoming = directory.resolve("incoming" + number);
      StateProcess to = start(List.of("--incoming", "unix:" + incoming));
      running = to;
      to.await(incoming);
      qmp.execute(
          "migrate-set-parameters",
          QmpClient.arguments().put("x-memory", copied ? "copy" : "auto"));
      long begin = System.nanoTime();
      qmp.execute("migrate", QmpClient.arguments().put("uri", "unix:" + incoming));
      JsonNode end = qmp.awaitEvent("MIGRATION");
      double total = (System.nanoTime() - begin) / 1e6;
      if (!end.path("status").asText().equals("completed")) {
        throw new IOException("migration: " + qmp.execute("query-migrate"));
      }
      // Once the control socket exists, the new process has taken over the path of the agent.
      to.control().close();
      to.callAgent(ANSWER);
      return new Move(total, stopped(end) / 1000.0);
    } finally {
      from.close();
    }
  }

  /**
   * The time in us from the stop of the vCPUs, as QEMU's event STOP is sent after it (QEMU, {@code
   * do_vm_stop} in system/cpus.c).
   */
  private static long stopped(JsonNode end) {
    return end.path("x-downtime-us").asLong()
        - end.path("x-downtime-parts-us").path("stop").asLong();
  }

  @Override
  public void close() throws IOException {
    if (running != null) {
      running.close();
    }
  }
}
