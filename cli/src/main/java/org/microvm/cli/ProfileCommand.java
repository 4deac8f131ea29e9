package org.microvm.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.microvm.machine.Machine;
import org.microvm.machine.config.GuestImages;
import org.microvm.profile.Profile;
import org.microvm.profile.SymbolTable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code microvm profile}: runs a machine and samples its vCPUs. */
@Command(
    name = "profile",
    description = "Runs a machine and reports where its guest spent the time.",
    sortOptions = false)
final class ProfileCommand implements Callable<Integer> {
  private static final int MAX_HERTZ = 10_000;

  @Option(
      names = "--rate",
      paramLabel = "HZ",
      defaultValue = "199",
      description =
          "samples per second; each sample causes a vCPU exit (default: ${DEFAULT-VALUE})")
  private int rate;

  @Option(
      names = "--symbols",
      paramLabel = "FILE",
      description = "System.map or ELF file with the symbols of the guest's kernel")
  private Path symbols;

  @Option(
      names = "--folded",
      paramLabel = "FILE",
      description =
          "write stacks to FILE for flame graph tools. Kernel stacks are complete if"
              + " the kernel has frame pointers; of programs only the innermost frame is"
              + " recorded")
  private Path folded;

  @Option(names = "--seconds", paramLabel = "N", description = "stop the machine after N seconds")
  private Integer seconds;

  @Option(
      names = "--json",
      description =
          "print the samples of each symbol as JSON on standard output, where the guest's console is"
              + " then not shown")
  private boolean json;

  private final RunCommand run = new RunCommand();

  /** The command, with the options of {@code run}. */
  static CommandLine commandLine() {
    ProfileCommand profile = new ProfileCommand();
    return Options.complete(new CommandLine(profile).getCommandSpec(), profile.run.all());
  }

  @Override
  public Integer call() throws Exception {
    if (rate < 1 || rate > MAX_HERTZ) {
      throw new UsageException("--rate: %d is not 1 to %d".formatted(rate, MAX_HERTZ));
    }
    if (seconds != null && seconds < 1) {
      throw new UsageException("--seconds: " + seconds + " is not a number of seconds, 1 or more");
    }
    FileProblem.checkOutput("--folded", folded);
    Profile profile = new Profile(table());
    if (json) {
      run.hideConsole();
    }
    run.writes(folded);
    int status = run.call(machine -> start(machine, profile));
    if (json) {
      JsonOutput.print(json(profile));
    } else {
      // The names of functions come from the kernel's file.
      System.err.print(GuestText.plainLines(profile.flatTable()));
    }
    if (folded != null) {
      try {
        Files.writeString(folded, profile.foldedStacks());
      } catch (IOException e) {
        throw FileProblem.of("--folded", folded, e);
      }
    }
    return status;
  }

  /** All symbols with samples, those with the most first. */
  private static ObjectNode json(Profile profile) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("samples", profile.samples()).put("kernelSamples", profile.kernelSamples());
    ArrayNode symbols = node.putArray("symbols");
    for (Profile.Row row : profile.rows()) {
      symbols
          .addObject()
          .put("privilegeLevel", row.privilegeLevel())
          .put("name", row.symbol())
          .put("samples", row.samples());
    }
    return node;
  }

  /** The file that was given, else the kernel that was given, else the installed System.map. */
  private SymbolTable table() throws IOException {
    if (symbols != null) {
      return table("--symbols", symbols);
    }
    Path kernel = run.kernel();
    if (kernel != null) {
      return table("--kernel", kernel);
    }
    Path map = GuestImages.installed().kernel().resolveSibling("System.map");
    return Files.exists(map) ? SymbolTable.read(map) : SymbolTable.empty();
  }

  private static SymbolTable table(String option, Path file) throws IOException {
    try {
      return SymbolTable.read(file);
    } catch (IOException e) {
      throw FileProblem.of(option, file, e);
    }
  }

  private void start(Machine machine, Profile profile) {
    Thread.ofPlatform().daemon().name("sampler").start(() -> sample(machine, profile));
  }

  private void sample(Machine machine, Profile profile) {
    long period = TimeUnit.SECONDS.toNanos(1) / rate;
    long start = System.nanoTime();
    long next = start;
    while (!machine.end().isDone()) {
      if (seconds != null && next - start > TimeUnit.SECONDS.toNanos(seconds)) {
        machine.stop();
        return;
      }
      machine.sample(profile::add);
      next += period;
      LockSupport.parkNanos(next - System.nanoTime());
    }
  }
}
