package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.microvm.linux.Fd;
import org.microvm.linux.Terminal;
import org.microvm.qmp.QmpClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code microvm top}: exits, interrupts and bytes of a running machine, over and over. */
@Command(
    name = "top",
    description = "Shows what goes on in a running machine, until it ends or you press Ctrl-C.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class TopCommand implements Callable<Integer> {
  private static final String STATISTICS = "x-exit-stats";
  private static final String CLEAR = "\033[H\033[2J";

  @Mixin private ControlClient control;

  @Option(
      names = "--interval",
      paramLabel = "SECONDS",
      defaultValue = "1",
      description = "between two looks (${DEFAULT-VALUE})")
  private double interval;

  @Option(names = "--count", paramLabel = "N", description = "how many looks (no end)")
  private Integer count;

  @Override
  public Integer call() throws Exception {
    if (interval < 0.01 || (count != null && count < 1)) {
      throw new UsageException("--interval: at least 0.01, --count: at least 1");
    }
    boolean terminal;
    try (Fd output = Fd.standardOutput()) {
      terminal = Terminal.isTerminal(output);
    }
    try (QmpClient client = control.connect()) {
      JsonNode before = client.execute(STATISTICS);
      for (int i = 0; count == null || i < count; i++) {
        TimeUnit.NANOSECONDS.sleep((long) (interval * TimeUnit.SECONDS.toNanos(1)));
        JsonNode now = client.execute(STATISTICS);
        System.out.print((terminal ? CLEAR : "") + new TopView(before, now) + "\n");
        before = now;
      }
    }
    return 0;
  }
}
