package org.microvm.bench;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code microvm bench report DIRECTORY}. */
@Command(
    name = "report",
    description = "Writes index.html with the results that other benchmarks wrote with --output.",
    mixinStandardHelpOptions = true)
final class BenchReportCommand implements Callable<Integer> {
  @Parameters(paramLabel = "DIRECTORY", description = "directory with the results")
  private Path directory;

  @Override
  public Integer call() throws Exception {
    System.out.println(new BenchmarkFiles(directory).page());
    return 0;
  }
}
