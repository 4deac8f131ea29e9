package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Locale;

/** Formats, as text, what happened in a machine between two readings of its statistics. */
final class TopView {
  private static final double MICROS = 1e6;
  private static final double NANOS = 1e9;
  private static final double MIB = 1 << 20;

  private final JsonNode before;
  private final JsonNode now;
  private final double seconds;

  /**
   * @param before the result of x-exit-stats
   * @param now a later result
   */
  TopView(JsonNode before, JsonNode now) {
    this.before = before;
    this.now = now;
    // Measured by the machine's clock, because an answer may be delayed.
    seconds = (now.path("takenMicros").asLong() - before.path("takenMicros").asLong()) / MICROS;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < now.path("vcpus").size(); i++) {
      vcpu(text, i);
    }
    line(
        text,
        "%-24s %12s %12s %12s %12s",
        "device",
        "notifies/s",
        "spurious/s",
        "irqs/s",
        "acks/s");
    for (int i = 0; i < now.path("devices").size(); i++) {
      String at = "devices/" + i + "/";
      line(
          text,
          "%-24s %12.1f %12.1f %12.1f %12.1f",
          TopRates.device(now.at("/devices/" + i)),
          rate(at + "notifications"),
          rate(at + "spuriousWakeUps"),
          rate(at + "interrupts"),
          rate(at + "acknowledgements"));
    }
    line(
        text,
        "%-24s %12s %12s %10s %10s",
        "port",
        "out MiB/s",
        "in MiB/s",
        "host full",
        "no buffer");
    for (int i = 0; i < now.path("ports").size(); i++) {
      port(text, i);
    }
    return text.toString();
  }

  private void vcpu(StringBuilder text, int i) {
    String at = "vcpus/" + i + "/";
    line(
        text,
        "vCPU %d  exits/s %.1f  in the guest or halted %.1f %%  serving exits %.2f %%",
        i,
        rate(at + "exits"),
        100 * rate(at + "guestNanos") / NANOS,
        100 * rate(at + "hostNanos") / NANOS);
    for (String kind : new String[] {"exitsByReason", "exitsByPort", "exitsByMmioAddress"}) {
      now.at("/" + at + kind)
          .fieldNames()
          .forEachRemaining(
              name -> {
                double rate = rate(at + kind + "/" + name);
                if (rate > 0) {
                  line(text, "  %-24s %12.1f /s", name, rate);
                }
              });
    }
  }

  private void port(StringBuilder text, int i) {
    String at = "ports/" + i + "/";
    JsonNode port = now.path("ports").path(i);
    line(
        text,
        "%-24s %12.2f %12.2f %10.1f %10.1f",
        port.path("nr").asText() + " " + port.path("name").asText(),
        rate(at + "bytesFromGuest") / MIB,
        rate(at + "bytesToGuest") / MIB,
        rate(at + "hostStalls"),
        rate(at + "guestStalls"));
  }

  private double rate(String path) {
    return (now.at("/" + path).asDouble() - before.at("/" + path).asDouble()) / seconds;
  }

  private static void line(StringBuilder text, String format, Object... values) {
    text.append(String.format(Locale.ROOT, format, values).stripTrailing()).append('\n');
  }
}
