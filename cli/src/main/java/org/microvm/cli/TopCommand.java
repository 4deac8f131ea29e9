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

/** {@code microvm top}: shows exits, interrupts and bytes of a running machine periodically. */
@Command(
    name = "top",
    description =
        "Shows exits, interrupts and bytes of a running machine until it ends or you press Ctrl-C.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class TopCommand implements Callable<Integer> {
  private static final String STATISTICS = "x-exit-stats";
  private static final String CLEAR = "\033[H\033[2J";

  private static final int LONGEST_SECONDS = 86_400;

  @Mixin private ControlClient control;

  @Option(
      names = "--interval",
      paramLabel = "SECONDS",
      defaultValue = "1",
      description = "time between two updates (default: ${DEFAULT-VALUE})")
  private double interval;

  @Option(
      names = "--count",
      paramLabel = "N",
      description = "number of updates (default: no limit)")
  private Integer count;

  @Override
  public Integer call() throws Exception {
    if (!(interval >= 0.01 && interval <= LONGEST_SECONDS)) {
      throw new UsageException(
          "--interval: %s is not a number of seconds from 0.01 to %d"
              .formatted(interval, LONGEST_SECONDS));
    }
    if (count != null && count < 1) {
      throw new UsageException("--count: " + count + " is not a number of updates, 1 or more");
    }
    Fd output = Fd.standardOutput();
    boolean terminal = Terminal.isTerminal(output);
    try (QmpClient client = control.connect()) {
      JsonNode before = client.execute(STATISTICS);
      for (int i = 0; count == null || i < count; i++) {
        TimeUnit.NANOSECONDS.sleep((long) (interval * TimeUnit.SECONDS.toNanos(1)));
        JsonNode now = client.execute(STATISTICS);
        // In the background the screen belongs to the shell.
        if (!terminal || Terminal.isForeground(output)) {
          System.out.print((terminal ? CLEAR : "") + new TopView(before, now) + "\n");
        }
        before = now;
      }
    }
    return 0;
  }
}
