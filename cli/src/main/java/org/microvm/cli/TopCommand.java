package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.microvm.linux.Fd;
import org.microvm.linux.Terminal;
import org.microvm.qmp.QmpClient;
import org.microvm.qmp.QmpDisconnectedException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code microvm top}: shows exits, interrupts and bytes of a running machine periodically. */
@Command(
    name = "top",
    description =
        "Shows exits, interrupts and bytes of a running machine until it ends or you"
            + " press q. With --count, or if standard output is not a terminal that"
            + " supports control sequences, prints plain text. The exit status is 1 if the"
            + " guest panicked or the machine's process was killed.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class TopCommand implements Callable<Integer> {
  private static final String STATISTICS = "x-exit-stats";

  private static final int LONGEST_SECONDS = 86_400;

  @Mixin private ControlClient control;

  @Parameters(
      arity = "0..1",
      paramLabel = "[NAME]",
      hideParamSyntax = true,
      description = "the machine's name, unless --qmp is given")
  private List<String> words;

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

  @Option(names = "--json", description = "print each update as a line of JSON")
  private boolean json;

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
    control.select(words, 0);
    try (QmpClient client = control.connect()) {
      return show(client);
    }
  }

  private int show(QmpClient client) throws IOException, InterruptedException {
    try (Fd output = Fd.standardOutput()) {
      if (count == null && !json && Terminal.isTerminal(output) && StatusLine.hasSequences()) {
        new TopTerminal(client, output, control.machine(), interval).show(STATISTICS);
        return 0;
      }
      return print(client);
    } catch (QmpDisconnectedException e) {
      ShutdownOutcome.of(client).check(control.machine());
      return 0;
    }
  }

  private int print(QmpClient client) throws IOException, InterruptedException {
    JsonNode before = client.execute(STATISTICS);
    for (int i = 0; count == null || i < count; i++) {
      TimeUnit.NANOSECONDS.sleep((long) (interval * TimeUnit.SECONDS.toNanos(1)));
      JsonNode now = client.execute(STATISTICS);
      GuestText.printLines(
          json
              ? new TopRates(before, now).toJson().toString()
              : new TopView(before, now).toString());
      if (System.out.checkError()) {
        return Main.FAILED;
      }
      before = now;
    }
    return 0;
  }
}
