package org.microvm.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import org.microvm.cli.named.Description;
import org.microvm.cli.named.Machines;
import org.microvm.cli.serve.ServerFiles;
import org.microvm.qmp.JsonText;
import org.microvm.qmp.QmpClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code microvm list}: lists the machines of this user that have names. */
@Command(
    name = "list",
    description = "Lists the machines of this user that have names (run --name).",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ListCommand implements Callable<Integer> {
  private static final String NO_ANSWER = "no answer";
  private static final Duration ANSWER = Duration.ofSeconds(10);

  @Option(names = "--json", description = "print all fields, as JSON")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    ArrayNode machines = JsonNodeFactory.instance.arrayNode();
    Machines named = Machines.ofUser();
    new ServerFiles(named).removeStaleSocket();
    for (Listed listed : states(named.list())) {
      Machines.Entry entry = listed.entry();
      ObjectNode machine = machines.addObject().put("name", entry.name().text());
      machine.put("state", listed.state().join()).put("pid", entry.pid());
      machine.put("served", entry.served());
      entry.description().map(Description::toJson).ifPresent(machine::setAll);
      machine.put("directory", entry.files().directory().toString());
    }
    if (json) {
      GuestText.printLines(JsonText.pretty(machines));
      return 0;
    }
    print("NAME", "STATE", "PID", "UPTIME", "MEMORY", "VCPUS", "KERNEL");
    machines.forEach(
        machine ->
            print(
                machine.path("name").asText(),
                machine.path("state").asText(),
                machine.path("pid").asText("-"),
                machine.has("started") ? uptime(machine.path("started").asText()) : "-",
                machine.has("memory") ? (machine.path("memory").asLong() >> 20) + " MiB" : "-",
                machine.path("vcpus").asText("-"),
                machine.path("kernel").asText("-")));
    return 0;
  }

  /** Prints a row. The name of a kernel file may be that of a foreign snapshot's author. */
  private static void print(Object... columns) {
    GuestText.print("%-20s %-14s %8s %9s %9s %5s  %s".formatted(columns));
  }

  /** A machine and its answer about its state. */
  private record Listed(Machines.Entry entry, CompletableFuture<String> state) {}

  /**
   * Queries all machines at the same time, so that several that do not answer cost one time limit.
   */
  private static List<Listed> states(List<Machines.Entry> entries) {
    List<Listed> listed = new ArrayList<>();
    for (Machines.Entry entry : entries) {
      listed.add(
          new Listed(
              entry,
              CompletableFuture.supplyAsync(() -> state(entry), Thread::startVirtualThread)));
    }
    try (WaitingLine _ = new WaitingLine("machines that do not answer")) {
      listed.forEach(one -> one.state().join());
    }
    return listed;
  }

  /** Queries the machine; a stopped process does not answer. */
  private static String state(Machines.Entry entry) {
    if (!Files.exists(entry.files().control())) {
      return entry.description().isPresent() ? "ending" : "starting";
    }
    if (entry.isStopped()) {
      return NO_ANSWER;
    }
    try (QmpClient client = QmpClient.connect(entry.files().control(), ANSWER)) {
      return client.execute("query-status").path("status").asText();
    } catch (IOException e) {
      return NO_ANSWER;
    }
  }

  private static String uptime(String started) {
    Duration passed = Duration.between(Instant.parse(started), Instant.now());
    // The host's clock may have been set back.
    Duration up = passed.isNegative() ? Duration.ZERO : passed;
    if (up.toDays() > 0) {
      return up.toDays() + "d" + up.toHoursPart() + "h";
    }
    return up.toHours() > 0
        ? up.toHours() + "h" + up.toMinutesPart() + "m"
        : up.toMinutes() + "m" + up.toSecondsPart() + "s";
  }
}
