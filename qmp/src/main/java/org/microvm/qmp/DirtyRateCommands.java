package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The commands that measure how fast the guest changes its memory, with QEMU's mode page-sampling.
 * The measurement has a thread of its own, which ends with it.
 */
final class DirtyRateCommands {
  private static final Logger LOG = LoggerFactory.getLogger(DirtyRateCommands.class);

  private static final String SAMPLING = "page-sampling";
  private static final List<String> MODES = List.of(SAMPLING, "dirty-ring", "dirty-bitmap");
  private static final int MIN_SECONDS = 1;
  private static final int MAX_SECONDS = 60;
  private static final int DEFAULT_PAGES = 512;
  private static final int MIN_PAGES = 128;
  private static final int MAX_PAGES = 16384;

  private final QmpTarget target;

  /** The state of the last measurement; written by its thread. */
  private volatile Measurement last = new Measurement("unstarted", 0, 0, 0, -1);

  /**
   * A measurement.
   *
   * @param status a value of QMP's DirtyRateStatus
   * @param started when it began, in seconds since the host was booted
   * @param seconds how long it takes
   * @param pages number of pages for each GiB
   * @param rate MiB per second, or -1 if it is not known
   */
  private record Measurement(String status, long started, long seconds, long pages, long rate) {
    Measurement now(String newStatus, long newRate) {
      return new Measurement(newStatus, started, seconds, pages, newRate);
    }
  }

  DirtyRateCommands(QmpTarget target) {
    this.target = target;
  }

  void addTo(QmpCommands commands) {
    commands.add("calc-dirty-rate", this::measure);
    commands.add("query-dirty-rate", this::query);
  }

  private JsonNode measure(QmpArguments arguments) throws QmpException {
    long seconds = arguments.number("calc-time");
    boolean chosen = arguments.has("sample-pages");
    long pages = arguments.optionalNumber("sample-pages").orElse((long) DEFAULT_PAGES);
    String mode = arguments.optionalChoice("mode", MODES).orElse(SAMPLING);
    arguments.finish();
    if (last.status().equals("measuring")) {
      throw QmpException.generic("the dirty rate is already being measured");
    }
    if (seconds < MIN_SECONDS || seconds > MAX_SECONDS) {
      throw QmpException.generic("calc-time is out of range[%d, %d].", MIN_SECONDS, MAX_SECONDS);
    }
    if (!mode.equals(SAMPLING)) {
      throw QmpException.generic("mode %s is not enabled, use %s", mode, SAMPLING);
    }
    if (chosen && (pages < MIN_PAGES || pages > MAX_PAGES)) {
      throw QmpException.generic("sample-pages is out of range[%d, %d].", MIN_PAGES, MAX_PAGES);
    }
    GuestAccess access = target.access();
    Measurement began =
        new Measurement(
            "measuring", TimeUnit.NANOSECONDS.toSeconds(System.nanoTime()), seconds, pages, -1);
    last = began;
    try {
      Thread.ofPlatform().daemon().name("dirty-rate").start(() -> run(access, began));
    } catch (OutOfMemoryError noThread) {
      last = began.now("unstarted", -1);
      throw QmpException.generic("%s", noThread.getMessage());
    }
    return null;
  }

  private void run(GuestAccess access, Measurement began) {
    try {
      long bytes = access.dirtyRate(Duration.ofSeconds(began.seconds()), (int) began.pages());
      last = began.now("measured", bytes >> 20);
    } catch (IOException | RuntimeException | Error e) {
      LOG.info("the dirty rate was not measured: {}", e.getMessage());
      last = began.now("unstarted", -1);
    }
  }

  private JsonNode query(QmpArguments arguments) throws QmpException {
    arguments.finish();
    Measurement now = last;
    ObjectNode result = JsonNodeFactory.instance.objectNode();
    if (now.rate() >= 0) {
      result.put("dirty-rate", now.rate());
    }
    return result
        .put("status", now.status())
        .put("start-time", now.started())
        .put("calc-time", now.seconds())
        .put("sample-pages", now.pages())
        .put("mode", SAMPLING);
  }
}
