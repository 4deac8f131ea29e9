package org.microvm.bench;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.microvm.cli.ByteSize;
import org.microvm.cli.UsageException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code microvm bench}: the benchmarks are its subcommands. */
@Command(
    name = "microvm bench",
    description = "Runs a benchmark. Nothing else should run on the host meanwhile.",
    mixinStandardHelpOptions = true,
    subcommands = {
      BenchCommand.Boot.class,
      BenchCommand.Restore.class,
      BenchCommand.Migrate.class,
      BenchCommand.Serve.class,
      BenchStateCommand.class,
      BenchChannelCommand.class,
      BenchExitsCommand.class,
      BenchFleetCommand.class,
      BenchReportCommand.class,
      BenchPeerCommand.class
    })
final class BenchCommand {
  private static void checkRuns(int runs) {
    if (runs < 1) {
      throw new UsageException("--runs must be at least 1");
    }
  }

  /** The directory of the built source tree. */
  static Path home() {
    return Path.of(System.getProperty("microvm.home", "."));
  }

  private static Path launcher() {
    return home().resolve("bin/microvm");
  }

  /** The option for the RAM of the measured guests. */
  static final class GuestMemory {
    @Option(
        names = {"--memory", "-m"},
        defaultValue = "128M",
        description = "guest RAM (default: ${DEFAULT-VALUE})")
    private String memory;

    /** The value of the option, after checking that it is a size. */
    private String checked() {
      bytes();
      return memory;
    }

    long bytes() {
      return ByteSize.parse("--memory", memory, 1 << 20);
    }
  }

  @Command(
      name = "boot",
      description = "Measures start-up times of the project's own images.",
      mixinStandardHelpOptions = true)
  static final class Boot implements Callable<Integer> {
    @Option(
        names = "--runs",
        defaultValue = "5",
        description = "number of runs (default: ${DEFAULT-VALUE})")
    private int runs;

    @Mixin private GuestMemory guest;

    @Override
    public Integer call() throws Exception {
      checkRuns(runs);
      String memory = guest.checked();
      new BootBenchmark(launcher(), System.out).run(runs, memory);
      return 0;
    }
  }

  @Command(
      name = "restore",
      description = "Measures snapshots and restores of the project's own images.",
      mixinStandardHelpOptions = true)
  static final class Restore implements Callable<Integer> {
    @Option(
        names = "--runs",
        defaultValue = "10",
        description = "number of runs (default: ${DEFAULT-VALUE})")
    private int runs;

    @Mixin private GuestMemory guest;

    @Override
    public Integer call() throws Exception {
      checkRuns(runs);
      String memory = guest.checked();
      RestoreBenchmark.run(launcher(), System.out, runs, memory);
      return 0;
    }
  }

  @Command(
      name = "serve",
      description =
          "Measures restores in the background, from the shell to the agent's answer, with and"
              + " without `microvm serve`.",
      mixinStandardHelpOptions = true)
  static final class Serve implements Callable<Integer> {
    @Option(
        names = "--runs",
        defaultValue = "20",
        description = "number of runs (default: ${DEFAULT-VALUE})")
    private int runs;

    @Option(
        names = "--warm-ups",
        defaultValue = "20",
        description = "machines that the server restores first (default: ${DEFAULT-VALUE})")
    private int warmUps;

    @Mixin private GuestMemory guest;

    @Override
    public Integer call() throws Exception {
      checkRuns(runs);
      String memory = guest.checked();
      ServeBenchmark.run(launcher(), System.out, runs, warmUps, memory);
      return 0;
    }
  }

  @Command(
      name = "migrate",
      description = "Measures live migrations in a row, with four channels at full speed.",
      mixinStandardHelpOptions = true)
  static final class Migrate implements Callable<Integer> {
    @Option(
        names = "--runs",
        defaultValue = "100",
        description = "number of runs (default: ${DEFAULT-VALUE})")
    private int runs;

    @Option(
        names = "--copy",
        description = "copy guest memory, as between hosts, instead of handing it over")
    private boolean copied;

    @Option(
        names = "--output",
        paramLabel = "DIRECTORY",
        description = "also write a table and JSON to DIRECTORY")
    private Path output;

    @Override
    public Integer call() throws Exception {
      checkRuns(runs);
      MigrationBenchmark.run(
          launcher(),
          home().resolve("test-images/target/bare-metal/bench"),
          System.out,
          runs,
          copied,
          output);
      return 0;
    }
  }
}
