package org.microvm.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.microvm.machine.config.GuestImages;

/**
 * Saves, restores and moves the project's Linux guest under microvm and QEMU, one after the other
 * in each round. Prints the medians and ratios, and writes the files.
 */
public final class StateBenchmarkRun {
  private static final String MILLIS = "ms";
  private static final String SAVE = "snapshot save";
  private static final String RESTORE = "restore to agent's reply";
  private static final String TOTAL = "migration, total";
  private static final String DOWNTIME = "migration, guest stopped";
  private static final String COPIED_TOTAL = "migration by copying, total";
  private static final String COPIED_DOWNTIME = "migration by copying, guest stopped";

  private final Path home;
  private final PrintStream out;
  private final boolean compareQemu;
  private final Samples samples = new Samples();

  /**
   * @param home directory of the built source tree
   * @param out receives progress and the table
   * @param compareQemu whether QEMU is measured too
   */
  public StateBenchmarkRun(Path home, PrintStream out, boolean compareQemu) {
    this.home = home;
    this.out = out;
    this.compareQemu = compareQemu;
  }

  /**
   * Runs the benchmark.
   *
   * @param memoryMib guest RAM in MiB
   * @param output directory for the files; null for none
   */
  public void run(int rounds, long memoryMib, Path output) throws IOException {
    Path directory = Files.createTempDirectory("microvm-state");
    List<VmmDriver> vmms = new ArrayList<>();
    try {
      vmms.add(new MicrovmDriver(home.resolve("bin/microvm"), memoryMib + "M", directory));
      if (compareQemu) {
        vmms.add(new QemuDriver(GuestImages.installed(), memoryMib, directory));
      }
      measure(vmms, rounds);
    } finally {
      for (VmmDriver vmm : vmms) {
        vmm.close();
      }
      delete(directory);
    }
    report("Linux guest with %d MiB, medians of %d rounds".formatted(memoryMib, rounds), output);
  }

  private void measure(List<VmmDriver> vmms, int rounds) throws IOException {
    for (VmmDriver vmm : vmms) {
      long begin = System.nanoTime();
      vmm.boot();
      out.printf("%s has booted, %.0f ms%n", vmm.name(), (System.nanoTime() - begin) / 1e6);
    }
    for (int round = 1; round <= rounds; round++) {
      for (VmmDriver vmm : vmms) {
        measure(vmm, round);
      }
    }
  }

  private void measure(VmmDriver vmm, int round) throws IOException {
    double save = vmm.save();
    double restore = vmm.restore();
    VmmDriver.Move move = vmm.move(false);
    VmmDriver.Move copied = vmm.move(true);
    samples.add(SAVE, vmm.name(), MILLIS, save);
    samples.add(RESTORE, vmm.name(), MILLIS, restore);
    samples.add(TOTAL, vmm.name(), MILLIS, move.total());
    samples.add(DOWNTIME, vmm.name(), MILLIS, move.downtime());
    samples.add(COPIED_TOTAL, vmm.name(), MILLIS, copied.total());
    samples.add(COPIED_DOWNTIME, vmm.name(), MILLIS, copied.downtime());
    out.printf(
        "round %d  %-8s save %.0f, restore %.0f, migration %.0f, stopped %.1f,"
            + " copied %.0f, stopped %.1f ms%n",
        round,
        vmm.name(),
        save,
        restore,
        move.total(),
        move.downtime(),
        copied.total(),
        copied.downtime());
  }

  private void report(String heading, Path output) throws IOException {
    TextTable table = new ChannelReport(samples).table();
    out.println();
    out.println(heading);
    out.print(table);
    if (output != null) {
      BenchmarkFiles files = new BenchmarkFiles(output);
      files.table("state", heading, table);
      files.figures("state", samples);
      files.chart("state", BarChart.ofMedians(samples, "Milliseconds", MILLIS, false));
    }
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
