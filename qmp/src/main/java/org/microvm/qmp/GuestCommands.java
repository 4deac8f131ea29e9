package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.config.OnReset;

/** The commands that act on the guest, and those that describe the machine for people. */
final class GuestCommands {
  /** The values of QMP's WatchdogAction. */
  static final List<String> WATCHDOG_ACTIONS =
      List.of("reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi");

  private static final List<String> REBOOT_ACTIONS = List.of("reset", "shutdown");
  private static final List<String> SHUTDOWN_ACTIONS = List.of("poweroff", "pause");
  private static final List<String> PANIC_ACTIONS =
      List.of("pause", "shutdown", "exit-failure", "none");

  private static final String TEXT = "human-readable-text";

  private final QmpTarget target;

  GuestCommands(QmpTarget target) {
    this.target = target;
  }

  void addTo(QmpCommands commands, CommandThreads threads) {
    commands.addSlow("inject-nmi", arguments -> injectNmi(arguments, threads));
    commands.add("set-action", this::setAction);
    commands.addSlow("x-query-irq", arguments -> queryInterrupts(arguments, threads));
    commands.add("x-query-ramblock", this::queryRam);
  }

  private CompletableFuture<JsonNode> injectNmi(QmpArguments arguments, CommandThreads threads)
      throws QmpException {
    arguments.finish();
    GuestAccess access = target.access();
    return threads.begin(
        () -> {
          try {
            access.injectNmi();
          } catch (IOException e) {
            throw QmpException.generic("%s", e.getMessage());
          }
        });
  }

  /** Sets all actions or none. */
  private JsonNode setAction(QmpArguments arguments) throws QmpException {
    Optional<String> reboot = arguments.optionalChoice("reboot", REBOOT_ACTIONS);
    Optional<String> shutdown = arguments.optionalChoice("shutdown", SHUTDOWN_ACTIONS);
    Optional<String> panic = arguments.optionalChoice("panic", PANIC_ACTIONS);
    arguments.optionalChoice("watchdog", WATCHDOG_ACTIONS); // there is no watchdog
    arguments.finish();
    if (shutdown.equals(Optional.of("pause"))) {
      throw notThere("shutdown", "pause", "the machine ends when its guest powers off");
    }
    if (panic.equals(Optional.of("none"))) {
      throw notThere("panic", "none", "accepted are pause, shutdown and exit-failure");
    }
    GuestAccess access = target.access();
    reboot
        .map(word -> word.equals("reset") ? OnReset.RESTART : OnReset.EXIT)
        .ifPresent(access::onReset);
    panic
        .map(word -> word.equals("pause") ? OnPanic.PAUSE : OnPanic.EXIT)
        .ifPresent(access::onPanic);
    return null;
  }

  private static QmpException notThere(String name, String value, String why) {
    return QmpException.generic("%s=%s is not supported: %s", name, value, why);
  }

  private JsonNode queryRam(QmpArguments arguments) throws QmpException {
    arguments.finish();
    long bytes = target.facts().memoryBytes();
    String row = "%24s %8s  %18s %18s %18s%n";
    return text(
        row.formatted("Block Name", "PSize", "Offset", "Used", "Total")
            + row.formatted(InfoCommands.RAM, "4 KiB", hex(0), hex(bytes), hex(bytes)));
  }

  private static String hex(long value) {
    return "0x%016x".formatted(value);
  }

  private CompletableFuture<JsonNode> queryInterrupts(
      QmpArguments arguments, CommandThreads threads) throws QmpException {
    arguments.finish();
    return threads.begin(this::interrupts);
  }

  private JsonNode interrupts() {
    StringBuilder lines = new StringBuilder("IRQ statistics for virtio:\n");
    for (JsonNode device : target.statistics().path("devices")) {
      lines.append(
          "%2d: %d%n".formatted(device.path("gsi").asInt(), device.path("interrupts").asLong()));
    }
    return text(lines.toString());
  }

  private static JsonNode text(String text) {
    return JsonNodeFactory.instance.objectNode().put(TEXT, text);
  }
}
