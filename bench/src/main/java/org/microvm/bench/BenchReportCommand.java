package org.microvm.bench;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code microvm bench report DIRECTORY}. */
@Command(
    name = "report",
    description = "Makes index.html of what the other benchmarks wrote with --output.",
    mixinStandardHelpOptions = true)
final class BenchReportCommand implements Callable<Integer> {
  @Parameters(paramLabel = "DIRECTORY", description = "where they wrote it")
  private Path directory;

  @Override
  public Integer call() throws Exception {
    System.out.println(new BenchmarkFiles(directory).page());
    return 0;
  }
}
