package org.microvm.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.microvm.machine.config.GuestImages;
import org.microvm.qmp.QmpClient;
import org.microvm.qmp.QmpException;

/**
 * Drives QEMU's microvm machine with the same kernel, root file system and memory. It is saved by a
 * migration to a file, with the guest stopped, and moved with microvm's downtime limit.
 */
final class QemuDriver implements VmmDriver {
  private static final Duration BOOT = Duration.ofMinutes(4);
  private static final Duration ANSWER = Duration.ofSeconds(30);
  private static final int DOWNTIME_LIMIT_MILLIS = 20;

  /** In effect no limit; QEMU's default is 128 MiB/s. */
  private static final long BYTES_PER_SECOND = 64L << 30;

  private final GuestImages images;
  private final long memoryMib;
  private final Path directory;
  private int number;
  private StateProcess running;

  /**
   * @param directory for sockets and the saved state
   */
  QemuDriver(GuestImages images, long memoryMib, Path directory) {
    this.images = images;
    this.memoryMib = memoryMib;
    this.directory = directory;
  }

  @Override
  public String name() {
    return "qemu";
  }

  private Path saved() {
    return directory.resolve("qemu.state");
  }

  /** Starts a process with its own sockets, because QEMU does not hand sockets over. */
  private StateProcess start(String incoming) throws IOException {
    number++;
    Path agent = directory.resolve("qemu-agent" + number);
    Path control = directory.resolve("qemu-qmp" + number);
    List<String> command = new ArrayList<>(List.of("qemu-system-x86_64", "-M"));
    command.add("microvm,accel=kvm,acpi=off,kernel-irqchip=on");
    command.addAll(List.of("-cpu", "host,-arch-capabilities", "-m", Long.toString(memoryMib)));
    command.addAll(List.of("-nodefaults", "-no-user-config", "-nographic", "-no-reboot"));
    command.addAll(List.of("-serial", "null", "-global", "virtio-mmio.force-legacy=false"));
    command.addAll(List.of("-kernel", images.kernel().toString()));
    command.addAll(List.of("-append", images.commandLine(), "-drive"));
    command.add("id=root,file=" + images.disk() + ",format=raw,if=none,readonly=on");
    command.addAll(List.of("-device", "virtio-blk-device,drive=root"));
    command.addAll(List.of("-device", "virtio-serial-device", "-device", "virtio-rng-device"));
    command.addAll(List.of("-chardev", "socket,id=a,path=" + agent + ",server=on,wait=off"));
    command.addAll(List.of("-device", "virtserialport,chardev=a,name=" + StateProcess.AGENT));
    command.addAll(List.of("-qmp", "unix:" + control + ",server=on,wait=off"));
    if (!incoming.isEmpty()) {
      command.addAll(List.of("-incoming", incoming));
    }
    return StateProcess.start(command, agent, control);
  }

  @Override
  public void boot() throws IOException {
    running = start("");
    running.awaitAgent(BOOT);
  }

  @Override
  public double save() throws IOException {
    try (QmpClient qmp = running.control()) {
      prepare(qmp);
      long begin = System.nanoTime();
      // If the guest were stopped first, it would also be stopped after the restore.
      migrate(qmp, "exec:cat > " + saved());
      goOn(qmp);
      return (System.nanoTime() - begin) / 1e6;
    }
  }

  /** Resumes QEMU, which reports the end of a migration a moment before it can be resumed. */
  private static void goOn(QmpClient qmp) throws IOException {
    long giveUp = System.nanoTime() + ANSWER.toNanos();
    for (; ; ) {
      try {
        qmp.execute("cont");
        return;
      } catch (QmpException e) {
        if (!e.getMessage().contains("not finalized") || System.nanoTime() > giveUp) {
          throw e;
        }
      }
    }
  }

  private static void prepare(QmpClient qmp) throws IOException {
    var events = QmpClient.arguments().put("capability", "events").put("state", true);
    var capabilities = QmpClient.arguments();
    capabilities.putArray("capabilities").add(events);
    qmp.execute("migrate-set-capabilities", capabilities);
    qmp.execute(
        "migrate-set-parameters",
        QmpClient.arguments()
            .put("max-bandwidth", BYTES_PER_SECOND)
            .put("downtime-limit", DOWNTIME_LIMIT_MILLIS));
  }

  /** Migrates; returns the event STOP if it arrived, or else a missing node. */
  private static JsonNode migrate(QmpClient qmp, String uri) throws IOException {
    qmp.execute("migrate", QmpClient.arguments().put("uri", uri));
    JsonNode stop = QmpClient.arguments().path("none");
    for (; ; ) {
      JsonNode event = qmp.nextEvent();
      String status = event.path("data").path("status").asText();
      if (event.path("event").asText().equals("STOP")) {
        stop = event;
      } else if (status.equals("completed")) {
        return stop;
      } else if (status.equals("failed")) {
        throw new IOException("QEMU's migration failed: " + qmp.execute("query-migrate"));
      }
    }
  }

  @Override
  public double restore() throws IOException {
    try (StateProcess restored = startRestored()) {
      return restored.awaitAgent(ANSWER);
    }
  }

  /** Starts a process that continues the saved guest. */
  StateProcess startRestored() throws IOException {
    return start("exec:cat " + saved());
  }

  /** QEMU always copies memory. */
  @Override
  public Move move(boolean copied) throws IOException {
    StateProcess from = running;
    Path incoming = directory.resolve("qemu-incoming" + number);
    StateProcess to = start("unix:" + incoming);
    running = to;
    try (QmpClient source = from.control();
        QmpClient destination = to.control()) {
      to.await(incoming);
      prepare(source);
      long begin = System.nanoTime();
      JsonNode stop = migrate(source, "unix:" + incoming);
      JsonNode resume = destination.nextEvent();
      while (!resume.path("event").asText().equals("RESUME")) {
        resume = destination.nextEvent();
      }
      double total = (System.nanoTime() - begin) / 1e6;
      to.awaitAgent(ANSWER);
      return new Move(total, millis(resume) - millis(stop));
    } finally {
      from.close();
    }
  }

  private static double millis(JsonNode event) {
    JsonNode time = event.path("timestamp");
    return time.path("seconds").asLong() * 1e3 + time.path("microseconds").asLong() / 1e3;
  }

  @Override
  public void close() throws IOException {
    if (running != null) {
      running.close();
    }
  }
}
